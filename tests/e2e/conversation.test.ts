import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { Browser, Locator } from "playwright-core";
import { launchBrowser } from "../browser/launch.ts";
import { ServerProcess } from "../support/server-process.ts";
import { Companion } from "./companion.ts";
import { account, Person } from "./person.ts";

let browser: Browser;
let server: ServerProcess;
let alice: Person;

beforeAll(async () => {
  server = await ServerProcess.start({ env: { RATE_LIMIT_SCALE: "0", MESSAGES_PER_SECOND: "0" } });
  browser = await launchBrowser();
  alice = await Person.open(browser, server.port, account("Alice"));
  await alice.register();
});

afterEach(() => {
  expect(alice.complaints.splice(0)).toEqual([]);
});

afterAll(async () => {
  await alice?.[Symbol.asyncDispose]();
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

/** Somebody new who is a contact of Alice's, and she of theirs; her browser shows their chat. */
async function friend(nickname: string): Promise<Companion> {
  const companion = await Companion.register(server, nickname);
  await companion.add(alice.account);
  await alice.addContact(companion.account.email);
  await alice.page.waitForFunction((name) => document.title.includes(name), nickname);
  return companion;
}

const settled = (text: string) =>
  alice.message(text).and(alice.page.locator(":is([data-state=sent],[data-state=delivered],[data-state=read])"));
const state = (text: string, wanted: string) =>
  alice
    .message(text)
    .and(alice.page.locator(`[data-state=${wanted}]`))
    .waitFor();
const top = async (row: Locator) => (await row.boundingBox())?.y;

describe("one's own messages", () => {
  test("show whether they were sent, delivered and read", async () => {
    await using bea = await friend("Bea");
    await alice.send("while you are here");
    await state("while you are here", "delivered");
    await bea.leave();
    await alice.send("while you are away");
    await state("while you are away", "sent");
    await alice.message("while you are away").getByTitle("Sent").waitFor();
    await bea.comeBack();
    await state("while you are away", "delivered");
    await bea.hears("while you are away");
    await bea.read();
    await state("while you are here", "read");
    await state("while you are away", "read");
    await alice.message("while you are away").getByTitle("Read").waitFor();
  });

  test("wait as 'sending' while the server is down, and arrive once and in order when it is back", async () => {
    await using cleo = await friend("Cleo");
    await alice.send("before");
    await cleo.hears("before");
    await server.killHard();
    await alice.get("offline-banner").waitFor();
    const waiting = ["one", "two", "three"];
    for (const text of waiting) await alice.send(text);
    await state("three", "sending");
    expect(await alice.message("three").getByTitle("Sending").count()).toBe(1);
    expect(await alice.get("composer").isEditable()).toBe(true);
    await server.start();
    await settled("three").waitFor();
    await alice.get("offline-banner").waitFor({ state: "hidden" });
    await cleo.hears("three");
    expect((await cleo.history()).map(({ text }) => text)).toEqual(["before", ...waiting]);
    expect(await alice.texts()).toEqual(["before", ...waiting]);
  });

  test("are deleted for everyone from a menu that works by keyboard", async () => {
    await using dora = await friend("Dora");
    await alice.send("stays");
    await alice.send("goes");
    await dora.hears("goes");
    const { keyboard } = alice.page;
    await alice.get("composer").press("ArrowUp");
    await alice.page.locator("article:focus", { hasText: "goes" }).waitFor();
    await keyboard.press("Enter");
    await alice.page.locator("[data-testid=message-copy]:focus").waitFor();
    await keyboard.press("Escape");
    await alice.page.locator("article:focus", { hasText: "goes" }).waitFor();
    await keyboard.press("Enter");
    await keyboard.press("End");
    await alice.page.locator("[data-testid=message-delete]:focus").waitFor();
    await keyboard.press("Enter");
    await alice.get("confirm").waitFor();
    for (let presses = 0; presses < 5 && !(await alice.page.locator("[data-testid=confirm-yes]:focus").count()); presses++)
      await keyboard.press("Tab");
    await keyboard.press("Enter");
    await alice.page.getByText("You deleted this message").waitFor();
    expect(await alice.texts()).toEqual(["stays"]);
    await dora.until(({ lastMessage }) => lastMessage?.kind === "deleted");
    expect((await dora.history()).map(({ kind, text }) => [kind, text])).toEqual([
      ["text", "stays"],
      ["deleted", ""],
    ]);
  });
});

describe("what the other does is shown", () => {
  test("typing, in the chat and in the list, both ways, until it stops", async () => {
    await using emil = await friend("Emil");
    await alice.send("are you there?");
    await emil.hears("are you there?");
    await emil.say("yes");
    await alice.sees("yes");
    await emil.client.setTyping(emil.chat, true);
    await alice.page.getByTitle("About this person").getByText("typing…").waitFor();
    await alice.item("Emil").getByText("typing…").waitFor();
    await emil.client.setTyping(emil.chat, false);
    await alice.page.getByTitle("About this person").getByText("typing…").waitFor({ state: "detached" });

    await alice.get("composer").pressSequentially("I write");
    await emil.until(({ typing }) => typing.length > 0);
    await alice.get("composer").fill("");
    await emil.until(({ typing }) => typing.length === 0);
  });

  test("unread messages: a number in the list and in the title, a divider, and none of it once they are read", async () => {
    await using fred = await friend("Fred");
    await fred.say("seen");
    await alice.sees("seen");
    await fred.until(({ lastMessage }) => lastMessage?.state === "read");
    await alice.page.keyboard.press("Escape");
    await alice.page.keyboard.press("Escape");
    await alice.get("composer").waitFor({ state: "detached" });
    await fred.say("new 1", "new 2", "new 3");
    const badge = alice.item("Fred").getByTestId("unread-badge");
    await badge.getByText("3").waitFor();
    expect(await badge.getAttribute("aria-label")).toBe("3 unread messages");
    expect(await alice.page.title()).toStartWith("(3) ");
    await alice.item("Fred").click();
    await alice.sees("new 3");
    const order = await alice.page
      .locator("[data-testid=unread-divider], [data-testid=message-text]")
      .evaluateAll((elements) => elements.map((element) => (element as HTMLElement).innerText.trim()));
    expect(order).toEqual(["seen", "New messages", "new 1", "new 2", "new 3"]);
    await badge.waitFor({ state: "detached" });
    await fred.until(({ lastMessage }) => lastMessage?.state === "read");
    await alice.page.waitForFunction(() => !document.title.startsWith("("));
  });
});

describe("a long chat", () => {
  test("loads 600 messages while one scrolls up: nothing jumps, the document stays small, all are there once", async () => {
    await using gwen = await friend("Gwen");
    const texts = Array.from(
      { length: 600 },
      (_, index) => `number ${index + 1}${" and more".repeat(index % 9 === 0 ? index % 31 : 0)}`,
    );
    await gwen.say(...texts);
    await alice.sees(texts.at(-1) as string);
    await gwen.until(({ lastMessage }) => lastMessage?.state === "read");
    // A page that was just loaded has the newest only, so that what is older comes from the store as one scrolls.
    await alice.page.reload();
    await alice.sees(texts.at(-1) as string);
    await alice.get("timeline").hover();

    const stepPx = 800;
    const seen = new Map<number, string>();
    let worstPx = 0;
    let mostRows = 0;
    for (;;) {
      // From one frame to the next a row may only go the way of the wheel, and in the end as far as the wheel was turned.
      const watched = await alice.page.evaluateHandle(() => {
        const scroller = document.querySelector("[data-testid=timeline]") as HTMLElement;
        const rows = [...scroller.querySelectorAll<HTMLElement>("[data-testid=message]")];
        const { top: edge } = scroller.getBoundingClientRect();
        const row = rows.find((candidate) => candidate.getBoundingClientRect().bottom > edge + 1) as HTMLElement;
        const watch = { row, tops: [row.getBoundingClientRect().top], running: true };
        const look = () => {
          watch.tops.push(row.getBoundingClientRect().top);
          if (watch.running) requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
        return watch;
      });
      await alice.page.mouse.wheel(0, -stepPx);
      const step = await alice.page.evaluate(
        async ([watch, stepPx]) => {
          const isAtStart = () =>
            document.querySelector("[data-testid=timeline-start]") !== null &&
            (document.querySelector("[data-testid=timeline-start]") as HTMLElement).getBoundingClientRect().top >= 0;
          const frames = async (count: number) => {
            for (let frame = 0; frame < count; frame++) await new Promise(requestAnimationFrame);
          };
          const from = watch.tops[0] as number;
          const moved = () => watch.row.getBoundingClientRect().top - from;
          for (let frame = 0; frame < 300 && moved() < stepPx - 1 && !isAtStart(); frame++) await frames(1);
          await frames(4);
          watch.running = false;
          let back = 0;
          for (let index = 1; index < watch.tops.length; index++)
            back = Math.max(back, (watch.tops[index - 1] as number) - (watch.tops[index] as number));
          return {
            movedPx: moved(),
            backPx: back,
            isAtStart: isAtStart(),
            rows: [...document.querySelectorAll<HTMLElement>("[data-testid=message]")].map(
              (row) => [Number(row.dataset.seq), row.querySelector("[data-testid=message-text]")?.textContent ?? ""] as const,
            ),
          };
        },
        [watched, stepPx] as const,
      );
      for (const [seq, text] of step.rows) seen.set(seq, text);
      mostRows = Math.max(mostRows, step.rows.length);
      worstPx = Math.max(worstPx, step.backPx, step.isAtStart ? 0 : Math.abs(step.movedPx - stepPx));
      if (step.isAtStart) break;
    }
    expect([...seen].toSorted(([a], [b]) => a - b).map(([, text]) => text)).toEqual(texts);
    expect(mostRows).toBeLessThanOrEqual(300);
    expect(worstPx).toBeLessThan(1);

    await alice.get("new-pill").click();
    await alice.sees(texts.at(-1) as string);
    expect(await alice.get("message").count()).toBeLessThanOrEqual(300);
  });

  test("does not move while one reads further up; a pill counts what is new and leads there", async () => {
    await using hugo = await friend("Hugo");
    await hugo.say(...Array.from({ length: 60 }, (_, index) => `line ${index + 1}`));
    await alice.sees("line 60");
    await alice.get("timeline").hover();
    const row = alice.message("line 40");
    const before = await top(row);
    await alice.page.mouse.wheel(0, -500);
    await alice.page.waitForFunction(() => (document.querySelector("[data-testid=timeline]") as HTMLElement).scrollTop <= -499);
    const place = await top(row);
    expect((place as number) - (before as number)).toBe(500);
    for (let n = 1; n <= 5; n++) {
      await hugo.say(`new ${n}`);
      await alice.get("new-pill").getByText(`${n} new`).waitFor();
      expect(await top(row)).toBe(place as number);
    }
    expect(await alice.get("new-pill").getAttribute("aria-label")).toBe("5 new messages, go to the end");
    await alice.get("new-pill").click();
    await alice.message("new 5").waitFor();
    await alice.get("new-pill").waitFor({ state: "detached" });
    expect(await alice.page.evaluate(() => (document.querySelector("[data-testid=timeline]") as HTMLElement).scrollTop)).toBe(0);
  });

  test("stays pinned to its end while new messages come, and says which day it is", async () => {
    await using ida = await friend("Ida");
    for (let n = 1; n <= 3; n++) await ida.say(...Array.from({ length: 15 }, (_, index) => `part ${n}, line ${index + 1}`));
    await alice.sees("part 3, line 15");
    expect(await alice.page.evaluate(() => (document.querySelector("[data-testid=timeline]") as HTMLElement).scrollTop)).toBe(0);
    expect(await alice.message("part 3, line 15").isVisible()).toBe(true);
    expect(await alice.get("day-separator").allInnerTexts()).toEqual(["Today"]);
  });
});

describe("trust", () => {
  test("the safety number is the same on both sides, can be marked as compared, and the mark stays", async () => {
    await using jane = await friend("Jane");
    await alice.send("hello");
    await jane.hears("hello");
    await alice.get("conversation-menu").click();
    await alice.get("open-safety-number").click();
    await alice.get("safety-number").waitFor();
    const shown = (await alice.get("safety-number").innerText()).split(/\s+/);
    expect(shown).toEqual([...(await jane.client.safetyNumber(jane.chat)).groups]);
    expect(shown).toHaveLength(12);
    await alice.get("verify").click();
    await alice.page.getByText("You have verified Jane.").waitFor();
    await alice.page.keyboard.press("Escape");
    const marks = alice.page.getByTitle("Verified: you compared the safety number");
    await marks.nth(1).waitFor();
    await alice.page.reload();
    await marks.nth(1).waitFor();
  });

  test("somebody who was blocked from the menu reaches one no more and does not notice", async () => {
    await using lena = await friend("Lena");
    await using karl = await friend("Karl");
    await karl.say("first");
    await alice.sees("first");
    await alice.get("conversation-menu").click();
    await alice.get("block").click();
    await alice.get("confirm-yes").click();
    await alice.page.getByText("You have blocked Karl.").waitFor();
    expect(await alice.get("composer").count()).toBe(0);
    await karl.say("can you hear me?");
    // What comes after it is there: then it would have come, too.
    await lena.say("later than Karl");
    await alice.item("Lena").getByText("later than Karl").waitFor();
    expect(await alice.page.getByText("can you hear me?").count()).toBe(0);
    expect(await alice.item("Karl").count()).toBe(0);
    const [newest] = (await karl.client.history(karl.chat, { limit: 1 })).messages;
    expect([newest?.text, newest?.state]).toEqual(["can you hear me?", "sent"]);
  });

  test("a request can be ignored or blocked: it is gone, and the stranger only sees that it was sent", async () => {
    await alice.goto("/chat");
    for (const [nickname, button] of [
      ["Mona", "request-ignore"],
      ["Nils", "request-block"],
    ] as const) {
      await using stranger = await Companion.register(server, nickname);
      await stranger.add(alice.account);
      await stranger.say("you do not know me");
      await alice.request(nickname).click();
      await alice.sees("you do not know me");
      expect(await alice.get("composer").count()).toBe(0);
      await alice.get(button).click();
      await alice.request(nickname).waitFor({ state: "detached" });
      await alice.page.waitForURL(({ pathname }) => pathname === "/chat");
      await stranger.say("once more");
      await using other = await Companion.register(server, `${nickname}2`);
      await other.add(alice.account);
      await other.say("a later request");
      await alice.request(`${nickname}2`).waitFor();
      expect(await alice.request(nickname).count()).toBe(0);
      expect((await stranger.history()).map(({ state }) => state)).toEqual(["sent", "sent"]);
    }
  });
});

describe("a message's text", () => {
  test("makes links of web addresses only, which tell the other site nothing", async () => {
    await using otto = await friend("Otto");
    const text = "See https://example.org/a?b=1&c=(2), not javascript:alert(1) nor data:text/html,x nor //example.org.";
    await otto.say(text);
    await alice.sees(text);
    const links = await alice
      .message("See")
      .locator("a")
      .evaluateAll((found) =>
        found.map((link) => [link.getAttribute("href"), link.getAttribute("target"), link.getAttribute("rel"), link.textContent]),
      );
    const address = "https://example.org/a?b=1&c=(2)";
    expect(links).toEqual([[address, "_blank", "noopener noreferrer", address]]);
  });

  test("is never HTML", async () => {
    await using pia = await friend("Pia");
    const text =
      '<img src=x onerror="document.title=1"><b>bold</b>&amp;<script>alert(1)</script><a href="javascript:alert(1)">x</a>';
    await pia.say(text);
    await alice.sees(text);
    expect(await alice.message("bold").locator("img, b, script, a").count()).toBe(0);
    await pia.client.updateProfile({ nickname: "<b>Pia</b>" });
    await alice.item("<b>Pia</b>").waitFor();
    expect(await alice.item("<b>Pia</b>").locator("b").count()).toBe(0);
  });

  test("keeps code as it was typed, in blocks and between words", async () => {
    await using quin = await friend("Quin");
    await quin.say("Try this:\n```ts\nif (a < b) {\n\treturn `x`;\n}\n```\nor `npm  test`, not ``.");
    const message = alice.message("Try this");
    await message.waitFor();
    expect(await message.locator("pre").allTextContents()).toEqual(["if (a < b) {\n\treturn `x`;\n}"]);
    expect(await message.locator("p code").allTextContents()).toEqual(["npm  test"]);
    await alice.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await message.getByRole("button", { name: "Copy" }).click();
    await alice.page.getByText("Copied").waitFor();
    expect(await alice.page.evaluate(() => navigator.clipboard.readText())).toBe("if (a < b) {\n\treturn `x`;\n}");
  });
});

test("a chat with a new contact is there before its first message, also after a reload, with what was typed", async () => {
  await using tina = await friend("Tina");
  expect(await alice.item("Tina").innerText()).not.toContain("1970");
  await alice.page.reload();
  await alice.get("timeline-start").waitFor();
  await alice.get("composer").fill("not sent yet");
  await alice.page.locator("[data-testid=composer][data-draft=kept]").waitFor();
  await alice.page.reload();
  await alice.page.waitForFunction(
    () => document.querySelector<HTMLTextAreaElement>("[data-testid=composer]")?.value === "not sent yet",
  );
  await alice.get("composer").press("Enter");
  await tina.hears("not sent yet");
});

describe("between chats", () => {
  let ruth: Companion;
  let sven: Companion;

  beforeAll(async () => {
    ruth = await friend("Ruth");
    await ruth.say("this is Ruth");
    await alice.sees("this is Ruth");
    sven = await friend("Sven");
    await sven.say("this is Sven");
    await alice.sees("this is Sven");
  });

  afterAll(async () => {
    await ruth?.[Symbol.asyncDispose]();
    await sven?.[Symbol.asyncDispose]();
  });

  test("each chat keeps its own draft, which the list shows", async () => {
    await alice.get("composer").fill("for Sven");
    await alice.openChat("Ruth");
    await alice.sees("this is Ruth");
    expect(await alice.get("composer").inputValue()).toBe("");
    await alice.get("composer").fill("for Ruth");
    await alice.item("Sven").getByText("for Sven").waitFor();
    await alice.item("Sven").getByText("Draft:").waitFor();
    await alice.openChat("Sven");
    await alice.sees("this is Sven");
    expect(await alice.get("composer").inputValue()).toBe("for Sven");
    await alice.send("for Sven");
    await sven.hears("for Sven");
    await alice.openChat("Ruth");
    await alice.sees("this is Ruth");
    expect(await alice.get("composer").inputValue()).toBe("for Ruth");
    await alice.get("composer").fill("");
    expect(await alice.item("Sven").getByText("Draft:").count()).toBe(0);
  });

  test("Ctrl+K finds a chat by some letters of its name, Escape gives the focus back", async () => {
    const { keyboard } = alice.page;
    await alice.openChat("Ruth");
    await alice.get("composer").focus();
    await keyboard.press("Control+k");
    await alice.page.locator("[data-testid=switcher-input]:focus").waitFor();
    await keyboard.press("Escape");
    await alice.get("switcher").waitFor({ state: "detached" });
    await alice.page.locator("[data-testid=composer]:focus").waitFor();
    await keyboard.press("Control+k");
    await alice.page.locator("[data-testid=switcher-input]:focus").waitFor();
    await keyboard.type("svn");
    await alice.get("switcher").locator("[aria-selected=true]", { hasText: "Sven" }).waitFor();
    await keyboard.press("Enter");
    await alice.sees("this is Sven");
    await alice.page.locator("[data-testid=composer]:focus").waitFor();
  });

  test("Alt with the arrows goes through the chats as they stand in the list", async () => {
    const { keyboard } = alice.page;
    const names = await alice
      .get("conversation-item")
      .evaluateAll((items) => items.map((item) => (item as HTMLElement).dataset.peer as string));
    await alice.item(names[0] as string).click();
    const current = (name: string) => alice.item(name).and(alice.page.locator("[aria-current=page]")).waitFor();
    await current(names[0] as string);
    await keyboard.press("Alt+ArrowDown");
    await current(names[1] as string);
    await keyboard.press("Alt+ArrowDown");
    await current(names[2] as string);
    await keyboard.press("Alt+ArrowUp");
    await current(names[1] as string);
  });

  test("Alt with Shift and an arrow goes to unread chats only", async () => {
    await sven.say("I am second now");
    await alice.openChat("Sven");
    await alice.sees("I am second now");
    await using uma = await friend("Uma");
    await uma.say("I am read");
    await alice.sees("I am read");
    await alice.openChat("Sven");
    await ruth.say("unread by then");
    await alice.item("Ruth").getByTestId("unread-badge").waitFor();
    const names = await alice
      .get("conversation-item")
      .evaluateAll((items) => items.map((item) => (item as HTMLElement).dataset.peer));
    expect(names.slice(0, 3)).toEqual(["Ruth", "Uma", "Sven"]);
    await alice.page.keyboard.press("Alt+Shift+ArrowUp");
    await alice.sees("unread by then");
  });
});

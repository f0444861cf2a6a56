import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { launchBrowser } from "../browser/launch.ts";
import { ServerProcess } from "../support/server-process.ts";
import { account, Person } from "./person.ts";

let browser: Browser;
let server: ServerProcess;

beforeAll(async () => {
  server = await ServerProcess.start({ env: { RATE_LIMIT_SCALE: "0" } });
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

const phone = { width: 390, height: 844 };

describe("two people in Chromium", () => {
  test("register, add each other and talk both ways, whatever they write", async () => {
    await using alice = await Person.open(browser, server.port, account("Alice"));
    await using bob = await Person.open(browser, server.port, account("Bob"), phone);
    await alice.register();
    await bob.register();
    await alice.addContact(bob.account.email);
    await bob.addContact(alice.account.email);

    const paragraphs = "The quick brown fox jumps over the lazy dog. ".repeat(223).slice(0, 9_999).concat("!");
    expect(paragraphs.length).toBe(10_000);
    const texts = [
      "Hello Bob",
      "👩‍👩‍👧‍👦 🏳️‍🌈 🇨🇭 ❤️‍🔥",
      "مرحبا بالعالم، كيف حالك؟",
      "שלום עולם, מה שלומך?",
      'if (a < b && c > d) { return "<script>alert(1)</script>"; }',
      "line one\nline two\n\n  indented",
    ];
    for (const text of texts) {
      await alice.page.getByTestId("composer").fill(text);
      await alice.page.getByTestId("send").click();
      await bob.sees(text);
    }
    await alice.page.getByTestId("composer").fill("```ts\nconst one = 1;\n```");
    await alice.page.getByTestId("send").click();
    await bob.page.locator("[data-testid=message-text] code", { hasText: "const one = 1;" }).waitFor();
    await alice.send(paragraphs);
    const long = bob.page.getByTestId("message").last();
    await bob.page.waitForFunction(
      () =>
        [...document.querySelectorAll("[data-testid=message-text]")].at(-1)?.textContent?.startsWith("The quick brown fox") ===
        true,
    );
    const more = long.getByRole("button", { name: "Show more" });
    if (await more.isVisible()) await more.click();
    expect(await long.getByTestId("message-text").textContent()).toBe(paragraphs);

    await bob.send("Hello Alice");
    await alice.sees("Hello Alice");
    // Bob looks at the chat, so what Alice wrote ends up read.
    await alice.page.locator("[data-testid=message][data-mine=true][data-state=read]").last().waitFor();
    expect(alice.complaints).toEqual([]);
    expect(bob.complaints).toEqual([]);
  });

  test("a message of only spaces is refused in the composer and never sent", async () => {
    await using carol = await Person.open(browser, server.port, account("Carol"));
    await using dave = await Person.open(browser, server.port, account("Dave"));
    await carol.register();
    await dave.register();
    await carol.addContact(dave.account.email);
    await carol.send(" \n\t  ");
    expect(await carol.page.getByTestId("send").isDisabled()).toBe(true);
    await carol.send("something");
    await carol.page.locator("[data-testid=message][data-state=sent], [data-testid=message][data-state=delivered]").waitFor();
    expect(await carol.texts()).toEqual(["something"]);
  });

  test("200 messages in a burst arrive once and in order, also at somebody who was offline, and in a third, empty browser", async () => {
    await using erin = await Person.open(browser, server.port, account("Erin"));
    await using frank = await Person.open(browser, server.port, account("Frank"));
    await erin.register();
    await frank.register();
    await erin.addContact(frank.account.email);
    await frank.addContact(erin.account.email);
    await erin.send("before");
    await frank.sees("before");

    frank.goOffline();
    await frank.page.getByTestId("offline-banner").waitFor();
    const burst = Array.from({ length: 200 }, (_, index) => `number ${index + 1}`);
    for (const text of burst) await erin.send(text);
    await frank.send("written while offline");
    await erin.page.waitForFunction(() => document.querySelectorAll("[data-testid=message][data-state=sending]").length === 0);
    frank.goOnline();
    await frank.sees("number 200");
    await erin.sees("written while offline");
    await frank.page.getByTestId("offline-banner").waitFor({ state: "hidden" });
    await frank.page.waitForFunction(() => document.querySelectorAll("[data-testid=message][data-state=sending]").length === 0);

    const expected = ["before", ...burst, "written while offline"].toSorted();
    const inOrder = (history: Map<number, string>) => [...history].toSorted(([a], [b]) => a - b).map(([, text]) => text);
    const seen = inOrder(await frank.readWholeHistory());
    expect(seen.toSorted()).toEqual(expected);
    expect(seen.filter((text) => text.startsWith("number"))).toEqual(burst);

    await using elsewhere = await Person.open(browser, server.port, frank.account);
    await elsewhere.logIn();
    await elsewhere.openChat("Erin");
    expect(inOrder(await elsewhere.readWholeHistory())).toEqual(seen);
    expect(elsewhere.complaints).toEqual([]);
  });

  test("a wrong password and an unknown address get the same sentence, which does not say what was wrong", async () => {
    await using grace = await Person.open(browser, server.port, account("Grace"));
    await grace.register();
    const sentences: (string | null)[] = [];
    for (const who of [grace.account, account("Nobody")]) {
      await using stranger = await Person.open(browser, server.port, who);
      await stranger.logIn("not the password");
      const error = stranger.page.getByTestId("login-error");
      await error.waitFor();
      sentences.push(await error.textContent());
    }
    expect(sentences[0]).toBe(sentences[1] as string);
    expect(sentences[0]).toMatch(/e-mail/i);
    expect(sentences[0]).toMatch(/password/i);
  });

  test("a request from a stranger does not ring, and can be accepted", async () => {
    await using heidi = await Person.open(browser, server.port, account("Heidi"));
    await using ivan = await Person.open(browser, server.port, account("Ivan"));
    await heidi.register();
    await ivan.register();
    const titleBefore = await ivan.page.title();
    await heidi.addContact(ivan.account.email);
    await heidi.send("We have not met");
    await ivan.request("Heidi").getByText("We have not met").waitFor();
    expect(await ivan.page.title()).toBe(titleBefore);
    expect(await ivan.page.getByTestId("unread-badge").count()).toBe(0);
    await ivan.page.getByTestId("request-item").click();
    await ivan.page.getByTestId("request-accept").click();
    await ivan.sees("We have not met");
    await ivan.send("Now we have");
    await heidi.sees("Now we have");
  });

  test("a reload and a second tab show the same conversation without logging in again", async () => {
    await using judy = await Person.open(browser, server.port, account("Judy"));
    await using mallory = await Person.open(browser, server.port, account("Mallory"));
    await judy.register();
    await mallory.register();
    await judy.addContact(mallory.account.email);
    await judy.send("kept");
    await judy.page.locator("[data-testid=message][data-state=sent], [data-testid=message][data-state=delivered]").waitFor();
    await judy.page.getByTestId("composer").fill("a draft");
    await judy.page.locator("[data-testid=composer][data-draft=kept]").waitFor();
    await judy.page.reload();
    await judy.sees("kept");
    expect(await judy.page.getByTestId("composer").inputValue()).toBe("a draft");

    const second = await judy.context.newPage();
    await second.goto(judy.page.url());
    await second.locator("[data-testid=message-text]", { hasText: "kept" }).waitFor();
    await second.getByTestId("composer").fill("from the second tab");
    await second.getByTestId("composer").press("Enter");
    await judy.sees("from the second tab");
    // The first tab owns the connection; closing it hands over to the second.
    await judy.page.close();
    await second.getByTestId("composer").fill("after the first tab closed");
    await second.getByTestId("composer").press("Enter");
    await second
      .locator("[data-testid=message]:is([data-state=sent],[data-state=delivered])", { hasText: "after the first tab closed" })
      .waitFor();
  });
});

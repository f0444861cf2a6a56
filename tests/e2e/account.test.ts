import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { launchBrowser } from "../browser/launch.ts";
import { ServerProcess } from "../support/server-process.ts";
import { Companion } from "./companion.ts";
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

/** What the recovery-key screen shows: the words in their order. */
async function keyOnScreen(person: Person): Promise<string[]> {
  const items = await person.get("recovery-words").locator("bdi").allInnerTexts();
  expect(items).toHaveLength(24);
  return items;
}

async function passCheck(person: Person, words: readonly string[]): Promise<void> {
  for (const field of await person.get("recovery-word").all()) {
    const place = Number(await field.getAttribute("data-place"));
    await field.fill(words[place - 1] as string);
  }
  await person.get("recovery-check").click();
}

describe("the recovery key", () => {
  test("follows the registration: 24 words, groups, a picture, a check of two words that refuses wrong ones", async () => {
    await using anna = await Person.open(browser, server.port, account("Anna"));
    await anna.startRegistration();
    const words = await keyOnScreen(anna);
    expect(await anna.get("recovery-base32").innerText()).toMatch(/^(?:[0-9A-HJKMNP-TV-Z]{4}-){13}[0-9A-HJKMNP-TV-Z]{4}$/);
    const picture = anna.page.locator("svg[role=img] path").first();
    expect((await picture.getAttribute("d"))?.length).toBeGreaterThan(1000);

    await anna.get("recovery-next").click();
    expect(await anna.get("recovery-word").count()).toBe(2);
    await passCheck(
      anna,
      words.map(() => "wrong"),
    );
    expect(await anna.page.locator("[data-testid=recovery-word][aria-invalid=true]").count()).toBe(2);
    expect(await anna.get("recovery-done").count()).toBe(0);
    await passCheck(anna, words);
    await anna.get("recovery-done").click();
    await anna.get("new-chat").waitFor();
    expect(await anna.get("recovery-card").count()).toBe(0);
    await anna.goto("/profile");
    await anna.page.getByText("You have a recovery key.").waitFor();
    expect(anna.complaints).toEqual([]);
  });

  test("can wait: a gentle card, not now, and later it is made with the password", async () => {
    await using ben = await Companion.register(server, "Ben", "account");
    await using page = await Person.open(browser, server.port, ben.account);
    await page.logIn();
    await page.get("recovery-card").waitFor();
    await page.get("recovery-card-later").click();
    await page.get("recovery-card").waitFor({ state: "hidden" });
    await page.page.reload();
    await page.get("profile-link").click();
    await page.get("recovery-make").waitFor();
    expect(await page.get("recovery-card").count()).toBe(0);

    await page.get("recovery-make").click();
    await page.get("recovery-password").fill("not the password");
    await page.get("recovery-password").press("Enter");
    await page.page.getByText("This is not your password.").waitFor();
    await page.get("recovery-password").fill(ben.account.password);
    await page.get("recovery-password").press("Enter");
    await page.get("recovery-words").waitFor();
    const words = await keyOnScreen(page);
    await page.get("recovery-next").click();
    await passCheck(page, words);
    await page.get("recovery-done").click();
    await page.page.getByText("You have a recovery key.").waitFor();
    expect(page.complaints).toEqual([]);
  });

  test("opens an empty browser: a new password is asked for, the whole history is there, the old password is refused", async () => {
    await using carol = await Companion.register(server, "Carol", "account");
    await using dave = await Companion.register(server, "Dave");
    await carol.add(dave.account);
    await dave.add(carol.account);
    await carol.say("first", "second");
    await dave.say("third");
    const { words } = await carol.client.prepareRecoveryKey();
    await carol.client.confirmRecoveryKey();
    await carol.leave();

    await using empty = await Person.open(browser, server.port, carol.account);
    await empty.get("login-use-recovery").click();
    await empty.get("login-email").fill(carol.account.email);
    await empty.get("login-recovery-key").fill(words.toReversed().join(" "));
    await empty.get("login-submit").click();
    await empty.get("login-error").waitFor();
    await empty.get("login-recovery-key").fill(` ${words.join("\n").toUpperCase()} `);
    await empty.get("login-submit").click();
    await empty.get("set-password").fill("a new password of Carol");
    await empty.get("set-password-submit").click();
    await empty.openChat("Dave");
    await empty.sees("third");
    expect(await empty.texts()).toEqual(["first", "second", "third"]);

    await using another = await Person.open(browser, server.port, carol.account);
    await another.logIn();
    await another.get("login-error").waitFor();
    await another.logIn("a new password of Carol");
    await another.openChat("Dave");
    await another.sees("third");
    expect(another.complaints).toEqual([]);
  });
});

describe("one account in two browsers", () => {
  let here: Person;
  let there: Person;

  beforeAll(async () => {
    here = await Person.open(browser, server.port, account("Erin"));
    await here.register();
    there = await Person.open(browser, server.port, here.account);
    await there.logIn();
    await there.get("new-chat").waitFor();
  });

  afterAll(async () => {
    await here?.[Symbol.asyncDispose]();
    await there?.[Symbol.asyncDispose]();
  });

  test("signing out the other one in the list of sessions takes effect there at once, and it says so", async () => {
    await here.get("profile-link").click();
    await here.get("session").nth(1).waitFor();
    expect(await here.get("revoke-session").count()).toBe(1);
    await here.get("revoke-session").click();
    await there.page.getByText("This device was signed out from another one").waitFor();
    await here.page.waitForFunction(() => document.querySelectorAll("[data-testid=session]").length === 1);
  });

  test("a changed password signs the other one out, which says so, and only the new one opens it", async () => {
    await there.logIn();
    await there.get("new-chat").waitFor();
    await here.goto("/profile");
    await here.get("change-password").click();
    await here.get("current-password").fill("not the password");
    await here.get("new-password").fill("another long password");
    await here.get("change-password-submit").click();
    await here.page.getByText("The current password is wrong.").waitFor();
    await here.get("current-password").fill(here.account.password);
    await here.get("change-password-submit").click();
    await there.page.getByText("This device was signed out from another one").waitFor();
    await here.get("change-password").waitFor();

    await there.logIn();
    await there.get("login-error").waitFor();
    await there.logIn("another long password");
    await there.get("new-chat").waitFor();
  });

  test("logging out leaves nothing behind in the browser", async () => {
    await here.get("logout").click();
    await here.get("login-email").waitFor();
    const left = await here.page.evaluate(async () => {
      const finished = <T>(request: IDBRequest<T>) =>
        new Promise<T>((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      const recordBytes: number[] = [];
      const keys: string[] = [];
      for (const { name } of await indexedDB.databases()) {
        const database = await finished(indexedDB.open(name as string));
        const read = database.transaction(["records", "keys"]);
        for (const record of await finished(read.objectStore("records").getAll())) recordBytes.push(record.byteLength);
        keys.push(...(await finished(read.objectStore("keys").getAllKeys())).map(String));
        database.close();
      }
      return {
        recordBytes,
        keys,
        local: Object.keys(localStorage),
        session: Object.keys(sessionStorage),
        cookies: document.cookie,
      };
    });
    // One small record says why nobody is signed in; the two keys are new, for what is stored next. None is a client's.
    expect(left.recordBytes.length).toBeLessThanOrEqual(1);
    expect(left.recordBytes[0] ?? 0).toBeLessThan(100);
    expect(left.keys.filter((name) => !name.startsWith("store/"))).toEqual([]);
    expect([left.local, left.session, left.cookies]).toEqual([[], [], ""]);
    await here.goto("/chat");
    await here.get("login-email").waitFor();
    expect(here.page.url()).toEndWith("/login");
  });

  test("no page complained", () => {
    expect([here.complaints, there.complaints]).toEqual([[], []]);
  });
});

describe("the profile, seen by somebody else", () => {
  let fay: Person;
  let gus: Person;

  beforeAll(async () => {
    fay = await Person.open(browser, server.port, account("Fay"));
    gus = await Person.open(browser, server.port, account("Gus"));
    await Promise.all([fay.register(), gus.register()]);
    await fay.addContact(gus.account.email);
    await gus.addContact(fay.account.email);
    await gus.send("Hello Fay");
    await fay.sees("Hello Fay");
    await fay.get("profile-link").click();
  });

  afterAll(async () => {
    await fay?.[Symbol.asyncDispose]();
    await gus?.[Symbol.asyncDispose]();
  });

  const header = () => gus.page.getByTitle("About this person");

  test("a chat status is shown to contacts at once; offline hides", async () => {
    const choose = (status: string) => fay.get("chat-status").locator(`input[value=${status}]`).check();
    await header().getByText("Online").first().waitFor();
    await choose("busy");
    await header().getByText("Busy").first().waitFor();
    await choose("dnd");
    await header().getByText("Do not disturb").first().waitFor();
    await choose("offline");
    await header().locator(".dot").waitFor({ state: "detached" });
    expect(await header().innerText()).not.toMatch(/online|busy|disturb/i);
    await choose("online");
    await header().getByText("Online").first().waitFor();
  });

  test("a picture that was uploaded is drawn at the other's", async () => {
    const png = await fay.page.evaluate(() => {
      const canvas = document.createElement("canvas");
      canvas.width = 300;
      canvas.height = 200;
      const context = canvas.getContext("2d") as CanvasRenderingContext2D;
      context.fillStyle = "rgb(0, 128, 0)";
      context.fillRect(0, 0, 300, 200);
      return canvas.toDataURL("image/png").split(",")[1] as string;
    });
    await fay.get("picture-file").setInputFiles({ name: "fay.png", mimeType: "image/png", buffer: Buffer.from(png, "base64") });
    await fay.page.getByText("Change picture").waitFor();
    const drawn = header().locator("img");
    await drawn.waitFor();
    const color = await drawn.evaluate(async (image: HTMLImageElement) => {
      await image.decode();
      const canvas = document.createElement("canvas");
      canvas.width = 1;
      canvas.height = 1;
      const context = canvas.getContext("2d") as CanvasRenderingContext2D;
      context.drawImage(image, 0, 0, 1, 1);
      return [image.naturalWidth, image.naturalHeight, ...context.getImageData(0, 0, 1, 1).data];
    });
    expect(color.slice(0, 2)).toEqual([200, 200]);
    const [red, green, blue] = color.slice(2) as [number, number, number];
    expect(Math.max(red, Math.abs(green - 128), blue)).toBeLessThan(12);
  });

  test("a file that is no picture is refused with a sentence", async () => {
    await fay.get("picture-file").setInputFiles({ name: "fay.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
    await fay.page.getByText("This file is not a picture").waitFor();
  });

  test("a new nickname is seen by the other person at once", async () => {
    await fay.get("profile-nickname").fill("Fay the Second");
    await fay.get("profile-save").click();
    await gus.item("Fay the Second").waitFor();
    await header().getByText("Fay the Second").waitFor();
  });

  test("no page complained", () => {
    expect([fay.complaints, gus.complaints]).toEqual([[], []]);
  });
});

// The media and files of a conversation in Chromium: collected by kind, found by name, opened, followed to where they were sent.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { FileToSend } from "@cychat/sdk";
import type { Browser, Locator } from "playwright-core";
import { drawLandscape } from "../browser/draw-landscape.ts";
import { launchBrowser } from "../browser/launch.ts";
import { until } from "../support/people.ts";
import { ServerProcess } from "../support/server-process.ts";
import { Companion } from "./companion.ts";
import { overTheSides, seriousProblems, tooSmallForAFinger } from "./look.ts";
import { account, Person } from "./person.ts";

let browser: Browser;
let server: ServerProcess;
let alice: Person;
let bob: Companion;

const phone = { width: 390, height: 844 };
/** More than one page of history, and than what a browser reads of it when it opens a conversation. */
const between = 1200;

const file = (name: string, content = name): FileToSend => ({
  name,
  type: "application/octet-stream",
  blob: new Blob([content]),
});

async function photo(name: string, width = 320, height = 240): Promise<FileToSend> {
  const [whole, small] = await Promise.all([
    drawLandscape(alice.page, width, height, "image/png"),
    drawLandscape(alice.page, 64, 48, "image/webp"),
  ]);
  return { name, type: "image/png", blob: new Blob([new Uint8Array(whole)]), width, height, thumbnail: new Uint8Array(small) };
}

/** Bob sends them in one message, and the server has it. */
async function bobSends(...files: FileToSend[]): Promise<void> {
  const { id } = await bob.client.sendFiles(bob.chat, files);
  await until(bob.client, async () =>
    (await bob.client.history(bob.chat, { limit: 5 })).messages.some((message) => message.id === id && message.seq !== null),
  );
}

async function aliceSends(name: string, content = name): Promise<void> {
  await alice.get("attach-input").setInputFiles([{ name, mimeType: "text/plain", buffer: Buffer.from(content) }]);
  await alice.get("tray-file").waitFor();
  await alice.get("send").click();
  await alice.get("file-tray").waitFor({ state: "detached" });
}

beforeAll(async () => {
  server = await ServerProcess.start({ env: { RATE_LIMIT_SCALE: "0", MESSAGES_PER_SECOND: "0" } });
  browser = await launchBrowser();
  alice = await Person.open(browser, server.port, account("Alice"));
  bob = await Companion.register(server, "Bob");
  await alice.register();
  await bob.add(alice.account);
  await alice.addContact(bob.account.email);
  await alice.send("hello");
  await bob.hears("hello");
  await bobSends(file("Übersicht der Ernte.pdf"), file("harvest-2019.csv", "a,b"));
  await bob.say(...Array.from({ length: between }, (_, index) => `line ${index + 1}`));
  await bobSends(await photo("first light.png"), await photo("noon.png"), await photo("dusk.png"));
  await bobSends({
    ...file("voice.webm", "not really sound"),
    type: "audio/webm",
    durationMs: 7000,
    waveform: new Uint8Array([9, 200, 90]),
  });
  await bobSends(file("plan.txt", "the plan"), file("archive.zip", "PK"));
  await aliceSends("my notes.txt", "my notes");
  await alice.page.locator("[data-testid=file-card][data-name='my notes.txt']").waitFor();
  await bob.hears("");
}, 240_000);

afterEach(() => {
  expect(alice.complaints.splice(0)).toEqual([]);
});

afterAll(async () => {
  await bob?.[Symbol.asyncDispose]();
  await alice?.[Symbol.asyncDispose]();
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

async function openGallery(person = alice): Promise<void> {
  await person.get("conversation-menu").click();
  await person.get("open-gallery").click();
  await person.get("gallery").waitFor();
}

async function closeGallery(person = alice): Promise<void> {
  await person.get("close-panel").click();
  await person.get("gallery").waitFor({ state: "detached" });
}

const tab = (kind: "media" | "voice" | "other", person = alice) => person.get(`gallery-tab-${kind}`).click();
const names = (items: Locator) => items.evaluateAll((all) => all.map((item) => (item as HTMLElement).dataset.name ?? ""));
const row = (name: string, person = alice) => person.page.locator(`[data-testid=gallery-file][data-name="${name}"]`);
const focusedName = (person = alice) => person.page.evaluate(() => (document.activeElement as HTMLElement).dataset.name);

describe("what was sent", () => {
  test("stands by its kind, the newest first, with who sent it", async () => {
    await openGallery();
    await alice.get("gallery-media").nth(2).waitFor();
    expect(await names(alice.get("gallery-media"))).toEqual(["first light.png", "noon.png", "dusk.png"]);
    await alice.get("gallery").getByRole("heading", { level: 3 }).waitFor();
    await alice.get("gallery-media").first().locator("img").waitFor();

    await tab("other");
    await row("harvest-2019.csv").waitFor();
    expect(await names(alice.get("gallery-file"))).toEqual([
      "my notes.txt",
      "plan.txt",
      "archive.zip",
      "Übersicht der Ernte.pdf",
      "harvest-2019.csv",
    ]);
    await row("my notes.txt").getByText("You").waitFor();
    await row("plan.txt").getByText("Bob").waitFor();

    await tab("voice");
    await alice.get("gallery-voice").getByText("0:07").waitFor();
    await alice.get("gallery-voice").getByText("Bob").waitFor();
    await closeGallery();
  });

  test("is opened there: a picture in the viewer, a text in the preview, and others are downloaded", async () => {
    await openGallery();
    await alice.get("gallery-media").nth(1).click();
    await alice.get("viewer").getByAltText("noon.png").waitFor();
    await alice.page.keyboard.press("Escape");
    await alice.get("viewer").waitFor({ state: "detached" });
    expect(await focusedName()).toBe("noon.png");
    await tab("other");
    await row("plan.txt").getByRole("button", { name: "Open plan.txt" }).click();
    await alice.page.locator("[data-testid=preview][data-state=shown]").waitFor();
    await alice.page.frameLocator("[data-testid=preview-frame]").getByText("the plan").waitFor();
    await alice.get("preview-close").click();
    await alice.get("preview").waitFor({ state: "detached" });
    const [download] = await Promise.all([
      alice.page.waitForEvent("download"),
      row("archive.zip").getByRole("button", { name: "Download archive.zip" }).click(),
    ]);
    expect(download.suggestedFilename()).toBe("archive.zip");
    await closeGallery();
  });

  test("comes while one looks, and goes when it is deleted", async () => {
    await openGallery();
    await tab("other");
    await row("my notes.txt").waitFor();
    await bobSends(file("just now.md", "# Now"));
    await row("just now.md").waitFor();
    expect((await names(alice.get("gallery-file")))[0]).toBe("just now.md");
    const { messages } = await bob.client.history(bob.chat, { limit: 5 });
    const gone = messages.filter(({ files }) => files.some(({ name }) => name === "just now.md"));
    await bob.client.deleteMessages(
      bob.chat,
      gone.map(({ id }) => id),
    );
    await row("just now.md").waitFor({ state: "detached" });
    await closeGallery();
  });
});

describe("a search", () => {
  const search = (what: string) => alice.get("gallery-search").fill(what);
  const results = (n: number) =>
    alice.get("gallery-status").getByText(n === 1 ? "1 file found" : `${n} files found`, { exact: true });

  test("finds a part of a name in any case, of every kind, and marks it", async () => {
    await openGallery();
    await search("NO");
    await results(2).waitFor();
    expect(await names(alice.get("gallery-file"))).toEqual(["my notes.txt", "noon.png"]);
    expect(await row("noon.png").locator("mark").allInnerTexts()).toEqual(["no"]);
    expect((await row("my notes.txt").locator("bdi").textContent()) ?? "").toBe("my notes.txt");
    await alice.get("gallery-search").press("Escape");
    await alice.get("gallery-tab-media").waitFor();
    await closeGallery();
  });

  test("finds what was sent long before what this device has read, umlauts and all", async () => {
    await using fresh = await Person.open(browser, server.port, alice.account);
    await fresh.logIn();
    await fresh.openChat("Bob");
    await fresh.sees(`line ${between}`);
    await openGallery(fresh);
    // Held back, so that it can be seen that it is searched, and stopped.
    const held = Promise.withResolvers<void>();
    await fresh.context.route(/[?&]before=/, async (route) => {
      await held.promise;
      await route.continue();
    });
    await fresh.get("gallery-search").fill("U\u0308BERSICHT");
    await fresh.get("gallery-status").getByText("Searching older messages…").waitFor();
    await fresh.get("gallery-stop").click();
    await fresh.get("gallery-status").getByText("Stopped.").waitFor();
    held.resolve();
    await fresh.get("gallery-go-on").click();
    await row("Übersicht der Ernte.pdf", fresh).waitFor();
    await fresh.get("gallery-status").getByText("1 file found", { exact: true }).waitFor();
    expect(await row("Übersicht der Ernte.pdf", fresh).locator("mark").allInnerTexts()).toEqual(["Übersicht"]);

    // And it leads to where that was said, twelve hundred messages before.
    await row("Übersicht der Ernte.pdf", fresh).getByTestId("gallery-more").click();
    await fresh.get("gallery-jump").click();
    const card = fresh.page.locator("[data-testid=file-card][data-name='Übersicht der Ernte.pdf']");
    await card.waitFor();
    expect(
      await card.evaluate((element) => {
        const { top, bottom } = element.getBoundingClientRect();
        return top > 0 && bottom < innerHeight;
      }),
    ).toBe(true);
    expect(await fresh.get("gallery").count()).toBe(1);
    expect(fresh.complaints).toEqual([]);
  }, 60_000);

  test("that finds nothing says that all was looked at", async () => {
    await openGallery();
    await search("nothing is called so");
    await alice.get("gallery-empty").getByText("No file has this in its name").waitFor();
    await closeGallery();
  });
});

test("everything goes by keyboard", async () => {
  const { keyboard } = alice.page;
  await alice.get("composer").press("Escape");
  await keyboard.press("f");
  await alice.get("gallery-media").nth(2).waitFor();
  await alice.get("gallery-tab-media").focus();
  await keyboard.press("Tab");
  expect(await focusedName()).toBe("first light.png");
  await keyboard.press("ArrowRight");
  expect(await focusedName()).toBe("noon.png");
  await keyboard.press("End");
  expect(await focusedName()).toBe("dusk.png");
  await keyboard.press("Home");
  expect(await focusedName()).toBe("first light.png");
  await keyboard.press("Enter");
  await alice.get("viewer").getByAltText("first light.png").waitFor();
  await keyboard.press("Escape");
  await alice.get("viewer").waitFor({ state: "detached" });
  await alice.get("gallery-tab-media").focus();
  await keyboard.press("ArrowRight");
  await row("my notes.txt").waitFor();
  await keyboard.press("Tab");
  await keyboard.press("ArrowDown");
  expect(await alice.page.evaluate(() => document.activeElement?.closest("li")?.dataset.name)).toBe("plan.txt");
  await keyboard.press("Escape");
  await alice.get("gallery").waitFor({ state: "detached" });
});

test("without a network it shows what this device has, and the rest when the network is back", async () => {
  await using fresh = await Person.open(browser, server.port, alice.account);
  await fresh.logIn();
  await fresh.openChat("Bob");
  await fresh.sees(`line ${between}`);
  fresh.goOffline();
  await fresh.get("offline-banner").waitFor();
  await openGallery(fresh);
  await tab("other", fresh);
  await row("my notes.txt", fresh).waitFor();
  await fresh.get("gallery-problem").getByText("You are offline.").waitFor();
  expect(await row("harvest-2019.csv", fresh).count()).toBe(0);
  fresh.goOnline();
  await row("harvest-2019.csv", fresh).waitFor();
  await fresh.get("gallery-problem").waitFor({ state: "detached" });
}, 60_000);

test("a room has one, too, and a new one says that it is empty", async () => {
  await alice.createRoom("Garden", { people: ["Bob"] });
  await openGallery();
  await alice.get("gallery-empty").getByText("No photos or videos yet").waitFor();
  await tab("voice");
  await alice.get("gallery-empty").getByText("No voice messages yet").waitFor();
  await tab("other");
  await alice.get("gallery-empty").getByText("No files yet").waitFor();
  await aliceSends("seeds.csv", "bean,pea");
  await row("seeds.csv").getByText("You").waitFor();
  const room = await until(bob.client, async () => (await bob.client.conversations()).find(({ title }) => title === "Garden"));
  await until(bob.client, async () =>
    (await bob.client.conversations()).find(({ id, room: facts }) => id === room.id && facts?.standing === "member"),
  );
  await bob.client.sendFiles(room.id, [file("beds.txt", "three beds")]);
  await row("beds.txt").getByText("Bob").waitFor();
  // From one panel to the other, and back to neither in one step.
  await alice.get("room-header").click();
  await alice.get("member-panel").waitFor();
  await closeMembers();
  await alice.openChat("Bob");
});

async function closeMembers(): Promise<void> {
  await alice.get("close-panel").click();
  await alice.get("member-panel").waitFor({ state: "detached" });
}

describe("how it looks", () => {
  for (const [size, scheme, viewport] of [
    ["wide", "light", { width: 1280, height: 800 }],
    ["wide", "dark", { width: 1280, height: 800 }],
    ["narrow", "light", { width: 320, height: 640 }],
  ] as const)
    test(`nothing is out of place: ${size}, ${scheme}`, async () => {
      await alice.openChat("Bob");
      await alice.page.emulateMedia({ colorScheme: scheme });
      await openGallery();
      await alice.page.setViewportSize(viewport);
      for (const kind of ["media", "voice", "other"] as const) {
        await tab(kind);
        await alice
          .get(kind === "other" ? "gallery-file" : `gallery-${kind}`)
          .first()
          .waitFor();
        expect(await overTheSides(alice.page)).toEqual([]);
        expect(await seriousProblems(alice.page)).toEqual([]);
      }
      await alice.page.setViewportSize({ width: 1280, height: 800 });
      await closeGallery();
      await alice.page.emulateMedia({ colorScheme: "light" });
    });

  test("on a phone it takes the screen, everything is large enough for a finger, and what it leads to is seen", async () => {
    await using touch = await Person.open(browser, server.port, alice.account, phone, { hasTouch: true, isMobile: true });
    await touch.logIn();
    await touch.item("Bob").click();
    await touch.get("composer").waitFor();
    await openGallery(touch);
    await touch.get("gallery-media").first().waitFor();
    expect((await touch.get("gallery").boundingBox())?.width).toBe(phone.width);
    for (const kind of ["media", "voice", "other"] as const) {
      await tab(kind, touch);
      await touch
        .get(kind === "other" ? "gallery-file" : `gallery-${kind}`)
        .first()
        .waitFor();
      expect(await tooSmallForAFinger(touch.page)).toEqual([]);
      expect(await overTheSides(touch.page)).toEqual([]);
    }
    await row("plan.txt", touch).getByTestId("gallery-more").click();
    await touch.get("gallery-jump").click();
    await touch.get("gallery").waitFor({ state: "detached" });
    await touch.page.locator("[data-testid=file-card][data-name='plan.txt']").waitFor();
    expect(touch.complaints).toEqual([]);
  }, 60_000);
});

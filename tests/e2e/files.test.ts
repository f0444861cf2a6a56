// Pictures and files between two people in Chromium: picked, pasted, dropped; what arrives, and what does not.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Download, Locator, Page } from "playwright-core";
import { drawLandscape } from "../browser/draw-landscape.ts";
import { launchBrowser } from "../browser/launch.ts";
import { zip } from "../browser/zip.ts";
import { ServerProcess } from "../support/server-process.ts";
import { overTheSides, seriousProblems, tooSmallForAFinger } from "./look.ts";
import { account, Person } from "./person.ts";

let browser: Browser;
let server: ServerProcess;
let alice: Person;
let bob: Person;

const phone = { width: 390, height: 844 };

beforeAll(async () => {
  server = await ServerProcess.start({ env: { RATE_LIMIT_SCALE: "0", MESSAGES_PER_SECOND: "0", MAX_UPLOAD_MB: "8" } });
  browser = await launchBrowser();
  alice = await Person.open(browser, server.port, account("Alice"));
  bob = await Person.open(browser, server.port, account("Bob"));
  await alice.register();
  await bob.register();
  await alice.addContact(bob.account.email);
  await bob.addContact(alice.account.email);
  await alice.send("hello");
  await bob.sees("hello");
});

afterEach(() => {
  expect([...alice.complaints.splice(0), ...bob.complaints.splice(0)]).toEqual([]);
});

afterAll(async () => {
  await alice?.[Symbol.asyncDispose]();
  await bob?.[Symbol.asyncDispose]();
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

interface Picked {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

/** A picture of some colours, as a browser writes it. */
async function picture(name: string, width: number, height: number, type = "image/png"): Promise<Picked> {
  return { name, mimeType: type, buffer: await drawLandscape(alice.page, width, height, type) };
}

/** The same JPEG with an EXIF block that says where it was taken: 47° 30′ N. */
function withPlace({ name, mimeType, buffer }: Picked): Picked {
  const tiff = Buffer.alloc(74);
  tiff.write("II*\0", "latin1");
  tiff.writeUInt32LE(8, 4);
  tiff.writeUInt16LE(1, 8);
  entry(10, 0x8825, 4, 1, 26);
  tiff.writeUInt16LE(1, 26);
  entry(28, 0x0002, 5, 3, 44);
  for (const [index, value] of [47, 1, 30, 1, 0, 1].entries()) tiff.writeUInt32LE(value, 44 + index * 4);
  function entry(at: number, tag: number, type: number, count: number, value: number): void {
    tiff.writeUInt16LE(tag, at);
    tiff.writeUInt16LE(type, at + 2);
    tiff.writeUInt32LE(count, at + 4);
    tiff.writeUInt32LE(value, at + 8);
  }
  const body = Buffer.concat([Buffer.from("Exif\0\0", "latin1"), tiff]);
  const head = Buffer.from([0xff, 0xe1, 0, 0]);
  head.writeUInt16BE(body.length + 2, 2);
  return { name, mimeType, buffer: Buffer.concat([buffer.subarray(0, 2), head, body, buffer.subarray(2)]) };
}

const saysWhere = (bytes: Buffer) => bytes.includes("Exif\0\0", 0, "latin1");
const text = (name: string, content: string): Picked => ({ name, mimeType: "text/plain", buffer: Buffer.from(content) });

function noise(name: string, bytes: number, seed = 1): Picked {
  const buffer = Buffer.alloc(bytes);
  let state = seed;
  for (let at = 0; at < bytes; at++) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    buffer[at] = state >> 16;
  }
  return { name, mimeType: "application/octet-stream", buffer };
}

async function pick(person: Person, ...files: Picked[]): Promise<void> {
  const before = await person.get("tray-file").count();
  await person.get("attach-input").setInputFiles([...files]);
  await person
    .get("tray-file")
    .nth(before + files.length - 1)
    .waitFor();
}

/** As a drag from the desktop, or the clipboard, hands them over. */
async function transfer(page: Page, files: readonly Picked[], how: "drop" | "over" | "paste"): Promise<void> {
  await page.evaluate(
    ([files, how]) => {
      const data = new DataTransfer();
      for (const { name, type, base64 } of files)
        data.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name, { type }));
      if (how === "paste") {
        const box = document.querySelector("[data-testid=composer]") as HTMLElement;
        box.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        return;
      }
      const target = document.querySelector("[data-testid=timeline]") as HTMLElement;
      for (const type of how === "over" ? ["dragenter", "dragover"] : ["dragenter", "dragover", "drop"])
        target.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
    },
    [files.map(({ name, mimeType, buffer }) => ({ name, type: mimeType, base64: buffer.toString("base64") })), how] as const,
  );
}

const captioned = (person: Person, caption: string) => person.message(caption);
const card = (within: Locator, name: string) => within.locator(`[data-testid=file-card][data-name="${name}"]`);
const settled = (row: Locator, timeout = 30_000) =>
  row.and(row.page().locator(":is([data-state=sent],[data-state=delivered],[data-state=read])")).waitFor({ timeout });

async function bytesOf(download: Download): Promise<Buffer> {
  return readFile(await download.path());
}

async function download(person: Person, press: Locator): Promise<{ name: string; bytes: Buffer }> {
  const [started] = await Promise.all([person.page.waitForEvent("download"), press.click()]);
  return { name: started.suggestedFilename(), bytes: await bytesOf(started) };
}

/** Downloads the only picture of a message from the viewer. */
async function downloadPicture(person: Person, row: Locator): Promise<{ name: string; bytes: Buffer }> {
  await row.getByTestId("picture").click();
  await person.get("viewer-picture").waitFor();
  const got = await download(person, person.get("viewer-download"));
  await person.page.keyboard.press("Escape");
  await person.get("viewer").waitFor({ state: "detached" });
  return got;
}

async function sendWith(person: Person, caption: string): Promise<void> {
  await person.get("composer").fill(caption);
  await person.get("composer").press("Enter");
  await person.get("file-tray").waitFor({ state: "detached" });
}

describe("files that are sent", () => {
  test("arrive whole with their caption, a picture seen and everything else to be downloaded", async () => {
    const sunset = await picture("sunset.png", 640, 480);
    const notes = text("notes.txt", "Grüße aus Zürich\n".repeat(50));
    const packed = zip({ "notes.txt": notes.buffer, "backup.bin": noise("", 3_000_000).buffer });
    const name = "backup with a name that is long enough to be cut.zip";
    const large: Picked = { name, mimeType: "application/zip", buffer: packed };
    await pick(alice, sunset, notes, large);
    await alice.page.locator("[data-testid=tray-file] img").waitFor();
    await sendWith(alice, "from the lake");
    expect(await alice.get("composer").inputValue()).toBe("");
    await settled(captioned(alice, "from the lake"));

    const row = captioned(bob, "from the lake");
    await row.getByTestId("full-picture").waitFor();
    expect(await row.getByTestId("picture").getAttribute("aria-label")).toBe("Look at sunset.png");
    for (const file of [notes, large]) {
      const got = await download(bob, card(row, file.name).getByTestId("download"));
      expect(got.name).toBe(file.name);
      expect(got.bytes.equals(file.buffer)).toBe(true);
    }
    const got = await downloadPicture(bob, row);
    expect(got.name).toBe("sunset.png");
    expect(await bob.item("Alice").innerText()).toContain("3 files: from the lake");
    // The picture's place is the one it had before it came.
    const box = await row.getByTestId("picture").boundingBox();
    expect((box?.width ?? 0) / (box?.height ?? 1)).toBeCloseTo(4 / 3, 1);
  });

  test("say nothing of where a photo was taken, unless its sender wants the original", async () => {
    const photo = withPlace(await picture("holiday.jpg", 3200, 2400, "image/jpeg"));
    expect(saysWhere(photo.buffer)).toBe(true);
    await pick(alice, photo);
    await alice.page.getByText("Where they were taken is left out").waitFor();
    await sendWith(alice, "made smaller");
    const smaller = await downloadPicture(bob, captioned(bob, "made smaller"));
    expect(saysWhere(smaller.bytes)).toBe(false);
    expect(smaller.bytes.includes("Exif")).toBe(false);
    const size = await bob.page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const { width, height } = await createImageBitmap(new Blob([bytes]));
      return [width, height];
    }, smaller.bytes.toString("base64"));
    expect(size).toEqual([2560, 1920]);

    await pick(alice, photo);
    await alice.get("originals").check();
    await alice.page.getByText("Location data stays inside").waitFor();
    await sendWith(alice, "as it was");
    const original = await downloadPicture(bob, captioned(bob, "as it was"));
    expect(original.bytes.equals(photo.buffer)).toBe(true);
  });

  test("are named in lists, and without a caption too", async () => {
    await pick(alice, await picture("one.png", 300, 200), await picture("two.png", 200, 300));
    await alice.get("send").click();
    await bob.item("Alice").getByText("2 photos").waitFor();
    await bob.page.waitForFunction(
      () =>
        [...document.querySelectorAll("[data-testid=message]")].at(-1)?.querySelectorAll("[data-testid=full-picture]").length ===
        2,
    );
    await pick(alice, text("report.txt", "short"));
    await alice.get("send").click();
    await bob.item("Alice").getByText("File: report.txt").waitFor();
    expect(await bob.get("message").last().getByTestId("message-text").count()).toBe(0);
  });
});

describe("the tray", () => {
  test("takes what is pasted and dropped, gives back what is removed, and stays with its conversation", async () => {
    const shot = await picture("image.png", 200, 120);
    await transfer(alice.page, [shot], "paste");
    await alice.get("tray-file").waitFor();
    await transfer(alice.page, [text("dropped.txt", "dropped"), text("unwanted.txt", "unwanted")], "over");
    await alice.page.getByText("Drop files to add them").waitFor();
    await transfer(alice.page, [text("dropped.txt", "dropped"), text("unwanted.txt", "unwanted")], "drop");
    await alice.page.getByText("Drop files to add them").waitFor({ state: "detached" });
    await alice.get("tray-file").nth(2).waitFor();
    await alice.page.getByRole("button", { name: "Remove unwanted.txt" }).click();
    await alice.get("composer").fill("kept words");
    await alice.page.keyboard.press("Escape");
    await alice.page.keyboard.press("Escape");
    await alice.get("file-tray").waitFor({ state: "detached" });
    await alice.openChat("Bob");
    expect(await alice.get("tray-file").evaluateAll((all) => all.map((item) => (item as HTMLElement).dataset.name))).toEqual([
      "image.png",
      "dropped.txt",
    ]);
    expect(await alice.get("composer").inputValue()).toBe("kept words");
    await alice.get("composer").press("Enter");
    const row = captioned(bob, "kept words");
    await card(row, "dropped.txt").waitFor();
    await row.getByTestId("full-picture").waitFor();
    expect(await card(row, "unwanted.txt").count()).toBe(0);
    // The draft went with it.
    await alice.get("file-tray").waitFor({ state: "detached" });
    await alice.page.reload();
    await alice.get("composer").waitFor();
    expect(await alice.get("composer").inputValue()).toBe("");
  });

  test("takes no more files than a message may have, and says so", async () => {
    const many = Array.from({ length: 22 }, (_, index) => text(`${index + 1}.txt`, `${index}`));
    await alice.get("attach-input").setInputFiles(many);
    await alice.get("tray-problem").getByText("A message takes 20 files. 2 were not added").waitFor();
    expect(await alice.get("tray-file").count()).toBe(20);
    await alice.page.getByRole("button", { name: "Remove all" }).click();
    await alice.get("file-tray").waitFor({ state: "detached" });
    expect(await alice.page.evaluate(() => document.activeElement?.getAttribute("data-testid"))).toBe("composer");
  });
});

test("what the server would not take is named at once, and what was there stays", async () => {
  await pick(alice, text("stays.txt", "stays"));
  await alice.get("attach-input").setInputFiles([noise("too large.bin", 9_000_000)]);
  await alice.get("tray-problem").getByText("“too large.bin” was not added: this server takes files of up to").waitFor();
  expect(await alice.get("tray-file").count()).toBe(1);
  await alice.page.getByRole("button", { name: "Remove stays.txt" }).click();
  await alice.get("file-tray").waitFor({ state: "detached" });
});

describe("what cannot be opened", () => {
  /** The one blob that came since. */
  async function blobAfter(send: () => Promise<void>): Promise<string> {
    const all = async () => {
      const entries = await readdir(server.uploadFolder, { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    };
    const before = new Set(await all());
    await send();
    const [blob] = (await all()).filter((path) => !before.has(path));
    if (blob === undefined) throw new Error("no file has come to the server");
    return blob;
  }
  const send = async (name: string) => {
    await pick(alice, noise(name, 200_000, name.length));
    await sendWith(alice, name);
    await settled(captioned(alice, name));
  };

  test("says so: what was changed on the server is no file, and what is not there any more is gone", async () => {
    const changed = await blobAfter(() => send("changed.bin"));
    const bytes = await readFile(changed);
    bytes[100_000] = (bytes[100_000] as number) ^ 1;
    await writeFile(changed, bytes);
    const gone = await blobAfter(() => send("gone.bin"));
    await rm(gone);
    for (const [name, words] of [
      ["changed.bin", "This file is damaged and was not opened."],
      ["gone.bin", "The server does not have this file any more."],
    ] as const) {
      const shown = card(captioned(bob, name), name);
      await shown.getByTestId("download").click();
      await shown.getByTestId("file-problem").getByText(words).waitFor();
    }
  });
});

describe("on the way", () => {
  test("what is being uploaded shows how far it is, waits for the connection, and can be called back", async () => {
    await pick(alice, noise("never.bin", 6_000_000, 7));
    alice.goOffline();
    await alice.get("offline-banner").waitFor();
    await sendWith(alice, "called back");
    const row = captioned(alice, "called back");
    await row.getByTestId("uploading").getByText("Waiting for the connection").waitFor();
    await row.getByTestId("cancel-upload").click();
    await row.waitFor({ state: "detached" });
    await pick(alice, noise("later.bin", 1_000_000, 9));
    await sendWith(alice, "goes out later");
    await captioned(alice, "goes out later").getByTestId("uploading").waitFor();
    alice.goOnline();
    await settled(captioned(alice, "goes out later"));
    await captioned(bob, "goes out later").waitFor();
    expect(await captioned(bob, "called back").count()).toBe(0);
  });
});

describe("the viewer", () => {
  test("goes through the pictures of a message by keyboard, looks closer, and gives the focus back", async () => {
    const names = ["first.png", "second.png", "third.png"];
    await pick(alice, ...(await Promise.all(names.map((name, index) => picture(name, 400 + index * 100, 300)))));
    await sendWith(alice, "three of them");
    const row = captioned(bob, "three of them");
    await row.getByTestId("full-picture").nth(2).waitFor();
    await row.getByTestId("picture").nth(1).click();
    const { keyboard } = bob.page;
    const shown = (name: string) => bob.get("viewer").getByAltText(name).waitFor();
    await shown("second.png");
    await bob.get("viewer").getByText("2 of 3").waitFor();
    await keyboard.press("ArrowRight");
    await shown("third.png");
    await keyboard.press("Home");
    await shown("first.png");
    await keyboard.press("+");
    await bob.page.locator(".stage.zoomed").waitFor();
    expect(await seriousProblems(bob.page)).toEqual([]);
    await keyboard.press("-");
    await keyboard.press("Escape");
    await bob.get("viewer").waitFor({ state: "detached" });
    expect(await bob.page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe("Look at second.png");
  });
});

describe("how it looks", () => {
  const screens = [
    ["wide", "light", { width: 1280, height: 800 }],
    ["wide", "dark", { width: 1280, height: 800 }],
    ["phone", "light", phone],
  ] as const;
  for (const [size, scheme, viewport] of screens)
    test(`nothing is out of place or out of reach: ${size}, ${scheme}`, async () => {
      const { page } = alice;
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize(viewport);
      await transfer(page, [await picture("tray.png", 300, 200), text("a file in the tray.txt", "text")], "paste");
      await page.locator("[data-testid=tray-file] img").waitFor();
      expect(await overTheSides(page)).toEqual([]);
      expect(await seriousProblems(page)).toEqual([]);
      await page.getByRole("button", { name: "Remove all" }).click();
      await page.setViewportSize({ width: 1280, height: 800 });
      await page.emulateMedia({ colorScheme: "light" });
    });

  test("everything is large enough for a finger", async () => {
    await using touch = await Person.open(browser, server.port, bob.account, phone, { hasTouch: true, isMobile: true });
    await touch.logIn();
    await touch.item("Alice").click();
    await touch.get("composer").waitFor();
    await touch.get("full-picture").first().waitFor();
    await pick(touch, text("one.txt", "one"), await picture("two.png", 300, 300));
    await touch.page.locator("[data-testid=tray-file] img").waitFor();
    expect(await tooSmallForAFinger(touch.page)).toEqual([]);
    expect(await overTheSides(touch.page)).toEqual([]);
    await touch.get("attach").click();
    await touch.page.getByRole("menuitem", { name: "Camera" }).waitFor();
    expect(touch.complaints).toEqual([]);
  });
});

test("a file can be the first thing that is said", async () => {
  await using carol = await Person.open(browser, server.port, account("Carol"));
  await carol.register();
  await carol.addContact(alice.account.email);
  await pick(carol, text("first.txt", "first"));
  await sendWith(carol, "before any word");
  await settled(captioned(carol, "before any word"), 10_000);
  expect(carol.complaints).toEqual([]);
});

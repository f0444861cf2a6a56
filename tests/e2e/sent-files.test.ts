// What files tell about their sender, and what of it arrives; uploads that are held back and go on.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Locator } from "playwright-core";
import { drawLandscape } from "../browser/draw-landscape.ts";
import { launchBrowser } from "../browser/launch.ts";
import { mp4 } from "../browser/make-media.ts";
import { ServerProcess } from "../support/server-process.ts";
import { overTheSides, seriousProblems, tooSmallForAFinger } from "./look.ts";
import { account, Person } from "./person.ts";

let browser: Browser;
let server: ServerProcess;
let alice: Person;
let bob: Person;

beforeAll(async () => {
  server = await ServerProcess.start({ env: { RATE_LIMIT_SCALE: "0", MESSAGES_PER_SECOND: "0" } });
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

const where = "+47.3769+008.5417/";

function gif(...notes: string[]): Picked {
  const frame = [0x21, 0xf9, 4, 0, 10, 0, 0, 0, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0];
  const said = notes.map((note) => Buffer.concat([Buffer.from([0x21, 0xfe, note.length]), Buffer.from(`${note}\0`)]));
  const head = Buffer.from([1, 0, 1, 0, 0x80, 0, 0, 200, 80, 80, 255, 255, 255]);
  const loop = Buffer.concat([Buffer.from([0x21, 0xff, 11]), Buffer.from("NETSCAPE2.0"), Buffer.from([3, 1, 0, 0, 0])]);
  const buffer = Buffer.concat([Buffer.from("GIF89a"), head, ...said, loop, Buffer.from([...frame, ...frame, 0x3b])]);
  return { name: "dance.gif", mimeType: "image/gif", buffer };
}

/** A real one, with where it was filmed behind everything else in its index. */
async function film(): Promise<Picked> {
  const plain = await mp4(alice.page, { seconds: 1 });
  const place = Buffer.concat([Buffer.from([0, where.length, 0x15, 0xc7]), Buffer.from(where)]);
  const inner = Buffer.concat([Buffer.from([0, 0, 0, 8 + place.length, 0xa9]), Buffer.from("xyz"), place]);
  const told = Buffer.concat([Buffer.from([0, 0, 0, 8 + inner.length]), Buffer.from("udta"), inner]);
  const buffer = Buffer.concat([plain, told]);
  const index = plain.lastIndexOf("moov") - 4;
  buffer.writeUInt32BE(plain.readUInt32BE(index) + told.length, index);
  return { name: "film.mp4", mimeType: "video/mp4", buffer };
}

async function pick(person: Person, ...files: readonly Picked[]): Promise<void> {
  await person.get("attach-input").setInputFiles([...files]);
  await person
    .get("tray-file")
    .nth(files.length - 1)
    .waitFor();
}

async function sendWith(person: Person, caption: string): Promise<void> {
  await person.get("composer").fill(caption);
  await person.get("composer").press("Enter");
  await person.get("file-tray").waitFor({ state: "detached" });
}

async function download(person: Person, press: Locator): Promise<Buffer> {
  const [started] = await Promise.all([person.page.waitForEvent("download"), press.click()]);
  return readFile(await started.path());
}

async function downloadPicture(person: Person, caption: string): Promise<Buffer> {
  await person.message(caption).getByTestId("picture").click();
  await person.get("viewer-picture").waitFor();
  const bytes = await download(person, person.get("viewer-download"));
  await person.page.keyboard.press("Escape");
  await person.get("viewer").waitFor({ state: "detached" });
  return bytes;
}

describe("what a file tells", () => {
  test("stays behind: of a picture that moves, which is not made anew; unless its sender wants the original", async () => {
    const dance = gif(`made in ${where}`);
    await pick(alice, dance);
    await alice.page.getByText("Where they were made, when, and with what is left out.").waitFor();
    expect(await alice.get("tray-telling").count()).toBe(0);
    await sendWith(alice, "without a note");
    expect((await downloadPicture(bob, "without a note")).equals(gif().buffer)).toBe(true);

    await pick(alice, dance);
    await alice.get("originals").check();
    await alice.get("tray-telling").waitFor();
    await sendWith(alice, "with its note");
    expect((await downloadPicture(bob, "with its note")).equals(dance.buffer)).toBe(true);
  });

  test("stays behind: of a video, in its place, so that it plays as before", async () => {
    const clip = await film();
    await pick(alice, clip);
    await alice.page.getByText("Where they were made, when, and with what is left out.").waitFor();
    await sendWith(alice, "from the lake");
    const got = await download(bob, bob.message("from the lake").getByTestId("download"));
    expect(got.includes(where)).toBe(false);
    expect(got.length).toBe(clip.buffer.length);
    const differs = [...got.keys()].filter((at) => got[at] !== clip.buffer[at]);
    expect(differs.every((at) => at >= clip.buffer.lastIndexOf("udta"))).toBe(true);
    const seconds = await bob.page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const video = document.createElement("video");
      video.src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
      await new Promise((resolve, reject) => {
        video.onloadeddata = resolve;
        video.onerror = () => reject(video.error);
      });
      return video.duration;
    }, got.toString("base64"));
    expect(seconds).toBeCloseTo(1, 1);
  });

  test("is said of each file that keeps it, and explained when one asks", async () => {
    const whole = gif(`made in ${where}`);
    const broken = { ...whole, name: "broken.gif", buffer: whole.buffer.subarray(0, -1) };
    const photo = { name: "photo.png", mimeType: "image/png", buffer: await drawLandscape(alice.page, 60, 40, "image/png") };
    const few = Buffer.from("few bytes");
    await pick(
      alice,
      photo,
      whole,
      broken,
      { name: "a contract with a long name, second draft.docx", mimeType: "", buffer: few },
      { name: "clip.webm", mimeType: "video/webm", buffer: few },
      { name: "photo.heic", mimeType: "image/heic", buffer: few },
      { name: "song.mp3", mimeType: "audio/mpeg", buffer: few },
      { name: "notes.txt", mimeType: "text/plain", buffer: few },
    );
    const saying = (name: string) => alice.page.getByRole("button", { name: `${name} keeps its details. What are they?` });
    await saying("song.mp3").waitFor();
    const named = ["broken.gif", "a contract with a long name, second draft.docx", "clip.webm", "photo.heic", "song.mp3"];
    for (const name of named) expect([name, await saying(name).count()]).toEqual([name, 1]);
    expect(await alice.get("tray-telling").count()).toBe(named.length);
    await saying("broken.gif").click();
    await alice.get("tray-explained").getByText("A picture may say where and when it was taken").waitFor();
    await saying("clip.webm").click();
    await alice.get("tray-explained").getByText("“clip.webm” is sent exactly as it is. A video may say where").waitFor();
    for (const width of [1280, 390, 320]) {
      await alice.page.setViewportSize({ width, height: 800 });
      expect([width, await overTheSides(alice.page)]).toEqual([width, []]);
      expect([width, await seriousProblems(alice.page)]).toEqual([width, []]);
    }
    await alice.page.setViewportSize({ width: 1280, height: 800 });
    await saying("clip.webm").click();
    expect(await alice.get("tray-explained").isVisible()).toBe(false);
    await alice.page.getByRole("button", { name: "Remove all" }).click();
  });

  test("can be asked with a finger, too", async () => {
    const screen = { width: 390, height: 844 };
    await using touch = await Person.open(browser, server.port, bob.account, screen, { hasTouch: true, isMobile: true });
    await touch.logIn();
    await touch.item("Alice").click();
    await pick(touch, { ...gif("note"), buffer: gif("note").buffer.subarray(0, -1) }, await film());
    await touch.get("tray-telling").waitFor();
    await touch.get("tray-telling").tap();
    await touch.get("tray-explained").getByText("“dance.gif” is sent exactly as it is.").waitFor();
    expect(await tooSmallForAFinger(touch.page)).toEqual([]);
    expect(touch.complaints).toEqual([]);
  });
});

test("a file that is not there any more is named, with what to do about it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cychat-picked-"));
  const path = join(folder, "moved away.txt");
  await writeFile(path, "for a moment");
  await alice.get("attach-input").setInputFiles(path);
  await alice.get("tray-file").waitFor();
  await rm(path);
  await alice.get("send").click();
  await alice.get("tray-problem").getByText("“moved away.txt” cannot be read: it was moved or changed").waitFor();
  expect(await alice.get("tray-file").count()).toBe(1);
  await alice.page.getByRole("button", { name: "Remove moved away.txt" }).click();
  await rm(folder, { recursive: true });
});

test("what is being uploaded can be held back, also over a reload, and goes on when one likes", async () => {
  const large = { name: "large.bin", mimeType: "application/octet-stream", buffer: Buffer.alloc(3_000_000, 7) };
  await pick(alice, large);
  alice.goOffline();
  await alice.get("offline-banner").waitFor();
  await sendWith(alice, "later");
  const row = alice.message("later");
  await row.getByTestId("uploading").waitFor();
  await row.getByRole("button", { name: "Pause", exact: true }).click();
  await row.getByTestId("uploading").getByText("Paused").waitFor();
  alice.goOnline();
  await alice.get("offline-banner").waitFor({ state: "detached" });
  await alice.page.reload();
  await row.getByTestId("uploading").getByText("Paused").waitFor();
  await alice.send("meanwhile");
  await bob.sees("meanwhile");
  expect(await bob.message("later").count()).toBe(0);
  await row.getByTestId("uploading").getByText("Paused").waitFor();
  expect(await seriousProblems(alice.page)).toEqual([]);
  await row.getByRole("button", { name: "Go on", exact: true }).click();
  await row.getByTestId("uploading").waitFor({ state: "detached" });
  await bob.message("later").waitFor();
  const got = await download(bob, bob.message("later").getByTestId("download"));
  expect(got.equals(large.buffer)).toBe(true);
});

// Films and recordings that play while they come, and large files that are saved without being in memory as a whole.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { launchBrowser } from "../browser/launch.ts";
import { mp4, webmAudio } from "../browser/make-media.ts";
import { ServerProcess } from "../support/server-process.ts";
import { overTheSides, seriousProblems, tooSmallForAFinger } from "./look.ts";
import { account, Person } from "./person.ts";

let browser: Browser;
let server: ServerProcess;
let alice: Person;
let bob: Person;
let film: Buffer;
let recording: Buffer;
let archive: Buffer;

const filmSeconds = 40;
const recordingSeconds = 40;

beforeAll(async () => {
  server = await ServerProcess.start({ env: { RATE_LIMIT_SCALE: "0", MESSAGES_PER_SECOND: "0", MAX_UPLOAD_MB: "64" } });
  browser = await launchBrowser();
  alice = await Person.open(browser, server.port, account("Alice"));
  bob = await Person.open(browser, server.port, account("Bob"));
  await alice.register();
  await bob.register();
  await alice.addContact(bob.account.email);
  await bob.addContact(alice.account.email);
  await alice.send("hello");
  await bob.sees("hello");
  film = await mp4(alice.page, { seconds: filmSeconds });
  recording = await webmAudio(alice.page, { seconds: recordingSeconds, bitsPerSecond: 500_000 });
  archive = noise(34 * 1024 * 1024 + 12_345);
  await send("film.mp4", "video/mp4", film);
  await send("recording.weba", "audio/webm", recording);
}, 120_000);

afterEach(() => {
  expect([...alice.complaints.splice(0), ...bob.complaints.splice(0)]).toEqual([]);
});

afterAll(async () => {
  await alice?.[Symbol.asyncDispose]();
  await bob?.[Symbol.asyncDispose]();
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

function noise(bytes: number): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  let state = 1;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return Buffer.from(words.buffer, 0, bytes);
}

/** Alice sends it, named by its caption, too. */
async function send(name: string, mimeType: string, buffer: Buffer): Promise<void> {
  await alice.get("attach-input").setInputFiles([{ name, mimeType, buffer }]);
  await alice.get("tray-file").waitFor();
  await alice.send(name);
  await alice
    .message(name)
    .and(alice.page.locator(":is([data-state=sent],[data-state=delivered],[data-state=read])"))
    .waitFor({ timeout: 90_000 });
}

/** As `send`; what came to the server's disk. */
async function sendToDisk(name: string, mimeType: string, buffer: Buffer): Promise<string> {
  const all = async () => {
    const entries = await readdir(server.uploadFolder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  };
  const before = new Set(await all());
  await send(name, mimeType, buffer);
  const [blob] = (await all()).filter((path) => !before.has(path));
  if (blob === undefined) throw new Error("no file has come to the server");
  return blob;
}

async function alter(path: string, part: number): Promise<void> {
  const bytes = await readFile(path);
  const at = Math.floor(bytes.length * part);
  bytes[at] = (bytes[at] as number) ^ 1;
  await writeFile(path, bytes);
}

const card = (page: Page, name: string) => page.locator(`[data-testid=file-card][data-name="${name}"]`);

/** Once the service worker is in charge of the page: also of the first one there is, without a reload. */
const inCharge = (page: Page) => page.waitForFunction(() => navigator.serviceWorker.controller !== null);

/** Presses play, and waits until it plays. */
async function play(page: Page, name: string): Promise<Locator> {
  await inCharge(page);
  await card(page, name).getByTestId("play").click();
  const player = card(page, name).getByTestId("player");
  await player.waitFor();
  await playsOn(player);
  return player;
}

/** Waits until it is later in the film than now. */
const playsOn = (player: Locator) =>
  player.evaluate((element: HTMLMediaElement) => {
    const before = element.currentTime;
    return new Promise<void>((resolve, reject) => {
      element.addEventListener("error", () => reject(new Error(element.error?.message)), { once: true });
      element.addEventListener("timeupdate", () => element.currentTime > before && resolve());
    });
  });

/** Goes to a second of the film, and gives back what is on the screen then: a few colours. */
const seek = (player: Locator, seconds: number) =>
  player.evaluate(async (element: HTMLMediaElement, seconds) => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    element.addEventListener("seeked", resolve, { once: true });
    element.addEventListener("error", () => reject(new Error(element.error?.message)), { once: true });
    element.currentTime = seconds;
    await promise;
    if (!(element instanceof HTMLVideoElement)) return [];
    const canvas = new OffscreenCanvas(4, 4);
    const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
    context.drawImage(element, 0, 0, 4, 4);
    return [...context.getImageData(0, 0, 4, 4).data];
  }, seconds);

const ended = (player: Locator) =>
  player.evaluate(
    (element: HTMLMediaElement) =>
      new Promise<number>((resolve, reject) => {
        element.addEventListener("error", () => reject(new Error(element.error?.message)), { once: true });
        if (element.ended) resolve(element.currentTime);
        else element.addEventListener("ended", () => resolve(element.currentTime), { once: true });
      }),
  );
const duration = (player: Locator) => player.evaluate((element: HTMLMediaElement) => element.duration);
const address = (player: Locator) => player.evaluate((element: HTMLMediaElement) => new URL(element.currentSrc).pathname);

/** What an address answers to a player. */
const answered = (page: Page, path: string) =>
  page.evaluate(async (path) => {
    const answer = await fetch(path, { headers: { range: "bytes=0-99" } });
    return {
      status: answer.status,
      headers: Object.fromEntries(answer.headers),
      length: (await answer.arrayBuffer()).byteLength,
    };
  }, path);

/** Everything that has come and gone, in bytes: more than the file's own. */
const onTheWire = (person: Person) => person.proxy.captured().length;

async function close(page: Page, name: string): Promise<void> {
  await card(page, name).getByTestId("close-player").click();
  await card(page, name).getByTestId("player").waitFor({ state: "detached" });
}

describe("a file that plays", () => {
  test("seeks to its end and back, and is not fetched as a whole for that", async () => {
    const before = onTheWire(bob);
    const player = await play(bob.page, "film.mp4");
    expect(await duration(player)).toBeCloseTo(filmSeconds, 0);
    const late = await seek(player, filmSeconds - 2);
    expect(await ended(player)).toBeCloseTo(filmSeconds, 0);
    expect(late.length).toBe(64);
    expect(onTheWire(bob) - before).toBeLessThan(film.length * 0.6);
    const early = await seek(player, 2);
    expect(early).not.toEqual(late);
    await seek(player, filmSeconds / 2);
    await player.evaluate((element: HTMLMediaElement) => element.play());
    await playsOn(player);
    const { status, headers, length } = await answered(bob.page, await address(player));
    expect([status, length]).toEqual([206, 100]);
    expect(headers).toMatchObject({
      "content-type": "video/mp4",
      "content-range": `bytes 0-99/${film.length}`,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; sandbox",
    });
    await close(bob.page, "film.mp4");
  });

  test("can be a recording, as fast as one likes", async () => {
    const player = await play(bob.page, "recording.weba");
    expect(await duration(player)).toBeCloseTo(recordingSeconds, 0);
    await seek(player, 20);
    const speed = card(bob.page, "recording.weba").getByTestId("speed");
    for (const rate of ["2", "0.5"]) {
      await speed.selectOption(`${rate}×`);
      expect(await player.evaluate((element: HTMLMediaElement) => element.playbackRate)).toBe(Number(rate));
    }
    await speed.focus();
    await bob.page.keyboard.press("ArrowDown");
    await bob.page.waitForFunction(
      (element) => (element as HTMLMediaElement).playbackRate === 0.75,
      await player.elementHandle(),
    );
    await seek(player, recordingSeconds - 1);
    expect(await ended(player)).toBeCloseTo(recordingSeconds, 0);
    await close(bob.page, "recording.weba");
  });

  test("goes on when the browser has stopped the service worker in between", async () => {
    const player = await play(bob.page, "film.mp4");
    const session = await bob.context.newCDPSession(bob.page);
    await session.send("ServiceWorker.enable");
    await session.send("ServiceWorker.stopAllWorkers");
    await seek(player, filmSeconds - 5);
    await playsOn(player);
    await session.send("ServiceWorker.stopAllWorkers");
    await seek(player, filmSeconds / 2);
    await playsOn(player);
    await session.detach();
    await close(bob.page, "film.mp4");
  });

  test("plays in a tab that leaves the client to another one", async () => {
    const tab = await bob.context.newPage();
    await tab.goto(bob.page.url());
    const player = await play(tab, "film.mp4");
    await seek(player, filmSeconds - 3);
    await playsOn(player);
    await seek(player, 1);
    await playsOn(player);
    await tab.close();
  });

  test("is forgotten when its player is closed", async () => {
    const player = await play(bob.page, "film.mp4");
    const path = await address(player);
    expect(path).toMatch(/^\/stream\/[0-9a-f-]{36}$/);
    expect((await answered(bob.page, path)).status).toBe(206);
    await close(bob.page, "film.mp4");
    expect(await answered(bob.page, path)).toMatchObject({ status: 404, length: 0 });
    const again = await play(bob.page, "film.mp4");
    expect(await address(again)).not.toBe(path);
    await close(bob.page, "film.mp4");
  });

  test("says that it waits for the connection, and goes on when that is back", async () => {
    const player = await play(bob.page, "film.mp4");
    await player.evaluate((element: HTMLMediaElement) => element.pause());
    bob.goOffline();
    await bob.get("offline-banner").waitFor();
    const sought = seek(player, filmSeconds - 4);
    await bob.get("file-waits").getByText("You are offline. It goes on when you are back.").waitFor({ timeout: 60_000 });
    bob.goOnline();
    await sought;
    await bob.get("file-waits").waitFor({ state: "detached" });
    await close(bob.page, "film.mp4");
  });

  test("ends with a sentence where a piece is not what was sent, or is not there any more", async () => {
    const altered = await sendToDisk("altered.mp4", "video/mp4", film);
    await alter(altered, 0.6);
    const player = await play(bob.page, "altered.mp4");
    await player.evaluate((element: HTMLMediaElement, seconds) => {
      element.currentTime = seconds;
    }, filmSeconds * 0.6);
    const problem = card(bob.page, "altered.mp4").getByTestId("file-problem");
    await problem.getByText("This file is damaged and was not opened.").waitFor();
    await player.waitFor({ state: "detached" });

    const gone = await sendToDisk("gone.mp4", "video/mp4", film);
    await rm(gone);
    await card(bob.page, "gone.mp4").getByTestId("play").click();
    await card(bob.page, "gone.mp4")
      .getByTestId("file-problem")
      .getByText("The server does not have this file any more.")
      .waitFor();
  });

  test("is fetched as a whole where no service worker is in charge", async () => {
    await using guest = await Person.open(browser, server.port, bob.account, undefined, { serviceWorkers: "block" });
    await guest.logIn();
    await guest.openChat("Alice");
    await card(guest.page, "recording.weba").getByTestId("play").click();
    const player = card(guest.page, "recording.weba").getByTestId("player");
    await playsOn(player);
    expect(await player.evaluate((element: HTMLMediaElement) => element.currentSrc)).toStartWith("blob:");
    await seek(player, recordingSeconds - 1);
    await ended(player);
    expect(guest.complaints).toEqual([]);
  });
});

describe("a large file that is saved", () => {
  test("is byte for byte what was sent, under its name", async () => {
    const name = "Fotos, Zürich & „Umgebung“ (2024).zip";
    await send(name, "application/zip", archive);
    await inCharge(bob.page);
    const [download] = await Promise.all([
      bob.page.waitForEvent("download"),
      card(bob.page, name).getByTestId("download").click(),
    ]);
    expect(new URL(download.url()).pathname).toStartWith("/stream/");
    expect((await readFile(await download.path())).equals(archive)).toBe(true);
    expect(download.suggestedFilename()).toBe(name);
    await card(bob.page, name).getByTestId("stop-download").waitFor({ state: "detached" });
    expect(await bob.page.locator("iframe").count()).toBe(0);
    expect((await answered(bob.page, new URL(download.url()).pathname)).status).toBe(404);

    // Stopped, it is no file; and it can be had again.
    const [stopped] = await Promise.all([
      bob.page.waitForEvent("download"),
      card(bob.page, name).getByTestId("download").click(),
    ]);
    await card(bob.page, name).getByTestId("stop-download").click();
    expect(await stopped.failure()).not.toBeNull();
    await card(bob.page, name).getByTestId("download").waitFor();
    expect(await card(bob.page, name).getByTestId("file-problem").count()).toBe(0);
  });

  test("is never finished where it is not what was sent", async () => {
    const path = await sendToDisk("altered.zip", "application/zip", archive);
    await alter(path, 0.99);
    const [download] = await Promise.all([
      bob.page.waitForEvent("download"),
      card(bob.page, "altered.zip").getByTestId("download").click(),
    ]);
    expect(await download.failure()).not.toBeNull();
    await card(bob.page, "altered.zip")
      .getByTestId("file-problem")
      .getByText("This file is damaged and was not opened.")
      .waitFor();
  });
});

describe("how a player looks", () => {
  test("everything is within reach on a phone, also a narrow one", async () => {
    await using touch = await Person.open(
      browser,
      server.port,
      bob.account,
      { width: 390, height: 844 },
      { hasTouch: true, isMobile: true },
    );
    await touch.logIn();
    await touch.item("Alice").click();
    for (const name of ["recording.weba", "film.mp4"]) {
      await card(touch.page, name).scrollIntoViewIfNeeded();
      await play(touch.page, name);
    }
    for (const width of [390, 320]) {
      await touch.page.setViewportSize({ width, height: 844 });
      expect(await overTheSides(touch.page)).toEqual([]);
      expect(await tooSmallForAFinger(touch.page)).toEqual([]);
    }
    expect(await seriousProblems(touch.page)).toEqual([]);
    expect(touch.complaints).toEqual([]);
  });
});

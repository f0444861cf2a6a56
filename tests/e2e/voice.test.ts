// Voice messages between two people in Chromium with a microphone that beeps once a second: recorded, listened to, sent, heard.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { Browser, Locator } from "playwright-core";
import { launchBrowser } from "../browser/launch.ts";
import { ServerProcess } from "../support/server-process.ts";
import { Companion } from "./companion.ts";
import { overTheSides, seriousProblems, tooSmallForAFinger } from "./look.ts";
import { listening, playedSince, watchMicrophones, watchPlaying } from "./media.ts";
import { type Account, account, Person } from "./person.ts";

const beeping = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

let browser: Browser;
let server: ServerProcess;
let alice: Person;
let bob: Person;

async function open(who: Account, ...more: [screen?: { width: number; height: number }, options?: object]): Promise<Person> {
  const person = await Person.open(browser, server.port, who, ...more);
  await watchMicrophones(person.page);
  return person;
}

beforeAll(async () => {
  server = await ServerProcess.start({ env: { RATE_LIMIT_SCALE: "0", MESSAGES_PER_SECOND: "0" } });
  browser = await launchBrowser(beeping);
  alice = await open(account("Alice"));
  bob = await open(account("Bob"));
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

const panel = (person: Person, stage: string) => person.page.locator(`[data-testid=voice-panel][data-stage=${stage}]`);
const settled = (row: Locator) =>
  row.and(row.page().locator(":is([data-state=sent],[data-state=delivered],[data-state=read])")).waitFor();
const voices = (person: Person) => person.get("message").filter({ has: person.page.getByTestId("voice-message") });
const focused = (person: Person) => person.page.evaluate(() => document.activeElement?.getAttribute("data-testid"));
const playing = (player: Locator, is: boolean) =>
  player.and(player.page().locator(`[data-testid=voice-player][data-playing=${is}]`)).waitFor();

/** Until the clock of the recording shows so much, or more. */
const recorded = (person: Person, seconds: number) =>
  person.page.waitForFunction((wanted) => {
    const [minutes, rest] = (document.querySelector("[data-testid=voice-elapsed]")?.textContent ?? "").split(":").map(Number);
    return (minutes ?? 0) * 60 + (rest ?? 0) >= wanted;
  }, seconds);

async function record(person: Person, seconds: number): Promise<void> {
  await person.get("voice-record").click();
  await recorded(person, seconds);
}

const position = (within: Locator) => within.getByTestId("waveform").getAttribute("aria-valuenow").then(Number);

describe("a voice message", () => {
  test("is recorded, listened to and sent, and the other side sees how long and loud it is, and hears it", async () => {
    await alice.get("voice-record").click();
    await panel(alice, "recording").waitFor();
    expect(await listening(alice)).toBe(1);
    await recorded(alice, 3);
    await alice.get("voice-stop").click();
    await panel(alice, "ready").waitFor();
    expect(await listening(alice)).toBe(0);
    const preview = panel(alice, "ready").getByTestId("voice-player");
    const length = await preview.getByTestId("voice-time").innerText();
    expect(length).toMatch(/^0:0[3-9]$/);
    await preview.getByTestId("voice-play").click();
    await playing(preview, true);
    await preview.getByTestId("voice-time").getByText(` / ${length}`).waitFor();
    await preview.getByTestId("voice-play").click();
    await playing(preview, false);
    await alice.get("voice-send").click();
    await panel(alice, "ready").waitFor({ state: "detached" });
    expect(await focused(alice)).toBe("composer");
    await settled(voices(alice).last());

    await bob.item("Alice").getByText(`🎤 Voice message, ${length}`).waitFor();
    const player = voices(bob).last().getByTestId("voice-player");
    await player.getByTestId("voice-time").getByText(length, { exact: true }).waitFor();
    // Beeps and pauses: bars of several heights, and none of them stands outside.
    const heights = await player
      .getByTestId("waveform")
      .locator("path")
      .first()
      .evaluate((path) => [...new Set((path.getAttribute("d") ?? "").match(/(?<= )[\d.]+V[\d.]+/g))]);
    expect(heights.length).toBeGreaterThan(2);
    await player.getByTestId("voice-play").click();
    await playing(player, true);
    await player.getByTestId("voice-time").getByText(` / ${length}`).waitFor();
    // At its end it stands at its start again.
    await playing(player, false);
    await player.getByTestId("voice-time").getByText(length, { exact: true }).waitFor();
  });

  test("can be paused while it is recorded, and goes on", async () => {
    await record(alice, 1);
    await alice.get("voice-pause").click();
    await panel(alice, "paused").waitFor();
    const held = await alice.get("voice-elapsed").innerText();
    expect(await focused(alice)).toBe("voice-resume");
    expect(await alice.get("voice-elapsed").innerText()).toBe(held);
    await alice.page.keyboard.press("Enter");
    await panel(alice, "recording").waitFor();
    await recorded(alice, 2);
    // It can be sent at once, too.
    await alice.get("voice-send").click();
    await panel(alice, "recording").waitFor({ state: "detached" });
    await settled(voices(alice).last());
    await voices(bob).nth(1).waitFor();
    expect(await listening(alice)).toBe(0);
  });

  test("is moved in by pointer and keyboard, plays faster, and silences the one before", async () => {
    // Nobody has heard the first of the two here yet.
    const [first, second] = [voices(bob).nth(1), voices(bob).nth(0)];
    const slider = first.getByRole("slider", { name: "Position in the voice message" });
    const box = await slider.boundingBox();
    if (!box) throw new Error("there is no waveform");
    await bob.page.mouse.click(box.x + box.width * 0.7, box.y + box.height / 2);
    // What is not there yet is fetched, and plays from where one pressed.
    await playing(first.getByTestId("voice-player"), true);
    await first.getByTestId("voice-play").click();
    expect(await position(first)).toBeGreaterThanOrEqual(1);
    await slider.focus();
    await bob.page.keyboard.press("Home");
    expect(await position(first)).toBe(0);
    expect(await slider.getAttribute("aria-valuetext")).toMatch(/^0:00 of 0:0[2-9]$/);
    await bob.page.keyboard.press("ArrowRight");
    expect(await position(first)).toBe(1);
    // The keys are the player's: the timeline stays where it is.
    expect(await focused(bob)).toBe("waveform");

    await first.getByTestId("voice-speed").click();
    await first.getByTestId("voice-speed").click();
    expect(await second.getByTestId("voice-speed").innerText()).toBe("2×");
    await watchPlaying(bob.page);
    await first.getByTestId("voice-play").click();
    await playedSince(bob.page, 1);
    const rate = await first.locator("audio").evaluate((audio) => (audio as HTMLAudioElement).playbackRate);
    expect(rate).toBe(2);
    await second.getByTestId("voice-play").click();
    expect(await playedSince(bob.page, 2)).toBe(1);
    await playing(second.getByTestId("voice-player"), false);
    await bob.page.reload();
    await voices(bob).first().waitFor();
    expect(await voices(bob).first().getByTestId("voice-speed").innerText()).toBe("2×");
    await voices(bob).first().getByTestId("voice-speed").click();
  });
});

describe("a recording", () => {
  test("that is deleted leaves nothing: no message, no microphone, and the box is back", async () => {
    const before = await alice.get("message").count();
    await record(alice, 1);
    await alice.get("voice-discard").click();
    await panel(alice, "recording").waitFor({ state: "detached" });
    expect(await focused(alice)).toBe("composer");
    expect(await listening(alice)).toBe(0);
    expect(await alice.get("message").count()).toBe(before);
  });

  test("of some length is not deleted without a question", async () => {
    await record(alice, 5);
    await alice.get("voice-discard").click();
    await alice.page.getByText("Delete this recording?").waitFor();
    await alice.page.keyboard.press("Escape");
    await panel(alice, "paused").waitFor();
    await alice.get("voice-discard").click();
    await alice.get("confirm-yes").click();
    await panel(alice, "paused").waitFor({ state: "detached" });
  });

  test("ends, and is kept, with Escape, when one looks elsewhere, and when the page is hidden", async () => {
    await record(alice, 1);
    await alice.page.keyboard.press("Escape");
    await panel(alice, "ready").waitFor();
    expect(await focused(alice)).toBe("voice-send");
    await alice.get("voice-discard").click();

    await record(alice, 1);
    await alice.page.evaluate(() => {
      Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
      Reflect.deleteProperty(document, "visibilityState");
    });
    await panel(alice, "ready").waitFor();
    expect(await listening(alice)).toBe(0);
    await alice.get("voice-discard").click();

    await record(alice, 1);
    await alice.get("profile-link").click();
    await alice.get("logout").waitFor();
    expect(await listening(alice)).toBe(0);
    await alice.page.goBack();
    await panel(alice, "ready").waitFor();
    // Nothing else is sent meanwhile by mistake.
    expect(await alice.get("composer").isVisible()).toBe(false);
    await alice.get("voice-discard").click();
    await alice.get("composer").waitFor();
  });

  test("of half an hour ends by itself, after a warning, and is kept", async () => {
    await using dora = await open(account("Dora"));
    await dora.register();
    await dora.addContact(alice.account.email);
    await dora.page.clock.install();
    await record(dora, 1);
    await dora.page.clock.fastForward("29:10");
    await dora.get("voice-elapsed").getByText("s left").waitFor();
    await dora.page.clock.fastForward("01:00");
    await dora.get("voice-note").getByText("A voice message is at most 30 minutes long.").waitFor();
    await panel(dora, "ready").waitFor();
    expect(await listening(dora)).toBe(0);
    await dora.get("voice-discard").click();
    await dora.get("confirm-yes").click();
    expect(dora.complaints).toEqual([]);
  });

  test("is gone with the session", async () => {
    await using carol = await open(account("Carol"));
    await carol.register();
    await carol.addContact(alice.account.email);
    await carol.send("hello");
    await record(carol, 1);
    await carol.get("profile-link").click();
    await carol.get("logout").click();
    await carol.get("login-email").waitFor();
    expect(await listening(carol)).toBe(0);
    await carol.logIn();
    await carol.item("Alice").click();
    await carol.get("voice-record").waitFor();
    expect(carol.complaints).toEqual([]);
  });

  test("waits for the connection as every message does", async () => {
    alice.goOffline();
    await alice.get("offline-banner").waitFor();
    await record(alice, 1);
    await alice.get("voice-send").click();
    const row = voices(alice).last();
    await row.getByTestId("uploading").waitFor();
    // It can be heard before it has gone out.
    await row.getByTestId("voice-play").click();
    await playing(row.getByTestId("voice-player"), true);
    alice.goOnline();
    await settled(row);
  });
});

describe("what a sender says of a voice message", () => {
  test("is taken within reason, and what is none is not played as one", async () => {
    await using mallory = await Companion.register(server, "Mallory");
    const { client } = mallory;
    await bob.addContact(mallory.account.email);
    const { id } = await client.addContact({ email: bob.account.email });
    const { id: chat } = await client.openDirect(id);
    const waveform = Uint8Array.from({ length: 64 }, (_, index) => index * 4);
    const page = new Blob(["<script>alert(1)</script>"]);
    const durationMs = 300 * 24 * 3600 * 1000;
    await client.sendFiles(chat, [{ name: "page.html", type: "text/html", blob: page, durationMs: 1, waveform }]);
    await client.sendFiles(chat, [{ name: "voice.webm", type: "audio/webm", blob: page, durationMs, waveform }]);

    await bob.item("Mallory").getByText("🎤 Voice message, 24:00:00").waitFor();
    const row = voices(bob).last();
    await row.getByTestId("voice-play").click();
    await row.getByTestId("file-problem").getByText("This browser cannot play it. Download it instead.").waitFor();
    await playing(row.getByTestId("voice-player"), false);
    const [saved] = await Promise.all([bob.page.waitForEvent("download"), row.getByTestId("download").click()]);
    expect(saved.suggestedFilename()).toBe("voice.webm");
    expect(await voices(bob).count()).toBe(1);
    await bob.get("file-card").waitFor();
    await bob.openChat("Alice");
  });
});

describe("without a microphone", () => {
  test("it is said in plain words, and one can write as before", async () => {
    for (const [args, words] of [
      [["--use-fake-device-for-media-stream", "--deny-permission-prompts"], "The microphone is not allowed for this page."],
      [["--use-fake-ui-for-media-stream"], "No microphone was found."],
    ] as const) {
      const other = await launchBrowser(args);
      try {
        await using person = await Person.open(other, server.port, alice.account);
        await person.logIn();
        await person.item("Bob").click();
        await person.get("voice-record").click();
        await person.get("voice-problem").getByText(words).waitFor();
        await person.get("voice-panel").waitFor({ state: "detached" });
        expect(await overTheSides(person.page)).toEqual([]);
        expect(await seriousProblems(person.page)).toEqual([]);
        await person.page.getByRole("button", { name: "Close this notice" }).click();
        await person.get("composer").fill("in writing, then");
        await person.get("send").waitFor();
        await person.get("composer").fill("");
        expect(person.complaints).toEqual([]);
      } finally {
        await other.close();
      }
    }
  });
});

describe("how it looks", () => {
  beforeAll(async () => {
    if ((await voices(alice).count()) > 0) return;
    await record(alice, 1);
    await alice.get("voice-send").click();
    await settled(voices(alice).last());
  });

  const screens = [
    ["wide", "light", { width: 1280, height: 800 }],
    ["wide", "dark", { width: 1280, height: 800 }],
    ["phone", "light", { width: 390, height: 844 }],
    ["phone", "dark", { width: 390, height: 844 }],
    ["the narrowest", "light", { width: 320, height: 568 }],
  ] as const;
  for (const [size, scheme, viewport] of screens)
    test(`nothing is out of place or out of reach: ${size}, ${scheme}`, async () => {
      const { page } = alice;
      // What blinks would never stand still to be looked at.
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
      await page.setViewportSize(viewport);
      // Drawn from the start in these colours: what changes them on a page that stands takes its time.
      await page.reload();
      await voices(alice).first().waitFor();
      const look = async (what: string) => {
        expect([what, await overTheSides(page)]).toEqual([what, []]);
        expect([what, await seriousProblems(page)]).toEqual([what, []]);
      };
      await look("messages");
      await record(alice, 1);
      await look("recording");
      await alice.get("voice-stop").click();
      await panel(alice, "ready").waitFor();
      await look("recorded");
      await alice.get("voice-discard").click();
      await page.setViewportSize({ width: 1280, height: 800 });
      await page.emulateMedia({ colorScheme: "light", reducedMotion: null });
    });

  test("everything is large enough for a finger", async () => {
    await using touch = await open(
      bob.account,
      { width: 390, height: 844 },
      { hasTouch: true, isMobile: true, reducedMotion: "reduce" },
    );
    await touch.logIn();
    await touch.item("Alice").click();
    await voices(touch).first().waitFor();
    expect(await tooSmallForAFinger(touch.page)).toEqual([]);
    await record(touch, 1);
    expect(await tooSmallForAFinger(touch.page)).toEqual([]);
    await touch.get("voice-stop").click();
    await panel(touch, "ready").waitFor();
    expect(await tooSmallForAFinger(touch.page)).toEqual([]);
    expect(await overTheSides(touch.page)).toEqual([]);
    await touch.get("voice-discard").click();
    expect(touch.complaints).toEqual([]);
  });
});

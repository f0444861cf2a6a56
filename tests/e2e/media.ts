// What can be asked of a page about its microphones and its players.
import type { Page } from "playwright-core";
import type { Person } from "./person.ts";

/** Keeps every microphone that the page is given, so that a test can see whether it was let go of. */
export async function watchMicrophones(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const opened: MediaStreamTrack[] = [];
    Object.assign(globalThis, { openedTracks: opened });
    const { mediaDevices } = navigator;
    const open = mediaDevices.getUserMedia.bind(mediaDevices);
    mediaDevices.getUserMedia = async (constraints) => {
      const stream = await open(constraints);
      opened.push(...stream.getTracks());
      return stream;
    };
  });
  await page.reload();
}

/** Of all microphones there were: how many still listen. */
export const listening = (person: Person) =>
  person.page.evaluate(
    () =>
      (globalThis as unknown as { openedTracks: MediaStreamTrack[] }).openedTracks.filter(
        ({ readyState }) => readyState === "live",
      ).length,
  );

/** Counts what starts to play from now on, and how much plays at a time. */
export const watchPlaying = (page: Page) =>
  page.evaluate(() => {
    const seen = { started: 0, atOnce: 0 };
    Object.assign(globalThis, { seenPlaying: seen });
    document.addEventListener(
      "play",
      () => {
        seen.started += 1;
        seen.atOnce = Math.max(seen.atOnce, [...document.querySelectorAll("audio")].filter(({ paused }) => !paused).length);
      },
      { capture: true },
    );
  });

/** Waits until so much has started; says how much played at the same time. */
export async function playedSince(page: Page, started: number): Promise<number> {
  const seen = await page.waitForFunction((wanted) => {
    const { seenPlaying } = globalThis as unknown as { seenPlaying: { started: number; atOnce: number } };
    return seenPlaying.started >= wanted && seenPlaying;
  }, started);
  return seen.evaluate((value) => (value ? value.atOnce : 0));
}

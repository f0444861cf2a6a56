// A real video and a real recording for tests, made in the page's browser: it has to be a page on a secure address.
import type { Page } from "playwright-core";
import { encodeFilm, encodeTone } from "./encode.ts";
import { writeMp4 } from "./mp4.ts";
import { writeWebm } from "./webm.ts";

/** VP9 and Opus in an MP4, about 500 kB for each second, the second shown in the picture. */
export async function mp4(page: Page, { seconds }: { seconds: number }): Promise<Buffer> {
  const film = await encodeFilm(page, { seconds, width: 320, height: 180, perSecond: 10, bitsPerSecond: 4_000_000 });
  return writeMp4([film, await encodeTone(page, { seconds, bitsPerSecond: 64_000 })]);
}

/** Opus in a WebM, 8 kB for each second unless it shall be more. */
export async function webmAudio(
  page: Page,
  { seconds, bitsPerSecond = 64_000 }: { seconds: number; bitsPerSecond?: number },
): Promise<Buffer> {
  return writeWebm(await encodeTone(page, { seconds, bitsPerSecond }));
}

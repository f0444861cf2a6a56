// What a file tells about its sender beside what one sees or hears, and how it gets rid of that without being made anew.
import { endingOf, kindOf } from "../kinds.ts";
import type { PictureHeader } from "../picture-header.ts";
import type { Cleaned } from "./cleaned.ts";
import { cleanGif } from "./gif.ts";
import { cleanMovie } from "./movie.ts";
import { cleanPng } from "./png.ts";
import { cleanWebp } from "./webp.ts";

/** What kind of file it is that may tell something. */
export type Telling = "picture" | "video" | "audio" | "document";

export interface Shed {
  readonly blob: Blob;
  /** Whether something was taken out. */
  readonly removed: boolean;
  /** Of what stays inside; null where nothing is known to. */
  readonly tells: Telling | null;
}

/** A moving picture larger than this is not taken into memory for it. */
const mostBytes = 128 * 1024 * 1024;
const cleaners: Partial<Record<PictureHeader["type"], (bytes: Uint8Array<ArrayBuffer>) => Cleaned | null>> = {
  "image/gif": cleanGif,
  "image/png": cleanPng,
  "image/webp": cleanWebp,
};
/** Documents that name who wrote them; in the others stands what one reads. */
const signed: ReadonlySet<string> = new Set("pdf doc docx odt rtf epub pages xls xlsx ods numbers ppt pptx odp key".split(" "));

/** `header`: of a picture that this browser knows. */
export async function shed(file: File, header: PictureHeader | null): Promise<Shed> {
  const tells = tellingOf(file, header);
  if (header) {
    const clean = header.moves && file.size <= mostBytes ? cleaners[header.type] : undefined;
    const cleaned = clean?.(new Uint8Array(await file.arrayBuffer()));
    // What is not whole is left alone: it might be damaged further.
    if (!cleaned) return { blob: file, removed: false, tells };
    const blob = cleaned.removed ? new Blob([...cleaned.parts], { type: header.type }) : file;
    return { blob, removed: cleaned.removed, tells: null };
  }
  const movie = tells === "video" ? await cleanMovie(file) : null;
  if (!movie) return { blob: file, removed: false, tells };
  return { blob: movie.blob, removed: movie.removed, tells: movie.tellsMore ? tells : null };
}

/** What the file, sent exactly as it is, may tell something as. */
export function tellingOf(file: File, header: PictureHeader | null): Telling | null {
  if (header) return "picture";
  const kind = kindOf(file);
  if (kind === "document") return signed.has(endingOf(file.name)) || file.type === "application/pdf" ? kind : null;
  return kind === "picture" || kind === "video" || kind === "audio" ? kind : null;
}

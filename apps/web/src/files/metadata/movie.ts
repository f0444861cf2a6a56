// Takes out of a video (MP4, MOV, 3GP) where and when it was recorded, and with what. No byte moves: what tells is renamed
// to `free`, a box that every player skips, and overwritten with zeros. Only the index is read, never the whole video.
import { letters, viewOf } from "./cleaned.ts";

export interface CleanedMovie {
  readonly blob: Blob;
  /** Whether there was something to take out. */
  readonly removed: boolean;
  /** Something stays that may tell as well: positions recorded along with the film, or parts that are not known here. */
  readonly tellsMore: boolean;
}

interface Box {
  readonly type: string;
  readonly from: number;
  /** Where what is in it begins. */
  readonly content: number;
  readonly to: number;
}

const starts: ReadonlySet<string> = new Set(["ftyp", "moov", "mdat", "wide", "free", "skip", "pnot"]);
const harmless: ReadonlySet<string> = new Set([...starts, ..."moof mfra styp sidx ssix prft emsg pdin PICT".split(" ")]);
const telling: ReadonlySet<string> = new Set(["udta", "meta", "uuid"]);
/** Says that a video is seen all around. */
const sphericalId = "ffcc8263f8554a938814587a02521fdd";
const mostBoxes = 50_000;
/** An index of hours of film is smaller than this. */
const mostBytes = 64 * 1024 * 1024;

class Malformed extends Error {}

/** null for what is no video of this kind, or is not whole. */
export async function cleanMovie(file: Blob): Promise<CleanedMovie | null> {
  try {
    return await clean(file);
  } catch (error) {
    if (error instanceof Malformed || error instanceof RangeError) return null;
    throw error;
  }
}

async function clean(file: Blob): Promise<CleanedMovie> {
  const boxes = await boxesOf(file);
  if (!starts.has(boxes[0]?.type ?? "") || boxes.filter(({ type }) => type === "moov").length !== 1) throw new Malformed();
  const parts: Blob[] = [];
  let from = 0;
  let removed = false;
  let tellsMore = false;
  for (const box of boxes) {
    if (box.type !== "moov" && !telling.has(box.type)) {
      if (!harmless.has(box.type)) tellsMore = true;
      continue;
    }
    if (box.to - box.from > mostBytes) throw new Malformed();
    const cleaning = new Cleaning(await bytesOf(file, box.from, box.to));
    const whole = { ...box, from: 0, content: box.content - box.from, to: box.to - box.from };
    if (box.type === "moov") cleaning.movie(whole);
    else cleaning.blank(whole);
    removed ||= cleaning.removed;
    tellsMore ||= cleaning.tellsMore;
    parts.push(file.slice(from, box.from), new Blob([cleaning.bytes]));
    from = box.to;
  }
  parts.push(file.slice(from));
  return { blob: removed ? new Blob(parts, { type: file.type }) : file, removed, tellsMore };
}

async function bytesOf(file: Blob, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await file.slice(from, to).arrayBuffer());
}

/** Those that follow each other in the file. */
async function boxesOf(file: Blob): Promise<readonly Box[]> {
  const boxes: Box[] = [];
  for (let at = 0; at < file.size; ) {
    const box = boxAt(await bytesOf(file, at, at + 16), 0, file.size - at);
    boxes.push({ type: box.type, from: at, content: at + box.content, to: at + box.to });
    if (boxes.length > mostBoxes) throw new Malformed();
    at += box.to;
  }
  return boxes;
}

/** `limit`: where it must end at the latest. */
function boxAt(bytes: Uint8Array, at: number, limit: number): Box {
  const view = viewOf(bytes);
  const short = view.getUint32(at);
  const type = letters(bytes, at + 4, 4);
  const content = at + (short === 1 ? 16 : 8);
  const size = short === 1 ? Number(view.getBigUint64(at + 8)) : short === 0 ? limit - at : short;
  if (at + size < content || at + size > limit) throw new Malformed();
  return { type, from: at, content, to: at + size };
}

class Cleaning {
  removed = false;
  tellsMore = false;

  constructor(readonly bytes: Uint8Array<ArrayBuffer>) {}

  movie(moov: Box): void {
    for (const box of this.#within(moov)) {
      if (box.type === "mvhd") this.#forgetTimes(box);
      else if (box.type === "trak") this.#track(box);
      else if (telling.has(box.type)) this.blank(box);
      // Its boxes are packed.
      else if (box.type === "cmov") throw new Malformed();
    }
  }

  blank({ type, from, content, to }: Box): void {
    const said = this.bytes.subarray(content, to);
    const isSpherical =
      type === "uuid" && [...said.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("") === sphericalId;
    if (isSpherical || said.every((byte) => byte === 0)) return;
    for (const [index, letter] of [..."free"].entries()) this.bytes[from + 4 + index] = letter.charCodeAt(0);
    said.fill(0);
    this.removed = true;
  }

  #track(trak: Box): void {
    for (const box of this.#within(trak)) {
      if (box.type === "tkhd") this.#forgetTimes(box);
      else if (box.type === "mdia") this.#media(box);
      else if (telling.has(box.type)) this.blank(box);
    }
  }

  #media(mdia: Box): void {
    for (const box of this.#within(mdia)) {
      if (box.type === "mdhd") this.#forgetTimes(box);
      else if (telling.has(box.type)) this.blank(box);
      // A track of notes beside picture and sound. Phones note which way is up and where faces are; some cameras, where one was.
      else if (box.type === "hdlr" && ["meta", "camm"].includes(letters(this.bytes, box.content + 8, 4))) {
        const said = letters(this.bytes, mdia.from, Math.min(mdia.to - mdia.from, 16 * 1024));
        if (!said.includes("mebx") || said.includes("location")) this.tellsMore = true;
      }
    }
  }

  /** When it was made and changed stands at the start of three kinds of boxes; zero stands for "not known". */
  #forgetTimes({ content, to }: Box): void {
    const times = this.bytes.subarray(content + 4, content + 4 + (this.bytes[content] === 1 ? 16 : 8));
    if (content + 4 + times.length > to) throw new Malformed();
    if (times.every((byte) => byte === 0)) return;
    times.fill(0);
    this.removed = true;
  }

  #within({ content, to }: Box): readonly Box[] {
    const boxes: Box[] = [];
    for (let at = content; at < to; ) {
      const box = boxAt(this.bytes, at, to);
      boxes.push(box);
      at = box.to;
    }
    return boxes;
  }
}

import { describe, expect, test } from "bun:test";
import { cleanMovie } from "./movie.ts";

type Part = string | readonly number[] | Uint8Array;
const bytes = (...parts: readonly Part[]) =>
  new Uint8Array(
    parts.flatMap((part) => (typeof part === "string" ? [...part].map((letter) => letter.charCodeAt(0)) : [...part])),
  );
const u32 = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const box = (type: string, ...content: readonly Part[]) => {
  const data = bytes(...content);
  return bytes(u32(8 + data.length), type, data);
};
const largeBox = (type: string, ...content: readonly Part[]) => {
  const data = bytes(...content);
  return bytes(u32(1), type, u32(0), u32(16 + data.length), data);
};
const zeros = (length: number) => new Uint8Array(length);

const place = "+47.3769+008.5417/";
const day = 3_800_000_000;
const times = (created: number) => [...u32(created), ...u32(created)];
const longTimes = (created: number) => [...u32(0), ...u32(created), ...u32(0), ...u32(created)];
const handler = (type: string) => box("hdlr", u32(0), u32(0), type, zeros(13));
const track = (type: string, created: number, inside: Uint8Array, description = "avc1") =>
  box(
    "trak",
    box("tkhd", [0, 0, 0, 7], times(created), zeros(72)),
    inside,
    box(
      "mdia",
      box("mdhd", [1, 0, 0, 0], longTimes(created), zeros(16)),
      handler(type),
      box("minf", box("stbl", box("stsd", u32(0), u32(1), box(description, zeros(8))))),
    ),
  );
const fileType = box("ftyp", "isom", u32(512), "isommp42");
const film = box("mdat", "the film, and no byte of it moves");
const userData = box("udta", box("©xyz".replace("©", "\xa9"), [0, 18, 0x15, 0xc7], place), box("\xa9mod", "Phone 12"));
const appleKeys = box(
  "meta",
  handler("mdta"),
  box("keys", u32(0), u32(1), box("mdta", "com.apple.quicktime.location.ISO6709")),
  box("ilst", box("\0\0\0\x01", box("data", u32(1), u32(0), place))),
);
const free = (other: Uint8Array) => box("free", zeros(other.length - 8));
const movie = (created: number, ...more: readonly Uint8Array[]) =>
  box("moov", box("mvhd", [0, 0, 0, 0], times(created), zeros(88)), ...more);
const video = (...parts: readonly Uint8Array[]) => new Blob([bytes(...parts)], { type: "video/mp4" });
const read = async (blob: Blob | undefined) => blob && new Uint8Array(await blob.arrayBuffer());

describe("a video", () => {
  test("loses place, camera and times in place: every other byte stays where it was", async () => {
    const before = video(
      fileType,
      movie(day, track("vide", day, userData), userData, appleKeys),
      film,
      box("uuid", zeros(16), place),
    );
    const cleaned = await cleanMovie(before);
    expect(await read(cleaned?.blob)).toEqual(
      bytes(
        fileType,
        movie(0, track("vide", 0, free(userData)), free(userData), free(appleKeys)),
        film,
        box("free", zeros(16 + place.length)),
      ),
    );
    expect(cleaned).toMatchObject({ removed: true, tellsMore: false });
    expect(cleaned?.blob.size).toBe(before.size);
    expect(cleaned?.blob.type).toBe("video/mp4");
  });

  test("may have its index at its end, boxes with long sizes, and one that reaches to the end", async () => {
    const endless = bytes(u32(0), "mdat", "to the end");
    const cleaned = await cleanMovie(
      video(fileType, largeBox("mdat", "film"), largeBox("moov", largeBox("udta", place)), endless),
    );
    expect(await read(cleaned?.blob)).toEqual(
      bytes(fileType, largeBox("mdat", "film"), largeBox("moov", largeBox("free", zeros(place.length))), endless),
    );
  });

  test("that tells nothing is the very same file", async () => {
    const plain = video(fileType, movie(0, track("vide", 0, box("udta"))), film);
    const cleaned = await cleanMovie(plain);
    expect(cleaned?.blob).toBe(plain);
    expect(cleaned).toMatchObject({ removed: false, tellsMore: false });
  });

  test("stays one that is seen all around", async () => {
    const id = [0xff, 0xcc, 0x82, 0x63, 0xf8, 0x55, 0x4a, 0x93, 0x88, 0x14, 0x58, 0x7a, 0x02, 0x52, 0x1f, 0xdd];
    expect((await cleanMovie(video(fileType, movie(0, track("vide", 0, box("uuid", id, "<rdf/>"))), film)))?.removed).toBe(false);
  });

  test("says so where positions were recorded along with the film, and where there are parts nobody knows", async () => {
    const tellsMore = async (...parts: readonly Uint8Array[]) => (await cleanMovie(video(fileType, ...parts, film)))?.tellsMore;
    const noted = (description: string) => movie(day, track("vide", day, userData), track("meta", day, box("edts"), description));
    expect(await tellsMore(noted("gpmd"))).toBe(true);
    expect(await tellsMore(noted("mebx"))).toBe(false);
    expect(await tellsMore(movie(0), box("sefd", place))).toBe(true);
  });

  test("that is not whole, or is none at all, is left alone", async () => {
    const whole = bytes(fileType, film, movie(day, track("vide", day, userData), appleKeys));
    for (let length = 0; length < whole.length; length++)
      expect([length, await cleanMovie(new Blob([whole.slice(0, length)]))]).toEqual([length, null]);
    const holed = movie(day, userData);
    holed[holed.length - userData.length + 3] = 200;
    for (const parts of [
      [holed, film],
      [fileType, movie(day), movie(day)],
      [fileType, box("moov", box("cmov", zeros(20)))],
      [fileType, bytes(u32(4), "moov")],
      [bytes("RIFF....AVI LIST")],
    ])
      expect(await cleanMovie(video(...(parts as Uint8Array[])))).toBeNull();
  });

  test("is read only where its index is", async () => {
    const huge = 6 * 1024 ** 3;
    let readBytes = 0;
    const start = bytes(fileType, u32(1), "mdat", u32(Math.floor(huge / 2 ** 32)), u32(huge % 2 ** 32));
    const index = movie(day, userData);
    const at = fileType.length + huge;
    // A file of six gigabytes, as a browser hands one over: nothing is there before it is asked for.
    const file = {
      size: at + index.length,
      type: "video/mp4",
      slice(from: number, to = at + index.length) {
        const length = Math.max(0, Math.min(to, at + index.length) - from);
        const arrayBuffer = async () => {
          readBytes += length;
          if (from >= at) return index.slice(from - at, from - at + length).buffer;
          return start.slice(from, from + length).buffer;
        };
        return Object.assign(new Blob([]), { arrayBuffer });
      },
    } as unknown as Blob;
    expect((await cleanMovie(file))?.removed).toBe(true);
    expect(readBytes).toBeLessThan(2000);
  });
});

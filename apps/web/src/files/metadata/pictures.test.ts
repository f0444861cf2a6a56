import { describe, expect, test } from "bun:test";
import type { Cleaned } from "./cleaned.ts";
import { cleanGif } from "./gif.ts";
import { cleanPng } from "./png.ts";
import { cleanWebp } from "./webp.ts";

type Part = string | readonly number[] | Uint8Array;
const bytes = (...parts: readonly Part[]) =>
  new Uint8Array(
    parts.flatMap((part) => (typeof part === "string" ? [...part].map((letter) => letter.charCodeAt(0)) : [...part])),
  );
const u32be = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const u32le = (value: number) => u32be(value).reverse();
const joined = (cleaned: Cleaned | null) => (cleaned ? bytes(...cleaned.parts) : null);
const place = "GPS 47.37 8.54";

function everyStart(whole: Uint8Array<ArrayBuffer>, clean: (bytes: Uint8Array<ArrayBuffer>) => Cleaned | null): void {
  for (let length = 0; length < whole.length; length++) expect([length, clean(whole.slice(0, length))]).toEqual([length, null]);
}

describe("a GIF", () => {
  const head = bytes("GIF89a", [1, 0, 1, 0, 0x80, 0, 0], [0, 0, 0, 255, 255, 255]);
  const loop = bytes([0x21, 0xff, 11], "NETSCAPE2.0", [3, 1, 0, 0, 0]);
  const control = bytes([0x21, 0xf9, 4, 0, 10, 0, 0, 0]);
  const frame = bytes([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0]);
  const frameWithColors = bytes([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0x80], [0, 0, 0, 0x3b, 0x3b, 0x3b], [2, 2, 0x44, 1, 0]);
  const comment = bytes([0x21, 0xfe, place.length], place, [0]);
  // As Adobe writes it: bare text, and a tail that leads a reader of blocks to the end wherever it is.
  const magic = Array.from({ length: 256 }, (_, index) => 255 - index);
  const xmp = bytes([0x21, 0xff, 11], "XMP DataXMP", `<x:xmpmeta>${place}</x:xmpmeta>`, [1], magic, [0]);
  const end = [0x3b];

  test("loses comments and XMP, and moves and loops as before", () => {
    const cleaned = cleanGif(bytes(head, comment, loop, xmp, control, frame, comment, control, frameWithColors, end, place));
    expect(joined(cleaned)).toEqual(bytes(head, loop, control, frame, control, frameWithColors, end));
    expect(cleaned?.removed).toBe(true);
  });

  test("without any stays the same", () => {
    const plain = bytes(head, loop, control, frame, end);
    expect(cleanGif(plain)).toEqual({ parts: [plain], removed: false });
  });

  test("that is not whole, or has a part that no GIF has, is left alone", () => {
    everyStart(bytes(head, loop, comment, control, frame, end), cleanGif);
    expect(cleanGif(bytes(head, comment, [7], frame, end))).toBeNull();
    expect(cleanGif(bytes(head, comment, end))).toBeNull();
    expect(cleanGif(bytes("GIF90a", comment, frame, end))).toBeNull();
  });
});

describe("a PNG that moves", () => {
  const signature = "\x89PNG\r\n\x1a\n";
  const chunk = (type: string, ...content: readonly Part[]) => {
    const data = bytes(...content);
    return bytes(u32be(data.length), type, data, u32be(Bun.hash.crc32(bytes(type, data))));
  };
  const header = chunk("IHDR", u32be(1), u32be(1), [8, 6, 0, 0, 0]);
  const shown = [
    chunk("gAMA", u32be(45455)),
    chunk("acTL", u32be(2), u32be(0)),
    chunk("fcTL", u32be(0), new Uint8Array(22)),
    chunk("IDAT", [1, 2, 3]),
    chunk("fcTL", u32be(1), new Uint8Array(22)),
    chunk("fdAT", u32be(2), [4, 5, 6]),
  ];
  const told = ["eXIf", "tEXt", "iTXt", "zTXt", "tIME", "caBX"].map((type) => chunk(type, place));
  const end = chunk("IEND");

  test("loses EXIF, texts and the time, and keeps all that is drawn", () => {
    const [first, ...rest] = told as [Uint8Array, ...Uint8Array[]];
    const cleaned = cleanPng(bytes(signature, header, first, ...shown, ...rest, end, place));
    expect(joined(cleaned)).toEqual(bytes(signature, header, ...shown, end));
    expect(cleaned?.removed).toBe(true);
  });

  test("without any stays the same", () => {
    const plain = bytes(signature, header, ...shown, end);
    expect(cleanPng(plain)).toEqual({ parts: [plain], removed: false });
  });

  test("that is not whole, or has a part that no PNG has, is left alone", () => {
    everyStart(bytes(signature, header, ...shown, ...told, end), cleanPng);
    expect(cleanPng(bytes(signature, header, chunk("1234", place), ...shown, end))).toBeNull();
    expect(cleanPng(bytes(signature, header, ...told, end))).toBeNull();
  });
});

describe("a WebP that moves", () => {
  const chunk = (type: string, ...content: readonly Part[]) => {
    const data = bytes(...content);
    return bytes(type, u32le(data.length), data, data.length % 2 === 0 ? [] : [0]);
  };
  const riff = (...chunks: readonly Uint8Array[]) => {
    const data = bytes(...chunks);
    return bytes("RIFF", u32le(4 + data.length), "WEBP", data);
  };
  const size = [0, 0, 0, 0, 0, 0];
  const extended = (flags: number) => chunk("VP8X", [flags, 0, 0, 0], size);
  const shown = [
    chunk("ICCP", "profile"),
    chunk("ANIM", u32le(0), [0, 0]),
    chunk("ANMF", new Uint8Array(16), chunk("VP8 ", [1, 2, 3])),
  ];

  test("loses EXIF and XMP, says so in its header, and is as long as it says", () => {
    const cleaned = cleanWebp(
      bytes(riff(extended(0x3e), ...shown, chunk("EXIF", place, [1]), chunk("XMP ", place), chunk("note", place)), place),
    );
    expect(joined(cleaned)).toEqual(riff(extended(0x32), ...shown));
    expect(cleaned?.removed).toBe(true);
  });

  test("without any stays the same", () => {
    const plain = riff(extended(0x12), ...shown);
    const cleaned = cleanWebp(plain);
    expect(joined(cleaned)).toEqual(plain);
    expect(cleaned?.removed).toBe(false);
  });

  test("that is not whole is left alone", () => {
    const whole = riff(extended(0x3e), ...shown, chunk("EXIF", place));
    everyStart(whole, cleanWebp);
    const tooLong = whole.slice();
    tooLong[whole.length - place.length - 4] = 200;
    expect(cleanWebp(tooLong)).toBeNull();
    expect(cleanWebp(riff(extended(0x3e), chunk("EXIF", place)))).toBeNull();
  });
});

import { describe, expect, test } from "bun:test";
import { pictureHeader } from "./picture-header.ts";

const bytes = (...parts: (string | readonly number[])[]) =>
  new Uint8Array(
    parts.flatMap((part) => (typeof part === "string" ? [...part].map((letter) => letter.charCodeAt(0)) : [...part])),
  );
const png = (width: readonly number[], height: readonly number[], next = "IDAT") =>
  bytes("\x89PNG\r\n\x1a\n", [0, 0, 0, 13], "IHDR", width, height, [8, 6, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0], next, [0, 0, 0, 0]);

describe("the header of a picture", () => {
  test("says type and size of PNG, JPEG, GIF, WebP and AVIF", () => {
    expect(pictureHeader(png([0, 0, 1, 0], [0, 0, 0, 2]))).toEqual({ type: "image/png", width: 256, height: 2, moves: false });
    const jpeg = bytes([0xff, 0xd8, 0xff, 0xe1, 0, 6, 1, 2, 3, 4, 0xff, 0xff, 0xc2, 0, 11, 8, 0, 20, 0, 30, 1, 1, 0x11, 0]);
    expect(pictureHeader(jpeg)).toEqual({ type: "image/jpeg", width: 30, height: 20, moves: false });
    expect(pictureHeader(bytes("GIF89a", [3, 0, 4, 0]))).toEqual({ type: "image/gif", width: 3, height: 4, moves: true });
    const webp = bytes("RIFF", [0, 0, 0, 0], "WEBPVP8X", [10, 0, 0, 0, 2, 0, 0, 0, 9, 0, 0, 19, 0, 0]);
    expect(pictureHeader(webp)).toEqual({ type: "image/webp", width: 10, height: 20, moves: true });
    const avif = bytes(
      [0, 0, 0, 20],
      "ftypavif",
      [0, 0, 0, 0],
      "mif1",
      [0, 0, 0, 20],
      "ispe",
      [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 8],
    );
    expect(pictureHeader(avif)).toEqual({ type: "image/avif", width: 7, height: 8, moves: false });
  });

  test("knows a PNG that moves", () => {
    expect(pictureHeader(png([0, 0, 0, 1], [0, 0, 0, 1], "acTL"))?.moves).toBe(true);
  });

  test("is none of anything else, of half a file, and of more pixels than anybody can look at", () => {
    for (const other of [
      bytes("<svg xmlns="),
      bytes("<!doctype html>"),
      bytes("%PDF-1.7"),
      bytes([]),
      bytes([0xff, 0xd8, 0xff, 0xe0]),
    ])
      expect(pictureHeader(other)).toBeNull();
    expect(pictureHeader(png([0, 0, 0, 1], [0, 0, 0, 1]).slice(0, 18))).toBeNull();
    expect(pictureHeader(png([0, 1, 0, 0], [0, 1, 0, 0]))).toBeNull();
    expect(pictureHeader(png([0, 0, 0, 0], [0, 0, 0, 1]))).toBeNull();
  });
});

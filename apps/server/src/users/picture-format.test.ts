import { describe, expect, test } from "bun:test";
import { recognisePicture } from "./picture-format.ts";
import { jpeg, png, webpExtended, webpLossless, webpLossy } from "./test-pictures.ts";

describe("a picture", () => {
  test.each([
    ["PNG", png(300, 200), "image/png"],
    ["JPEG", jpeg(300, 200), "image/jpeg"],
    ["lossy WebP", webpLossy(300, 200), "image/webp"],
    ["lossless WebP", webpLossless(300, 200), "image/webp"],
    ["extended WebP", webpExtended(300, 200), "image/webp"],
  ] as const)("of %s is recognised with its size", (_, bytes, type) => {
    expect(recognisePicture(bytes)).toEqual({ type, width: 300, height: 200 });
  });

  test.each([
    ["an SVG", new TextEncoder().encode("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")],
    ["HTML", new TextEncoder().encode("<!doctype html><script>alert(1)</script> and more text than thirty bytes")],
    ["a GIF", new TextEncoder().encode(`GIF89a${"\0".repeat(40)}`)],
    ["nothing", new Uint8Array()],
    ["only a PNG's signature", png(1, 1).slice(0, 8)],
    ["only a JPEG's start", new Uint8Array([0xff, 0xd8, 0xff])],
    ["a JPEG without a frame", jpeg(3, 2).slice(0, 20)],
    ["a picture without width", png(0, 5)],
    ["a decompression bomb", png(60_000, 60_000)],
    ["a wide JPEG", jpeg(65_535, 1)],
  ])("is not %s", (_, bytes) => expect(recognisePicture(bytes)).toBeNull());

  test("is looked for without ever reading past the end", () => {
    for (const whole of [png(3, 2), jpeg(3, 2), webpLossy(3, 2), webpLossless(3, 2), webpExtended(3, 2)]) {
      for (let length = 0; length < whole.length; length++) recognisePicture(whole.slice(0, length));
    }
  });
});

import { expect, test } from "bun:test";
import fc from "fast-check";
import { refusal } from "../testing/world.ts";
import { pad, padmeLength, unpad } from "./padding.ts";

test("Padmé lengths as in the paper: at most 12 % more, and few of them", () => {
  expect([0, 1, 2, 8, 9, 10, 100, 1000, 1025, 65_537].map(padmeLength)).toEqual([0, 1, 2, 8, 10, 10, 104, 1024, 1088, 67_584]);
  for (let length = 2; length < 70_000; length += 7) {
    const padded = padmeLength(length);
    expect(padded >= length && padded <= length * 1.12 + 1 && padmeLength(padded) === padded).toBe(true);
  }
  const large = [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 5_000_000_000, 2 ** 40 + 1];
  const step = (length: number) => 2 ** (Math.floor(Math.log2(length)) - 6);
  const expected = large.map(
    (length) => Math.ceil(length / (length < 2 ** 32 ? 2 ** 26 : step(length))) * (length < 2 ** 32 ? 2 ** 26 : step(length)),
  );
  expect(large.map(padmeLength)).toEqual(expected);
  expect(new Set(Array.from({ length: 4096 }, (_, length) => padmeLength(length))).size).toBeLessThan(140);
});

test("unpad is the exact inverse of pad", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
      const padded = pad(bytes);
      expect(padded.length).toBe(padmeLength(bytes.length + 4));
      expect(unpad(padded)).toEqual(new Uint8Array(bytes));
    }),
    { seed: 1, numRuns: 200 },
  );
});

test("any other framing is refused", async () => {
  const padded = pad(new Uint8Array(100).fill(1));
  for (const wrong of [padded.slice(0, -1), Uint8Array.of(...padded, 0), new Uint8Array(3), Uint8Array.of(255, 255, 255, 255)]) {
    expect(await refusal(() => unpad(wrong))).toBe("malformed-padding");
  }
  const stained = pad(new Uint8Array(101).fill(1));
  stained[stained.length - 1] = 1;
  expect(await refusal(() => unpad(stained))).toBe("malformed-padding");
});

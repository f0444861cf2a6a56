import { expect, test } from "bun:test";
import { firstPiece, parseRange } from "./byte-range.ts";

test("a range is what RFC 9110 says, cut to the file; what is none means the whole", () => {
  const size = 1000;
  for (const [header, from, to] of [
    ["bytes=0-", 0, 1000],
    ["bytes=0-0", 0, 1],
    ["bytes=200-299", 200, 300],
    ["bytes=999-5000", 999, 1000],
    ["bytes=-100", 900, 1000],
    ["bytes=-5000", 0, 1000],
    [" bytes=10-19 ", 10, 20],
  ] as const)
    expect(parseRange(header, size)).toEqual({ from, to });
  for (const header of ["bytes=1000-", "bytes=5000-6000", "bytes=-0"]) expect(parseRange(header, size)).toBe("unsatisfiable");
  expect(parseRange("bytes=-1", 0)).toBe("unsatisfiable");
  for (const header of [null, "", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,5-6", "items=0-1", "bytes=a-b", "bytes=1e3-"])
    expect(parseRange(header, size)).toBeNull();
  expect(parseRange(`bytes=${"9".repeat(30)}-`, size)).toBeNull();
});

test("what is read at once ends where the next piece begins, or the range", () => {
  const piece = 1024 * 1024;
  expect(firstPiece({ from: 0, to: 10 * piece })).toEqual({ from: 0, to: piece });
  expect(firstPiece({ from: piece + 5, to: 10 * piece })).toEqual({ from: piece + 5, to: 2 * piece });
  expect(firstPiece({ from: 3 * piece, to: 3 * piece + 7 })).toEqual({ from: 3 * piece, to: 3 * piece + 7 });
});

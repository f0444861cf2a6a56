import { expect, test } from "bun:test";
import fc from "fast-check";
import { readRange } from "./byte-range.ts";

test("[P10.6] ranges are read as RFC 9110 has them", () => {
  const cases: [string | null, ReturnType<typeof readRange>][] = [
    [null, null],
    ["bytes=0-0", { start: 0, end: 1 }],
    ["bytes=0-", { start: 0, end: 100 }],
    ["Bytes=10-19", { start: 10, end: 20 }],
    ["bytes=90-1000", { start: 90, end: 100 }],
    ["bytes=-10", { start: 90, end: 100 }],
    ["bytes=-1000", { start: 0, end: 100 }],
    ["bytes=100-", "none"],
    ["bytes=-0", "none"],
    ["bytes=20-10", null],
    ["bytes=0-1,3-4", null],
    ["bytes=-", null],
    ["lines=0-1", null],
    ["bytes=a-b", null],
  ];
  for (const [header, range] of cases) expect([header, readRange(header, 100)]).toEqual([header, range]);
  expect(readRange("bytes=0-", 0)).toBe("none");
  expect(readRange("bytes=-5", 0)).toBe("none");
});

test("[P10.6] no range reaches beyond the file, or is empty", () => {
  const part = fc.oneof(fc.constant(""), fc.nat(300).map(String));
  fc.assert(
    fc.property(part, part, fc.nat(200), (first, last, size) => {
      const range = readRange(`bytes=${first}-${last}`, size);
      if (range === null || range === "none") return;
      expect(range.start).toBeGreaterThanOrEqual(0);
      expect(range.end).toBeGreaterThan(range.start);
      expect(range.end).toBeLessThanOrEqual(size);
    }),
    { seed: 20261127, numRuns: 1000 },
  );
});

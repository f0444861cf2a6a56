import { expect, test } from "bun:test";
import type { BlobId } from "@cychat/protocol";
import fc from "fast-check";
import { type Part, partKey, readPart, unbrokenRun } from "./s3-parts.ts";

const id = `${"x".repeat(42)}A` as BlobId;
const part = (start: number, end: number): Part => ({ key: partKey(id, start, end - start), start, end });
const rangesOf = (parts: readonly Part[]) => parts.map(({ start, end }) => [start, end]);
const endOf = (parts: readonly Part[]) => unbrokenRun(parts).at(-1)?.end ?? 0;

test("a part's key says where it begins and how long it is, and is no part's with any other length", () => {
  const key = partKey(id, 8_388_608, 17);
  expect(key).toBe(`${id}/0000000008388608-0000000000000017`);
  expect(readPart(key, 17)).toEqual({ id, key, start: 8_388_608, end: 8_388_625 });
  for (const size of [0, 16, 18, Number.NaN]) expect(readPart(key, size)).toBe(null);
  for (const other of ["check-1", `${id}/17`, `${id}/x-y`, `short/${key.split("/")[1]}`, `${key}x`, `a/${key}`])
    expect(readPart(other, 17)).toBe(null);
});

test("keys sort as their offsets do", () => {
  const keys = [0, 9, 10, 99, 8_388_608, 2 ** 41, 2 ** 52].map((start) => partKey(id, start, 1));
  expect(keys.toSorted()).toEqual(keys);
});

test("a run has no gap and no overlap, and reaches as far as any does", () => {
  const cases: [Part[], number[][]][] = [
    [[], []],
    [[part(0, 0)], []],
    [[part(5, 10)], []],
    [[part(0, 5), part(6, 10)], [[0, 5]]],
    [
      [part(5, 10), part(0, 0), part(0, 5)],
      [
        [0, 5],
        [5, 10],
      ],
    ],
    // What came late from a connection that was given up does not take away what was acknowledged meanwhile.
    [
      [part(0, 100), part(100, 200), part(0, 150)],
      [
        [0, 100],
        [100, 200],
      ],
    ],
    [
      [part(0, 3), part(0, 8), part(8, 20), part(3, 9)],
      [
        [0, 8],
        [8, 20],
      ],
    ],
  ];
  for (const [parts, run] of cases) expect(rangesOf(unbrokenRun(parts))).toEqual(run);
});

test("one more part never makes a blob shorter, in whatever order parts are listed", () => {
  const anyPart = fc.tuple(fc.nat(12), fc.nat(6)).map(([start, length]) => part(start, start + length));
  fc.assert(
    fc.property(fc.array(anyPart, { maxLength: 12 }), anyPart, (parts, more) => {
      const run = unbrokenRun(parts);
      for (const [index, { start, end }] of run.entries()) {
        expect(start).toBe(run[index - 1]?.end ?? 0);
        expect(end).toBeGreaterThan(start);
      }
      expect(endOf([...parts, more])).toBeGreaterThanOrEqual(endOf(parts));
      expect(endOf(parts.toReversed())).toBe(endOf(parts));
      // As far as steps from part to part lead.
      const reachable = new Set([0]);
      for (const _ of parts) for (const { start, end } of parts) if (reachable.has(start)) reachable.add(end);
      expect(endOf(parts)).toBe(Math.max(...reachable));
    }),
    { seed: 20261201, numRuns: 2000 },
  );
});

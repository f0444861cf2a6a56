import { expect, test } from "bun:test";
import { type RoomSample, roomKeyRows, type Work } from "./room-key-rows.ts";

const sample = (work: Work, cpuMs: number, more: Partial<RoomSample> = {}): RoomSample => ({
  work,
  size: 1_000,
  figures: {
    wallMs: 2 * cpuMs,
    cpuMs,
    mainCpuMs: cpuMs / 2,
    cpuInAllMs: null,
    longestSliceMs: 60,
    bytesUp: 1_000,
    bytesDown: 2_000,
  },
  lastKeyMs: null,
  serverCpuMs: null,
  waits: null,
  stored: null,
  ...more,
});

test("rounds of the same work are one row a figure, and a figure that nobody took is none", () => {
  const rows = roomKeyRows([sample("add", 10), sample("add", 30), sample("add", 20)]);
  expect(rows.map(({ what }) => what)).toEqual([
    "add one to 1,000",
    "add one to 1,000, CPU time of the client",
    "add one to 1,000, of it the main thread's",
    "add one to 1,000, longest slice",
    "add one to 1,000, sent",
    "add one to 1,000, received",
  ]);
  expect(rows[1]?.ours).toEqual({ median: 20, min: 10, max: 30, count: 3 });
});

test("what is over its target is missed, also the longest wait and what is kept", () => {
  const waits = [10, 2_500, 30];
  const stored = { chains: 100_000, people: 51_000, history: 900_000 };
  const rows = roomKeyRows([sample("remove", 900, { waits }), sample("join by link", 49, { stored })]);
  const met = new Map(rows.flatMap(({ what, target }) => (target ? [[what, target.met]] : [])));
  expect(met).toEqual(
    new Map([
      ["remove one of 1,000", true],
      ["remove one of 1,000, longest slice", false],
      ["remove one of 1,000, longest wait of others' messages", false],
      ["join 1,000 by link, CPU time of the client", true],
      ["join 1,000 by link, longest slice", false],
      ["join 1,000 by link, kept by the client", false],
    ]),
  );
});

test("a room that grew by single joins has figures and no targets", () => {
  const rows = roomKeyRows([sample("join grown", 2_000)]);
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.every(({ target }) => target === undefined)).toBe(true);
});

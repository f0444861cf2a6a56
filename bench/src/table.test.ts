import { expect, test } from "bun:test";
import type { Row } from "./measure.ts";
import { spreadOf } from "./statistics.ts";
import { remarksOf, tableOf } from "./table.ts";

const row: Row = {
  what: "start",
  unit: "ms",
  ours: spreadOf([400, 612.4, 1234]),
  beside: { name: "bare", value: spreadOf([0.0412]) },
  ratio: spreadOf([2, 2.5, 3]),
  target: { text: "≤ 500 ms", met: false },
};

test("a row shows medians, spreads, the ratio, and says plainly that a target was missed", () => {
  const [, , line] = tableOf([row]).split("\n");
  expect(line?.split(/ {2,}/)).toEqual([
    "start",
    "612 (400–1,234) ms",
    "bare",
    "0.0412 ms",
    "2.50 (2.00–3.00)",
    "≤ 500 ms: MISSED",
  ]);
});

test("a row without a partner leaves those cells empty", () => {
  const { what, unit, ours } = row;
  expect(tableOf([{ what, unit, ours }], "markdown").split("\n").at(-1)).toBe("| start | 612 (400–1,234) ms |  |  |  |  |");
});

test("what could not be measured is said", () => {
  expect(remarksOf({ rows: [], notes: ["a note"], notMeasured: ["peers"] })).toEqual(["  a note", "  Not measured: peers."]);
});

import { expect, test } from "bun:test";
import { clockTime, plausible, wholeTime } from "./duration.ts";

test("times are told as a clock tells them", () => {
  expect([0, 999, 7_400, 61_000, 3_723_000].map(clockTime)).toEqual(["0:00", "0:00", "0:07", "1:01", "1:02:03"]);
  expect([0, 400, 12_600].map(wholeTime)).toEqual(["0:01", "0:01", "0:13"]);
});

test("a sender's word on how long it is, is taken within reason", () => {
  expect([null, -5, Number.NaN, 1e15, 4200].map(plausible)).toEqual([0, 0, 0, 86_400_000, 4200]);
});

import { expect, test } from "bun:test";
import { percentile, ratioOf, spreadOf } from "./statistics.ts";

test("a spread has the median of an odd and of an even number of values, in any order", () => {
  expect(spreadOf([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5, count: 3 });
  expect(spreadOf([10, 2, 4, 3])).toEqual({ median: 3.5, min: 2, max: 10, count: 4 });
  expect(spreadOf([7])).toEqual({ median: 7, min: 7, max: 7, count: 1 });
});

test("numbers are sorted as numbers", () => {
  expect(spreadOf([9, 100, 20]).median).toBe(20);
});

test("ratios are taken pair by pair, not of the medians", () => {
  // The machine was twice as slow during the third pair: the ratio does not move.
  expect(ratioOf([10, 10, 5], [20, 20, 10])).toEqual({ median: 0.5, min: 0.5, max: 0.5, count: 3 });
});

test("a value without a partner is refused", () => {
  expect(() => ratioOf([1, 2], [1])).toThrow("partner");
});

test("percentiles are nearest-rank", () => {
  const oneToHundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(percentile(oneToHundred, 0.5)).toBe(50);
  expect(percentile(oneToHundred, 0.99)).toBe(99);
  expect(percentile(oneToHundred, 1)).toBe(100);
  expect(percentile(new Float64Array([4]), 0.99)).toBe(4);
});

test("nothing has no median and no percentile", () => {
  expect(() => spreadOf([])).toThrow();
  expect(() => percentile([], 0.5)).toThrow();
});

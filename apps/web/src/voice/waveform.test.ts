import { describe, expect, test } from "bun:test";
import { peaks, waveformOf } from "./waveform.ts";

describe("a waveform", () => {
  test("has a bar for each equal part, as loud as its loudest moment, and the loudest reaches the top", () => {
    const levels = [...Array(50).fill(0), ...Array(25).fill(0.125), ...Array(24).fill(0.3), 0.5];
    expect([...waveformOf(levels, 4)]).toEqual([0, 0, 128, 255]);
  });

  test("has no more bars than it may, and no more than there are moments", () => {
    expect(waveformOf(Array(36_000).fill(0.5), 64)).toHaveLength(64);
    expect(waveformOf([0.2, 0.4, 0.1], 64)).toHaveLength(3);
    expect([...waveformOf([], 64)]).toEqual([0]);
  });

  test("of a silent room stays low", () => {
    expect(Math.max(...waveformOf(Array(200).fill(0.001), 64))).toBeLessThan(40);
  });

  test("takes no level for more or less than there can be", () => {
    expect([...waveformOf([-1, 0.5, 7], 3)]).toEqual([0, Math.round(255 * Math.sqrt(0.5 / 7)), 255]);
  });

  test("is drawn in fewer bars, or more, with its peaks kept", () => {
    expect(peaks([1, 9, 2, 3, 8, 4], 3)).toEqual([9, 3, 8]);
    expect(peaks([5, 7], 4)).toEqual([5, 5, 7, 7]);
    expect(peaks(Uint8Array.of(10, 20, 30, 40, 50), 2)).toEqual([20, 50]);
    expect(peaks([], 3)).toEqual([0, 0, 0]);
  });
});

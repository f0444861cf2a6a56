import { describe, expect, test } from "bun:test";
import { boxOf, sharedBy } from "./layout.ts";

describe("the space of pictures", () => {
  test("keeps proportions, within bounds that no sender can leave", () => {
    expect(boxOf(4000, 3000)).toEqual({ width: 352, height: 264 });
    expect(boxOf(3000, 4000)).toEqual({ width: 288, height: 384 });
    expect(boxOf(10, 10)).toEqual({ width: 128, height: 128 });
    expect(boxOf(1_000_000, 1)).toEqual({ width: 352, height: 128 });
    expect(boxOf(1, 1_000_000)).toEqual({ width: 128, height: 384 });
    expect(boxOf(null, null)).toEqual({ width: 256, height: 192 });
  });

  test("is shared in full rows of two or three", () => {
    for (let count = 2; count <= 20; count++) {
      const rows = sharedBy(count);
      expect(rows).toHaveLength(count);
      expect(rows.filter((row) => row === 2).length % 2).toBe(0);
      expect(rows.filter((row) => row === 3).length % 3).toBe(0);
    }
    expect(sharedBy(5)).toEqual([2, 2, 3, 3, 3]);
    expect(sharedBy(4)).toEqual([2, 2, 2, 2]);
  });
});

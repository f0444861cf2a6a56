import { describe, expect, test } from "bun:test";
import { shownTime } from "./views.ts";

const atMs = 1_800_000_000_000;
const dayMs = 24 * 3600 * 1000;

describe("the time that is shown", () => {
  test("is the sender's, signed one, also for what waited offline", () => {
    expect(shownTime({ sentAtMs: atMs - 3 * dayMs, atMs })).toBe(atMs - 3 * dayMs);
    expect(shownTime({ sentAtMs: atMs + 60_000, atMs })).toBe(atMs + 60_000);
  });

  test("is the server's where the sender's cannot be", () => {
    for (const sentAtMs of [atMs + 10 * 60_000, atMs - 40 * dayMs, 0, null]) expect(shownTime({ sentAtMs, atMs })).toBe(atMs);
  });
});

import { expect, test } from "bun:test";
import { nextReminderAtMs, postponed } from "./recovery-reminder.ts";

const dayMs = 24 * 3600 * 1000;

test("the reminder comes at once, then after one day, three, and weekly", () => {
  expect(nextReminderAtMs(undefined)).toBe(0);
  let value = postponed(undefined, 0);
  const pauses: number[] = [];
  for (let nowMs = 0; pauses.length < 5; ) {
    const next = nextReminderAtMs(value);
    pauses.push((next - nowMs) / dayMs);
    nowMs = next;
    value = postponed(value, nowMs);
  }
  expect(pauses).toEqual([1, 3, 7, 7, 7]);
});

test("a setting of another form counts as none", () => {
  for (const value of ["soon", 7, [1], ["a", "b"], null]) expect(nextReminderAtMs(value)).toBe(0);
});

import { expect, test } from "bun:test";
import { readAnswer } from "./messages.ts";

test("what the page that draws a file says is one of a few things, and nothing else is heard", () => {
  expect(readAnswer({ state: "shown", pages: 3, more: "secret" })).toEqual({ state: "shown", pages: 3 });
  expect(readAnswer({ state: "shown", pages: "<b>" })).toEqual({ state: "shown", pages: null });
  expect(readAnswer({ state: "failed", problem: "password" })).toEqual({ state: "failed", problem: "password" });
  expect(readAnswer({ state: "closed" })).toEqual({ state: "closed" });
  for (const other of [null, "shown", 7, {}, { state: "failed", problem: "call 0800" }, { state: "open", url: "https://evil" }])
    expect(readAnswer(other)).toBe(null);
});

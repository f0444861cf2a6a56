import { describe, expect, test } from "bun:test";
import { pieces } from "./hidden.ts";

const told = (text: string, as: "code" | "prose" = "code") =>
  pieces(text, as).map((piece) => (piece.isHidden ? `<${piece.text}>` : piece.text));

describe("what cannot be seen", () => {
  test("is named in code, and nothing of it is left", () => {
    expect(told('if (a != "user\u202e \u2066// admin\u2069 \u2066") {')).toEqual([
      'if (a != "user',
      "<U+202E>",
      " ",
      "<U+2066>",
      "// admin",
      "<U+2069>",
      " ",
      "<U+2066>",
      '") {',
    ]);
    expect(told("a\u200bb")).toEqual(["a", "<U+200B>", "b"]);
    expect(told("x\u{e0041}")).toEqual(["x", "<U+E0041>"]);
    expect(told("\u001b[31m")).toEqual(["<U+001B>", "[31m"]);
  });

  test("is left to languages and emoji that need it", () => {
    expect(told("שלום\u200f!", "prose")).toEqual(["שלום\u200f!"]);
    expect(told("👩\u200d💻", "code")).toEqual(["👩\u200d💻"]);
    expect(told("a\u202eb", "prose")).toEqual(["a", "<U+202E>", "b"]);
  });

  test("is not what is plain", () => {
    expect(told("\tGrüße, 世界")).toEqual(["\tGrüße, 世界"]);
    expect(told("")).toEqual([""]);
  });
});

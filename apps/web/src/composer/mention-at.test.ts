import { describe, expect, test } from "bun:test";
import { mentionAt } from "./mention-at.ts";

/** `|` is the caret. */
const at = (text: string) => mentionAt(text.replace("|", ""), text.indexOf("|"));

describe("the name that is being typed", () => {
  test("goes from the @ before the caret to the caret, also over a space", () => {
    expect(at("@|")).toEqual({ from: 0, query: "" });
    expect(at("hello @an|na")).toEqual({ from: 6, query: "an" });
    expect(at("(@anna ma|")).toEqual({ from: 1, query: "anna ma" });
    expect(at("one\n@b|")).toEqual({ from: 4, query: "b" });
  });

  test("is none in an e-mail address, behind a space or in another line, nor before the @", () => {
    expect(at("anna@exa|")).toBeNull();
    expect(at("@ an|")).toBeNull();
    expect(at("@anna\nmore|")).toBeNull();
    expect(at("he|llo @anna")).toBeNull();
    expect(at(`@${"x".repeat(41)}|`)).toBeNull();
  });
});

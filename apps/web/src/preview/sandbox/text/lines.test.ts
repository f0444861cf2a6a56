import { describe, expect, test } from "bun:test";
import { linesOf, withPlainEnds } from "./lines.ts";

const plain = (text: string) => linesOf([{ text: withPlainEnds(text), scope: "" }]);
const texts = (text: string) => plain(text).lines.map((line) => line.map((run) => run.text).join(""));

describe("lines", () => {
  test("end in any of the three ways, and the last end begins no new line", () => {
    expect(texts("a\r\nb\rc\n")).toEqual(["a", "b", "c"]);
    expect(texts("a\n\n")).toEqual(["a", ""]);
    expect(texts("")).toEqual([""]);
  });

  test("part a run that spans several of them", () => {
    const { lines } = linesOf([
      { text: "x = ", scope: "" },
      { text: "`a\nb`", scope: "string" },
      { text: ";\n", scope: "" },
    ]);
    expect(lines).toEqual([
      [
        { text: "x = ", scope: "" },
        { text: "`a", scope: "string" },
      ],
      [
        { text: "b`", scope: "string" },
        { text: ";", scope: "" },
      ],
    ]);
  });

  test("are cut where there are too many of them or one is too long, which is told", () => {
    const many = plain("x\n".repeat(60_000));
    expect([many.lines.length, many.isCut]).toEqual([50_000, true]);
    const long = plain(`${"x".repeat(10_001)}\nnext`);
    expect([long.lines[0]?.[0]?.text.length, long.lines.length, long.isCut]).toEqual([10_000, 2, true]);
    expect(plain("x".repeat(10_000)).isCut).toBe(false);
  });
});

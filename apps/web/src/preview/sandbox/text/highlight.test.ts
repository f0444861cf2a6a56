import { describe, expect, test } from "bun:test";
import { highlighted } from "./highlight.ts";
import { isProse, languageOf } from "./languages.ts";

const scopes = (text: string, name: string) => new Set(highlighted(text, name).runs.map((run) => run.scope));
const whole = (text: string, name: string) =>
  highlighted(text, name)
    .runs.map((run) => run.text)
    .join("");

describe("colours", () => {
  test("follow the language that the name tells, and change no character", () => {
    const code = 'const greeting: string = "Grüße"; // hello\n';
    expect(highlighted(code, "a.ts").language).toBe("TypeScript");
    for (const scope of ["keyword", "built", "string", "comment"]) expect(scopes(code, "a.ts")).toContain(scope);
    expect(whole(code, "a.ts")).toBe(code);
  });

  test("go on inside a language within another", () => {
    const page = "<script>if (1 < 2) alert('&lt;');</script>";
    expect(scopes(page, "page.html")).toContain("keyword");
    expect(whole(page, "page.html")).toBe(page);
  });

  test("are left out of prose, of unknown languages and of very large files", () => {
    expect(highlighted("if else", "a.txt")).toEqual({ runs: [{ text: "if else", scope: "" }], language: null });
    expect(highlighted("x", "noending").language).toBe(null);
    expect(highlighted("let x;\n".repeat(50_000), "a.js").language).toBe(null);
  });

  test("know files by their whole name", () => {
    expect([languageOf("Dockerfile"), languageOf(".env"), languageOf("Makefile")]).toEqual(["dockerfile", "ini", "makefile"]);
    expect([isProse("a.md"), isProse("a.ts"), isProse("README")]).toEqual([true, false, true]);
  });
});

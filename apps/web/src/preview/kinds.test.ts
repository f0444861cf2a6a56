import { describe, expect, test } from "bun:test";
import { previewOf } from "./kinds.ts";

const of = (name: string, type = "", size = 1000) => previewOf({ name, type, size });

describe("what can be looked at", () => {
  test("is told by the end of its name", () => {
    expect(of("Report.PDF", "application/octet-stream")).toBe("pdf");
    for (const name of ["notes.txt", "main.ts", "table.csv", "page.HTML", "drawing.svg", "data.json", "Dockerfile", ".gitignore"])
      expect([name, of(name)]).toEqual([name, "text"]);
  });

  test("is told by its type where the name has no ending", () => {
    expect(of("statement", "application/pdf")).toBe("pdf");
    expect(of("note", "text/plain;charset=utf-8")).toBe("text");
    expect(of("answer", "application/geo+json")).toBe("text");
  });

  test("is nothing that its ending says is something else, whatever its type says", () => {
    for (const [name, type] of [
      ["program.exe", "text/plain"],
      ["archive.zip", "application/pdf"],
      ["letter.docx", "text/html"],
      ["song.mp3", "text/plain"],
      ["thing", ""],
      ["thing", "application/octet-stream"],
    ] as const)
      expect([name, of(name, type)]).toEqual([name, null]);
  });

  test("is no empty file and none that is too large to open here", () => {
    expect(of("empty.txt", "", 0)).toBe(null);
    expect(of("huge.log", "", 20_000_001)).toBe(null);
    expect(of("book.pdf", "", 50_000_000)).toBe("pdf");
    expect(of("book.pdf", "", 50_000_001)).toBe(null);
  });
});

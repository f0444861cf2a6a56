import { describe, expect, test } from "bun:test";
import { isFoundIn, partsOf } from "./name-search.ts";

const marked = (name: string, search: string) =>
  partsOf(name, search)
    .map(({ text, isFound }) => (isFound ? `[${text}]` : text))
    .join("");

describe("a name that is searched", () => {
  test("is found in any case, and marked as it is written", () => {
    expect(marked("Über den Wolken.PDF", "über")).toBe("[Über] den Wolken.PDF");
    expect(marked("report.pdf", "PDF")).toBe("report.[pdf]");
    expect(marked("a-b-a.txt", "A")).toBe("[a]-b-[a].txt");
  });

  test("is found however its letters are put together", () => {
    expect(marked("u\u0308ber.txt", "ü")).toBe("[u\u0308]ber.txt");
    expect(marked("größe.txt", "GRO\u0308")).toBe("[grö]ße.txt");
    expect(marked("ﬁnal.doc", "fin")).toBe("[ﬁn]al.doc");
    expect(isFoundIn("Zu\u0308rich.jpg", "zür")).toBe(true);
  });

  test("is left as it is where nothing is found or sought", () => {
    expect(marked("notes.txt", "  ")).toBe("notes.txt");
    expect(marked("notes.txt", "pdf")).toBe("notes.txt");
    expect(isFoundIn("notes.txt", "")).toBe(true);
  });

  test("keeps every letter, whatever is found in it", () => {
    for (const search of ["a", "👩‍💻", "İ", "ß", "ss"]) {
      const name = "İstanbul 👩‍💻 Straße a.txt";
      expect(
        partsOf(name, search)
          .map((part) => part.text)
          .join(""),
      ).toBe(name);
    }
  });
});

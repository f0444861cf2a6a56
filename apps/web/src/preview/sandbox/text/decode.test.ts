import { describe, expect, test } from "bun:test";
import { decoded } from "./decode.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const utf8 = (text: string) => new Uint8Array(new TextEncoder().encode(text));

describe("bytes", () => {
  test("are text as UTF-8, with a mark at its beginning or without", () => {
    expect(decoded(utf8("Grüße 👋"), true)).toEqual({ text: "Grüße 👋", encoding: "UTF-8" });
    expect(decoded(utf8("\ufeffa"), true)?.text).toBe("a");
    expect(decoded(bytes(), true)?.text).toBe("");
  });

  test("are text as UTF-16 only with a mark", () => {
    expect(decoded(bytes(0xff, 0xfe, 0x41, 0, 0xfc, 0), true)).toEqual({ text: "Aü", encoding: "UTF-16" });
    expect(decoded(bytes(0xfe, 0xff, 0, 0x41, 0, 0xfc), true)).toEqual({ text: "Aü", encoding: "UTF-16" });
    expect(decoded(bytes(0x41, 0, 0xfc, 0), true)).toBe(null);
  });

  test("are no text when they are Latin-1, a picture or a program", () => {
    expect(decoded(bytes(0x47, 0x72, 0xfc, 0xdf, 0x65), true)).toBe(null);
    expect(decoded(bytes(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a), true)).toBe(null);
    expect(decoded(bytes(0x7f, 0x45, 0x4c, 0x46, 0x02, 0x01, 0x00), true)).toBe(null);
  });

  test("that are cut in a character lose that one where they are a beginning, and are damaged where they are all", () => {
    const cut = utf8("ab👋").slice(0, 4);
    expect(decoded(cut, false)?.text).toBe("ab");
    expect(decoded(cut, true)).toBe(null);
  });
});

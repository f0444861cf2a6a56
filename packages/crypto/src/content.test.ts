import { expect, test } from "bun:test";
import { decodeCbor, encodeCbor, limits, newMessageId } from "@cychat/protocol";
import fc from "fast-check";
import { refusal } from "../testing/world.ts";
import { type Content, decodeContent, encodeContent } from "./content.ts";
import { randomBytes } from "./primitives.ts";

const again = (content: Content) => decodeContent(decodeCbor(encodeCbor(encodeContent(content))));

test("text survives the way through bytes", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", minLength: 1, maxLength: 500 }).filter((text) => text.isWellFormed() && text.trim() !== ""),
      (text) => {
        expect(again({ kind: "text", text })).toEqual({ kind: "text", text });
      },
    ),
    { seed: 2, numRuns: 200 },
  );
});

test("a deletion names ids and envelope hashes", () => {
  const targets = [{ messageId: newMessageId(), envelopeHash: randomBytes(32) }];
  expect(again({ kind: "delete", targets })).toEqual({ kind: "delete", targets });
});

test("kinds of newer software are kept, and cannot be sent", async () => {
  const value = ["poll", ["a", 1], null] as const;
  const content = decodeContent(decodeCbor(encodeCbor(value)));
  expect(content).toEqual({ kind: "unknown", name: "poll", value: ["poll", ["a", 1], null] });
  expect(await refusal(() => encodeContent(content))).toBe("malformed-content");
});

test("refused on the way out: empty, only space, too long, half a character", async () => {
  for (const text of ["", "  \n\t\u00a0", "a".repeat(limits.messageTextChars + 1), "a\ud800b", "\udc00"]) {
    expect(await refusal(() => encodeContent({ kind: "text", text }))).toBe("malformed-content");
  }
  expect(encodeContent({ kind: "text", text: "a".repeat(limits.messageTextChars) })).toBeArray();
  expect(await refusal(() => encodeContent({ kind: "delete", targets: [] }))).toBe("malformed-content");
});

test("refused on the way in: missing, surplus and mistyped fields", async () => {
  const hash = new Uint8Array(32);
  const wrong = [
    "text",
    [],
    ["text"],
    ["text", 1],
    ["text", "a", "b"],
    [1, "a"],
    null,
    ["text", "a".repeat(limits.messageTextChars + 1)],
    ["delete"],
    ["delete", []],
    ["delete", [["not an id", hash]]],
    ["delete", [[newMessageId(), new Uint8Array(31)]]],
    ["delete", [[newMessageId(), hash, 1]]],
  ];
  for (const value of wrong) expect(await refusal(() => decodeContent(value))).toBe("malformed-content");
});

test("a byte order mark in front does not make a message that nobody can read", async () => {
  for (const text of ["\ufeffhello", "\ufeff\ufeffhello", `\ufeff${"x".repeat(100)}`])
    expect(again({ kind: "text", text })).toEqual({ kind: "text", text: text.replaceAll("\ufeff", "") });
  expect(again({ kind: "text", text: "a\ufeffb" })).toEqual({ kind: "text", text: "a\ufeffb" });
  expect(await refusal(() => encodeContent({ kind: "text", text: "\ufeff" }))).toBe("malformed-content");
});

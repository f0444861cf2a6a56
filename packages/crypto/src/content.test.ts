import { expect, test } from "bun:test";
import { type AccountId, type CborValue, decodeCbor, encodeCbor, limits, newMessageId } from "@cychat/protocol";
import fc from "fast-check";
import { refusal } from "../testing/world.ts";
import { type Content, decodeContent, encodeContent } from "./content.ts";
import { randomBytes } from "./primitives.ts";

const many = (count: number) =>
  Array.from({ length: count }, (_, at) => `${(0x10000000 + at).toString(16)}-0000-4000-8000-000000000000` as AccountId);
const again = (content: Content) => decodeContent(decodeCbor(encodeCbor(encodeContent(content))));

test("text survives the way through bytes", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", minLength: 1, maxLength: 500 }).filter((text) => text.isWellFormed() && text.trim() !== ""),
      (text) => {
        expect(again({ kind: "text", text, mentions: [] })).toEqual({ kind: "text", text, mentions: [] });
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
    expect(await refusal(() => encodeContent({ kind: "text", text, mentions: [] }))).toBe("malformed-content");
  }
  expect(encodeContent({ kind: "text", text: "a".repeat(limits.messageTextChars), mentions: [] })).toBeArray();
  expect(await refusal(() => encodeContent({ kind: "delete", targets: [] }))).toBe("malformed-content");
});

test("refused on the way in: missing, surplus and mistyped fields", async () => {
  const hash = new Uint8Array(32);
  const wrong: CborValue[] = [
    "text",
    [],
    ["text"],
    ["text", 1],
    ["text", "a", "b"],
    ["text", "a", []],
    ["text", "a", ["all"], 1],
    ["text", "a", ["everybody"]],
    ["text", "a", [1]],
    ["text", "a", ["all", "all"]],
    ["text", "a", many(51)],
    ["edit", [newMessageId(), hash], "a"],
    ["edit", newMessageId(), "a", []],
    ["edit", [newMessageId()], "a", []],
    ["edit", [newMessageId(), hash, 1], "a", []],
    ["edit", [newMessageId(), hash], "a", [], 1],
    ["edit", [newMessageId(), hash], "a", ["all", "all"]],
    ["edit", [newMessageId(), hash], "a".repeat(limits.messageTextChars + 1), []],
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
    expect(again({ kind: "text", text, mentions: [] })).toEqual({
      kind: "text",
      text: text.replaceAll("\ufeff", ""),
      mentions: [],
    });
  expect(again({ kind: "text", text: "a\ufeffb", mentions: [] })).toEqual({ kind: "text", text: "a\ufeffb", mentions: [] });
  expect(await refusal(() => encodeContent({ kind: "text", text: "\ufeff", mentions: [] }))).toBe("malformed-content");
});

test("[P9.16] a text names people, or everybody; without mentions its form is that of old", async () => {
  const mentions = [...many(2), "all"] as const;
  expect(again({ kind: "text", text: "hi", mentions })).toEqual({ kind: "text", text: "hi", mentions });
  expect(encodeContent({ kind: "text", text: "hi", mentions: [] })).toEqual(["text", "hi"]);
  expect(again({ kind: "text", text: "hi", mentions: many(50) })).toMatchObject({ mentions: many(50) });
  for (const wrong of [many(51), ["all", "all"] as const, [...many(1), ...many(1)]])
    expect(await refusal(() => encodeContent({ kind: "text", text: "hi", mentions: wrong }))).toBe("malformed-content");
});

test("[P9.16] an edit names the message, the text that replaces it, and whom that names", async () => {
  const target = { messageId: newMessageId(), envelopeHash: randomBytes(32) };
  for (const mentions of [[], many(3)])
    expect(again({ kind: "edit", target, text: "better", mentions })).toEqual({ kind: "edit", target, text: "better", mentions });
  for (const text of ["", " ", "a".repeat(limits.messageTextChars + 1), "\ud800"])
    expect(await refusal(() => encodeContent({ kind: "edit", target, text, mentions: [] }))).toBe("malformed-content");
  expect(await refusal(() => encodeContent({ kind: "edit", target, text: "x", mentions: many(51) }))).toBe("malformed-content");
});

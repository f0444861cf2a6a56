import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import * as v from "valibot";
import { Email, Nickname, normalEmail, PhoneNumber } from "./fields.ts";

const accepts = (schema: v.GenericSchema, value: unknown) => v.safeParse(schema, value).success;

describe("[P7.2] fields", () => {
  test("an address has one normal form: normalising twice changes nothing", () => {
    // Lower-casing can decompose: J with caron becomes two characters.
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(normalEmail(normalEmail(text))).toBe(normalEmail(text));
      }),
      { seed: 20261123, numRuns: 2000, examples: [["J\u030c@example.org"], [" \u0130@example.org "]] },
    );
  });

  test.each(["a@b", "Ada@Example.ORG", "ada+tag@example.org", "用户@例子.公司"])("%s is an address", (text) => {
    expect(accepts(Email, text)).toBe(true);
  });

  test.each(["", "ada", "@example.org", "ada@", "a b@example.org", "a@b@c", '"a"@example.org', "<a@b>", `${"a".repeat(254)}@b`])(
    "%s is no address",
    (text) => {
      expect(accepts(Email, text)).toBe(false);
    },
  );

  test.each([
    ["nothing visible", "\u200b\u200b"],
    ["spaces", "   "],
    ["a line break", "a\nb"],
    ["a direction override", "a\u202eb"],
    ["a lone surrogate", "a\ud800"],
    ["41 characters", "a".repeat(41)],
  ])("a nickname of %s is refused", (_what, text) => {
    expect(accepts(Nickname, text)).toBe(false);
  });

  test("a nickname is trimmed and composed", () => {
    expect(v.parse(Nickname, "  Zoe\u0308 ")).toBe("Zo\u00eb");
  });

  test("a phone number has digits and the usual signs", () => {
    expect(accepts(PhoneNumber, "+44 20 7946-0000")).toBe(true);
    expect(accepts(PhoneNumber, "call me")).toBe(false);
  });
});

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type CborValue, decodeCbor, encodeCbor } from "./cbor.ts";
import { ProtocolError } from "./errors.ts";

const value: fc.Arbitrary<CborValue> = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: "grapheme" }),
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 64 }),
    fc.array(tie("value"), { maxLength: 6 }),
  ),
})).value;

const fromHex = (hex: string) => Uint8Array.fromHex(hex);

describe("[P1] structures are deterministic CBOR", () => {
  test("[P1.1] what is encoded decodes to the same value, and to the same bytes again", () => {
    fc.assert(
      fc.property(value, (original) => {
        const bytes = encodeCbor(original);
        const decoded = decodeCbor(bytes);
        expect(decoded).toEqual(original as never);
        expect(encodeCbor(decoded)).toEqual(bytes);
      }),
      { seed: 20261123, numRuns: 500 },
    );
  });

  test.each([
    ["an integer longer than needed", "1801"],
    ["a length longer than needed", "5801ff"],
    ["an indefinite array", "9f01ff"],
    ["an indefinite byte string", "5f41ffff"],
    ["a half float", "f93c00"],
    ["a double", "fb3ff199999999999a"],
    ["undefined", "f7"],
    ["a tag", "c101"],
    ["a map", "a10102"],
    ["an integer above 2^53-1", "1b0020000000000000"],
    ["an integer below -(2^53-1)", "3b001fffffffffffff"],
    ["trailing bytes", "0100"],
    ["nothing at all", ""],
    ["a cut array", "8201"],
    ["text that is not UTF-8", "61ff"],
    ["an unknown simple value", "f820"],
  ])("[P1.2] %s is refused", (_what, hex) => {
    expect(() => decodeCbor(fromHex(hex))).toThrow(ProtocolError);
  });

  test.each([
    ["a fraction", 1.5],
    ["not-a-number", Number.NaN],
    ["an integer above 2^53-1", 2 ** 53],
    ["undefined", undefined],
    ["a bigint", 1n],
    ["a map", { a: 1 }],
  ])("[P1.3] %s is never encoded", (_what, bad) => {
    expect(() => encodeCbor([bad as CborValue])).toThrow(ProtocolError);
  });

  test("[P1.1] a text keeps the byte order mark it begins with", () => {
    for (const text of ["\ufeff", "\ufeffhello", `\ufeff${"x".repeat(100)}`])
      expect(decodeCbor(encodeCbor([text]))).toEqual([text]);
  });

  test("[P1.3] a text with half a character is never encoded", () => {
    for (const text of ["\ud800", "a\udc00b"]) expect(() => encodeCbor([text])).toThrow(ProtocolError);
  });

  test("[P1.2] arrays nested deeper than 32 are refused, at once and as what they are", () => {
    const nested = (depth: number) => Uint8Array.of(...new Uint8Array(depth).fill(0x81), 0);
    const siblings = Uint8Array.of(0x98, 100, ...new Uint8Array(100).fill(0x80));
    expect(decodeCbor(siblings)).toHaveLength(100);
    expect(encodeCbor(decodeCbor(nested(32)))).toEqual(nested(32));
    const startedMs = performance.now();
    for (const depth of [33, 1000, 10_000, 100_000]) expect(() => decodeCbor(nested(depth))).toThrow(ProtocolError);
    const maps = Uint8Array.fromHex(`${"a16161".repeat(10_000)}00`);
    expect(() => decodeCbor(maps)).toThrow(ProtocolError);
    expect(performance.now() - startedMs).toBeLessThan(100);
    let value: CborValue = 0;
    for (let depth = 0; depth < 33; depth++) value = [value];
    expect(() => encodeCbor(value)).toThrow(ProtocolError);
  });
});

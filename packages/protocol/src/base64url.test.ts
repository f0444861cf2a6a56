import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fromBase64url, toBase64url } from "./base64url.ts";
import { ProtocolError } from "./errors.ts";

describe("[P2] bytes travel as base64url without padding", () => {
  test("[P2.1] any bytes come back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = toBase64url(bytes);
        expect(text).toMatch(/^[A-Za-z0-9_-]*$/);
        expect(fromBase64url(text)).toEqual(new Uint8Array(bytes));
      }),
      { seed: 20261123, numRuns: 300 },
    );
  });

  test.each([
    ["padding", "AQ=="],
    ["the standard alphabet", "+/+/"],
    ["white space", "AQ ID"],
    ["a lone character", "A"],
    ["trailing bits that are not zero", "AR"],
  ])("[P2.2] %s is refused, so that one text stands for one value", (_what, text) => {
    expect(() => fromBase64url(text)).toThrow(ProtocolError);
  });
});

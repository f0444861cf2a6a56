import { expect, test } from "bun:test";
import type { AccountId } from "@cychat/protocol";
import { checkVector } from "../testing/vectors.ts";
import { compareSafetyCode, formatSafetyNumber, safetyCode, safetyNumber } from "./safety-number.ts";

const side = (digit: string, fill: number) => ({
  account: `${digit.repeat(8)}-0000-4000-8000-000000000000` as AccountId,
  identityKey: new Uint8Array(65).fill(fill),
});
const [ada, bob] = [side("a", 1), side("b", 2)] as const;

test("vectors/safety-number.json; the same from both sides", async () => {
  const digits = await safetyNumber(ada, bob);
  expect(digits).toMatch(/^\d{60}$/);
  expect(await safetyNumber(bob, ada)).toBe(digits);
  expect(formatSafetyNumber(digits)).toMatch(/^(\d{5} ){11}\d{5}$/);
  await checkVector("safety-number", {
    sides: [ada, bob].map(({ account, identityKey }) => ({ account, identityKey: identityKey.toHex() })),
    digits,
    code: await safetyCode(ada, bob),
  });
});

test("another key or account on either side changes it", async () => {
  const digits = await safetyNumber(ada, bob);
  for (const other of [side("b", 3), side("c", 2)]) {
    expect(await safetyNumber(ada, other)).not.toBe(digits);
    expect(await compareSafetyCode(await safetyCode(ada, bob), ada, other)).toBe("different");
  }
});

test("the code for the camera", async () => {
  const code = await safetyCode(ada, bob);
  expect(await compareSafetyCode(code, bob, ada)).toBe("same");
  for (const text of ["", "https://example.org", `${code}A`, code.slice(0, -1)])
    expect(await compareSafetyCode(text, ada, bob)).toBe("not-a-safety-code");
});

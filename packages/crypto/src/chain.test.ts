import { expect, test } from "bun:test";
import { placeInChain } from "./chain.ts";
import { randomBytes, zeroHash } from "./primitives.ts";

const [first, second, other] = [randomBytes(32), randomBytes(32), randomBytes(32)] as const;
const link = (counter: number, prev = zeroHash(), envelopeHash = second) => ({ counter, prev, envelopeHash });

test("the first message of a device", () => {
  expect(placeInChain(null, link(1))).toBe("next");
  expect(placeInChain(null, link(1, other))).toBe("forked");
  expect(placeInChain(null, link(3, other))).toBe("gap");
  expect(placeInChain(null, link(0))).toBe("forked");
});

test("later messages", () => {
  const last = { counter: 4, hash: first };
  expect(placeInChain(last, link(5, first))).toBe("next");
  expect(placeInChain(last, link(5, other))).toBe("forked");
  expect(placeInChain(last, link(6, other))).toBe("gap");
  expect(placeInChain(last, link(4, other, first))).toBe("replayed");
  expect(placeInChain(last, link(4, other, second))).toBe("forked");
  expect(placeInChain(last, link(2, other))).toBe("replayed");
});

import { describe, expect, test } from "bun:test";
import type { AccountId } from "@cychat/protocol";
import { newKey, newMethod, newRecoverySecret, TestAccountKeys } from "../testing/test-keys.ts";
import { verifyLog } from "./account-log.ts";
import { verifyMethods } from "./unlock-methods.ts";

const alice = "0b8e1f8a-53f2-4a1e-9d0c-1f6f0d3c5a11" as AccountId;
const bob = "7d5d4f64-0a5b-4f4a-8a60-6a3b6a6e2b22" as AccountId;

function setUp() {
  const keys = new TestAccountKeys(alice);
  keys.firstLog();
  return { keys, state: verifyLog(alice, keys.log).state };
}

describe("a wraps statement", () => {
  test("with its boxes gives the methods in the statement's order", () => {
    const { keys, state } = setUp();
    const secret = newRecoverySecret();
    const update = keys.methods(4, [newMethod("password"), newMethod("recovery", secret)]);
    update.boxes.reverse();
    const verified = verifyMethods(update, state);
    expect(verified.version).toBe(4);
    expect(verified.methods.map(({ kind, authSecret }) => [kind, authSecret])).toEqual([
      ["password", null],
      ["recovery", secret],
    ]);
  });

  test("signed by another key is refused", () => {
    const { keys, state } = setUp();
    expect(() => verifyMethods(keys.methods(1, [newMethod("password")], newKey()), state)).toThrow(
      expect.objectContaining({ code: "bad-signature" }),
    );
  });

  test("of another account is refused", () => {
    const { state } = setUp();
    const other = new TestAccountKeys(bob);
    const update = other.methods(1, [newMethod("password")]);
    expect(() => verifyMethods(update, { ...state, identityKey: state.identityKey })).toThrow(
      expect.objectContaining({ code: "bad-signature" }),
    );
  });

  test("needs a box of the same kind for every wrap, and no other box", () => {
    const { keys, state } = setUp();
    const methods = [newMethod("password"), newMethod("recovery")];
    const missing = keys.methods(1, methods);
    missing.boxes.pop();
    const extra = keys.methods(1, methods);
    extra.boxes.push({ ...(extra.boxes[0] as (typeof extra.boxes)[0]), method: newMethod("passkey").method });
    const otherKind = keys.methods(1, methods);
    otherKind.boxes[1] = { ...(otherKind.boxes[1] as (typeof otherKind.boxes)[0]), kind: "passkey" };
    const twice = keys.methods(1, [methods[0] as (typeof methods)[0], methods[0] as (typeof methods)[0]]);
    for (const update of [missing, extra, otherKind, twice]) {
      expect(() => verifyMethods(update, state)).toThrow(expect.objectContaining({ code: "malformed-request" }));
    }
  });

  test("takes an authentication secret of the method's own kind only", () => {
    const { keys, state } = setUp();
    const update = keys.methods(1, [newMethod("password"), newMethod("passkey", newRecoverySecret())]);
    expect(() => verifyMethods(update, state)).toThrow(expect.objectContaining({ code: "malformed-request" }));
  });
});

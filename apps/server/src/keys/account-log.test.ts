import { describe, expect, test } from "bun:test";
import type { AccountId, Signed } from "@cychat/protocol";
import { newKey, TestAccountKeys } from "../testing/test-keys.ts";
import { extendLog, verifyLog } from "./account-log.ts";

const alice = "0b8e1f8a-53f2-4a1e-9d0c-1f6f0d3c5a11" as AccountId;
const bob = "7d5d4f64-0a5b-4f4a-8a60-6a3b6a6e2b22" as AccountId;

function openedKeys(): TestAccountKeys {
  const keys = new TestAccountKeys(alice);
  keys.firstLog();
  return keys;
}

describe("an account log", () => {
  test("that is whole gives its identity, newest generation and devices", () => {
    const keys = openedKeys();
    const { state, entries } = verifyLog(alice, keys.log);
    expect(entries.map(({ entry }) => entry.n)).toEqual([0, 1, 2]);
    expect(state.generation).toBe(1);
    expect(state.devices).toEqual(new Map([[keys.deviceId, "active" as const]]));
  });

  test("of another account is refused", () => {
    expect(() => verifyLog(bob, openedKeys().log)).toThrow(expect.objectContaining({ code: "malformed-structure" }));
  });

  test("whose entry was signed by another key is refused", () => {
    const keys = openedKeys();
    const { state } = verifyLog(alice, keys.log);
    const forged = keys.make({ kind: "revoke", device: keys.deviceId, reason: "revoked" }, { signer: newKey() });
    expect(() => extendLog(state, [forged])).toThrow(expect.objectContaining({ code: "bad-signature" }));
  });

  test.each([0, 1, 2])("with one flipped bit in the signature of entry %d is refused", (n) => {
    const keys = openedKeys();
    const signature = new Uint8Array((keys.log[n] as Signed).signature);
    signature[40] = (signature[40] as number) ^ 1;
    keys.log[n] = { payload: (keys.log[n] as Signed).payload, signature };
    expect(() => verifyLog(alice, keys.log)).toThrow(expect.objectContaining({ code: "bad-signature" }));
  });

  test("that lost an entry in the middle is refused", () => {
    const keys = openedKeys();
    keys.log.splice(1, 1);
    expect(() => verifyLog(alice, keys.log)).toThrow(expect.objectContaining({ code: "malformed-structure" }));
  });

  test("whose entry names another predecessor is refused", () => {
    const keys = openedKeys();
    const { state } = verifyLog(alice, keys.log);
    const stray = keys.make({ kind: "revoke", device: keys.deviceId, reason: "revoked" }, { prev: new Uint8Array(32).fill(7) });
    expect(() => extendLog(state, [stray])).toThrow(expect.objectContaining({ code: "malformed-structure" }));
  });

  test("takes encryption keys of 1,249 bytes only", () => {
    const keys = openedKeys();
    const { state } = verifyLog(alice, keys.log);
    for (const length of [0, 32, 1248, 1250, 4096]) {
      const entry = keys.make({ kind: "encryption", generation: 2, publicKey: new Uint8Array(length) });
      expect(() => extendLog(state, [entry])).toThrow(expect.objectContaining({ code: "malformed-structure" }));
    }
  });

  test("takes the next encryption generation only", () => {
    const keys = openedKeys();
    const { state } = verifyLog(alice, keys.log);
    const publicKey = new Uint8Array(1249);
    for (const generation of [1, 3]) {
      const entry = keys.make({ kind: "encryption", generation, publicKey });
      expect(() => extendLog(state, [entry])).toThrow(expect.objectContaining({ code: "malformed-structure" }));
    }
    expect(extendLog(state, [keys.make({ kind: "encryption", generation: 2, publicKey })]).state.generation).toBe(2);
  });

  test("certifies a device once, also after its revocation", () => {
    const keys = openedKeys();
    keys.revokeEntry(keys.deviceId);
    const { state } = verifyLog(alice, keys.log);
    expect(state.devices.get(keys.deviceId)).toBe("revoked");
    const again = keys.make({ kind: "device", deviceKey: keys.device.point, vaultVersion: 1, vaultHash: new Uint8Array(32) });
    expect(() => extendLog(state, [again])).toThrow(expect.objectContaining({ code: "malformed-structure" }));
  });

  test("revokes active devices of its own only", () => {
    const keys = openedKeys();
    const { state } = verifyLog(alice, keys.log);
    const stranger = new TestAccountKeys(bob);
    const entry = keys.make({ kind: "revoke", device: stranger.deviceId, reason: "revoked" });
    expect(() => extendLog(state, [entry])).toThrow(expect.objectContaining({ code: "malformed-structure" }));
  });

  test("takes no device key that lies off the curve", () => {
    const keys = openedKeys();
    const { state } = verifyLog(alice, keys.log);
    const deviceKey = new Uint8Array(65).fill(1);
    deviceKey[0] = 4;
    const entry = keys.make({ kind: "device", deviceKey, vaultVersion: 1, vaultHash: new Uint8Array(32) });
    expect(() => extendLog(state, [entry])).toThrow(expect.objectContaining({ code: "malformed-structure" }));
  });
});

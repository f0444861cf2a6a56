import { expect, test } from "bun:test";
import { deriveVaultKey, generateRootSecret } from "@cychat/crypto";
import { exportableKeys } from "./exportable-keys.ts";

test("the exportable vault key is the vault key: each opens what the other sealed", async () => {
  const root = generateRootSecret();
  const [ours, theirs] = [await exportableKeys.vaultKey(root), await deriveVaultKey(root)];
  const data = new Uint8Array([1, 2, 3]);
  const algorithm = { name: "AES-GCM", iv: new Uint8Array(12) };
  const sealed = await crypto.subtle.encrypt(algorithm, ours, data);
  expect(new Uint8Array(await crypto.subtle.decrypt(algorithm, theirs, sealed))).toEqual(data);
  expect(ours.extractable).toBe(true);
  expect(theirs.extractable).toBe(false);
});

import { expect, test } from "bun:test";
import { labels } from "@cychat/protocol";
import { eachFlip, refusal } from "../testing/world.ts";
import { deviceIdOf, generateDevice } from "./device.ts";
import { generateIdentity, importIdentity, sign, verify } from "./identity.ts";

const payload = Uint8Array.of(1, 2, 3);

test("RFC 6979 A.2.5: the curve, hash and encodings are P-256, SHA-256, raw point, r and s", async () => {
  const publicKey = Uint8Array.fromHex(
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
  );
  const signature = Uint8Array.fromHex(
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
  );
  const key = await crypto.subtle.importKey("raw", publicKey, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
  const sample = new TextEncoder().encode("sample");
  expect(await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, sample)).toBe(true);
});

test("a signature holds for its key, label and payload only", async () => {
  const { identity } = await generateIdentity();
  const signed = await sign(identity.privateKey, labels.record, payload);
  await verify(identity.publicKey, labels.record, signed);
  expect(signed.signature.length).toBe(64);
  expect(await refusal(verify(identity.publicKey, labels.message, signed))).toBe("bad-signature");
  expect(await refusal(verify((await generateIdentity()).identity.publicKey, labels.record, signed))).toBe("bad-signature");
  expect([
    ...(await eachFlip(signed.signature, (signature) => verify(identity.publicKey, labels.record, { payload, signature }))),
  ]).toEqual(["bad-signature"]);
  expect([
    ...(await eachFlip(payload, (altered) => verify(identity.publicKey, labels.record, { ...signed, payload: altered }))),
  ]).toEqual(["bad-signature"]);
  for (const signature of [
    new Uint8Array(0),
    signed.signature.slice(1),
    Uint8Array.of(...signed.signature, 0),
    new Uint8Array(64),
  ]) {
    expect(await refusal(verify(identity.publicKey, labels.record, { payload, signature }))).toBe("bad-signature");
  }
});

test("public keys that are none are refused", async () => {
  const { identity } = await generateIdentity();
  const signed = await sign(identity.privateKey, labels.record, payload);
  const compressed = Uint8Array.of(2, ...identity.publicKey.slice(1, 33));
  const offCurve = identity.publicKey.with(64, (identity.publicKey[64] ?? 0) ^ 1);
  for (const key of [compressed, offCurve, new Uint8Array(65), identity.publicKey.slice(0, 64), new Uint8Array(0)]) {
    expect(await refusal(verify(key, labels.record, signed))).toBe("malformed-key");
  }
});

test("private keys cannot be read out, and do not pair with another public key", async () => {
  const [a, b] = [await generateIdentity(), await generateIdentity()];
  const device = await generateDevice();
  for (const key of [a.identity.privateKey, device.privateKey]) {
    expect(key.extractable).toBe(false);
    await expect(crypto.subtle.exportKey("pkcs8", key)).rejects.toThrow();
  }
  expect(await refusal(importIdentity(a.pkcs8, b.identity.publicKey))).toBe("malformed-key");
  expect(await refusal(importIdentity(new Uint8Array(10), a.identity.publicKey))).toBe("malformed-key");
  expect(device.id).toBe(await deviceIdOf(device.publicKey));
  expect(device.id).toMatch(/^[A-Za-z0-9_-]{43}$/);
});

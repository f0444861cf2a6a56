import { expect, test } from "bun:test";
import { type AccountLogEntry, encodeAccountLogEntry, labels } from "@cychat/protocol";
import { eachFlip, flip, Person, refusal } from "../testing/world.ts";
import { createAccountLog, extendAccountLog, pinOf, verifyAccountLog } from "./account-log.ts";
import { generateDevice } from "./device.ts";
import { generateIdentity, sign } from "./identity.ts";
import { sha256, zeroHash } from "./primitives.ts";

const ada = await Person.create("a");
const second = await ada.addDevice();
await ada.append({ kind: "revoke", device: second.id, reason: "expired" });
await ada.append({ kind: "revoke", device: second.id, reason: "revoked" });
await ada.rollEncryptionKey();

test("the log says which keys an account has", async () => {
  const state = await verifyAccountLog(ada.account, ada.entries);
  expect(state).toEqual(ada.state);
  expect(state.devices.get(ada.device.id)).toMatchObject({ state: "active", n: 2, endedAt: null });
  expect(state.devices.get(second.id)).toMatchObject({ state: "revoked", n: 3, endedAt: 5 });
  expect(state.newestGeneration).toBe(2);
  expect(state.encryptionKeys.get(2)).toEqual(ada.keyPairs.get(2)?.publicKey as Uint8Array<ArrayBuffer>);
  expect(structuredClone(state)).toEqual(state);
});

test("it is verified piece by piece, and pieces may overlap", async () => {
  const early = await verifyAccountLog(ada.account, ada.entries.slice(0, 3));
  expect(await extendAccountLog(early, ada.entries.slice(1))).toEqual(ada.state);
  expect(await extendAccountLog(ada.state, ada.entries)).toEqual(ada.state);
  expect(await refusal(extendAccountLog(early, ada.entries.slice(4)))).toBe("broken-chain");
});

test("[malicious server] another identity, a shorter log, another log, with a pin", async () => {
  const pin = pinOf(ada.state);
  expect(await verifyAccountLog(ada.account, ada.entries, pin)).toEqual(ada.state);
  expect(await refusal(verifyAccountLog(ada.account, ada.entries.slice(0, 4), pin))).toBe("rollback");
  const swapped = await createAccountLog(ada.account, (await generateIdentity()).identity);
  expect(await refusal(verifyAccountLog(ada.account, [swapped.entry], pin))).toBe("identity-changed");
  expect(await refusal(verifyAccountLog(ada.account, ada.entries, { ...pin, n: 3 }))).toBe("fork");
  const early = await verifyAccountLog(ada.account, ada.entries.slice(0, 6));
  const other = new Person();
  Object.assign(other, { identity: ada.identity, state: early });
  await other.addDevice();
  expect(await refusal(extendAccountLog(ada.state, other.entries))).toBe("fork");
  expect(await refusal(verifyAccountLog(ada.account, [...ada.entries.slice(0, 6), ...other.entries], pin))).toBe("fork");
});

test("[malicious server] dropped, reordered, repeated and foreign entries", async () => {
  const [first, ...rest] = ada.entries;
  const bob = await Person.create("b");
  for (const entries of [
    [],
    rest,
    ada.entries.toSpliced(2, 1),
    ada.entries.toReversed(),
    [first, first],
    [first, ...bob.entries.slice(1)],
  ]) {
    expect(await refusal(verifyAccountLog(ada.account, entries as typeof rest))).toBe("broken-chain");
  }
  expect(await refusal(verifyAccountLog(bob.account, ada.entries))).toBe("broken-chain");
});

test("every flipped bit is refused", async () => {
  const [first, ...rest] = ada.entries;
  if (first === undefined) throw new Error("no entries");
  const codes = await eachFlip(first.payload, (payload) => verifyAccountLog(ada.account, [{ ...first, payload }, ...rest]));
  expect([...codes].toSorted()).toEqual(["broken-chain", "malformed-key", "malformed-structure"]);
  const certificate = ada.entries[2] as typeof first;
  const ofCertificate = await eachFlip(certificate.payload, (payload) =>
    verifyAccountLog(ada.account, ada.entries.with(2, { ...certificate, payload })),
  );
  expect([...ofCertificate].toSorted()).toEqual(["bad-signature", "broken-chain", "malformed-structure"]);
  expect(await refusal(verifyAccountLog(ada.account, [{ ...first, signature: flip(first.signature, 5) }]))).toBe("bad-signature");
});

test("an entry signed by anything but the identity key is refused", async () => {
  const device = await generateDevice();
  const forged: AccountLogEntry = {
    account: ada.account,
    n: ada.state.head.n + 1,
    prev: ada.state.head.hash,
    body: { kind: "device", deviceKey: device.publicKey, vaultVersion: 1, vaultHash: zeroHash() },
  };
  const payload = encodeAccountLogEntry(forged);
  expect(await refusal(extendAccountLog(ada.state, [await sign(ada.device.privateKey, labels.accountLog, payload)]))).toBe(
    "bad-signature",
  );
  expect(await refusal(extendAccountLog(ada.state, [await sign(ada.identity.privateKey, labels.record, payload)]))).toBe(
    "bad-signature",
  );
});

test("signed, but against the rules", async () => {
  const publicKey = ada.state.encryptionKeys.get(1) as Uint8Array<ArrayBuffer>;
  const vault = { vaultVersion: 1, vaultHash: zeroHash() };
  const unknown = (await generateDevice()).id;
  for (const body of [
    { kind: "encryption", generation: 2, publicKey },
    { kind: "encryption", generation: 4, publicKey },
    { kind: "device", deviceKey: second.publicKey, ...vault },
    { kind: "device", deviceKey: ada.device.publicKey, ...vault },
    { kind: "revoke", device: second.id, reason: "expired" },
    { kind: "revoke", device: unknown, reason: "revoked" },
  ] as const) {
    expect(await refusal(ada.append(body))).toBe("broken-chain");
  }
});

test("an expired device that comes back keeps its first place", async () => {
  const eve = await Person.create("e");
  await eve.append({ kind: "revoke", device: eve.device.id, reason: "expired" });
  expect(eve.state.devices.get(eve.device.id)?.state).toBe("expired");
  await eve.append({
    kind: "device",
    deviceKey: eve.device.publicKey,
    vaultVersion: 2,
    vaultHash: await sha256(new Uint8Array(0)),
  });
  expect(eve.state.devices.get(eve.device.id)).toMatchObject({ state: "active", n: 2, vaultVersion: 2 });
});

import { expect, test } from "bun:test";
import {
  type CborValue,
  decodeEnvelope,
  encodeCbor,
  encodeEnvelope,
  encodeHeader,
  labels,
  limits,
  newMessageId,
} from "@cychat/protocol";
import { eachFlip, Person, refusal, World } from "../testing/world.ts";
import { encodeContent } from "./content.ts";
import { createRotation } from "./direct-chats.ts";
import { type OpenContext, openMessage, sealMessage } from "./envelope.ts";
import { sign } from "./identity.ts";
import { pad } from "./padding.ts";
import { aesSeal, hkdfAesKey, randomBytes, sha256, zeroHash } from "./primitives.ts";

const world = await World.create();
const { alice, bob } = world;
const firstEpoch = world.chain;
const firstKey = world.genesis.epochKey;
const context: OpenContext = { chain: firstEpoch, epochKey: firstKey, author: alice.state };

/** An envelope whose inside is whatever is given: a member gone bad, who has all the keys. */
async function craft(inside: (headerHash: Uint8Array<ArrayBuffer>) => Promise<Uint8Array> | Uint8Array, device = alice.device) {
  const { conversation, epoch } = firstEpoch;
  const header = { conversation, epoch, messageId: newMessageId(), account: alice.account, device: device.id, blobs: [] };
  const headerBytes = encodeHeader(header);
  const key = await hkdfAesKey(
    firstKey,
    [labels.messageKey, conversation, device.id],
    new TextEncoder().encode(header.messageId),
  );
  return encodeEnvelope({ headerBytes, ...(await aesSeal(key, headerBytes, await inside(await sha256(headerBytes)))) });
}
const payloadOf = (headerHash: Uint8Array, changes: Record<number, CborValue> = {}) => {
  const fields: Record<number, CborValue> = { ...[headerHash, firstEpoch.hash, 1, 1, zeroHash(), ["text", "hi"]] };
  return encodeCbor(Object.values({ ...fields, ...changes }));
};
const signedInside = async (
  payload: Uint8Array<ArrayBuffer>,
  label: (typeof labels)["message" | "record"] = labels.message,
  by = alice.device,
) => pad(encodeCbor([payload, (await sign(by.privateKey, label, payload)).signature]));

test("sealed, opened, verified", async () => {
  const message = world.message(alice, "Grüße 👋", { counter: 7, prev: randomBytes(32) });
  const { bytes, envelopeHash } = await sealMessage(message);
  expect(envelopeHash).toEqual(await sha256(bytes));
  const opened = await openMessage(bytes, context);
  expect(opened).toMatchObject({
    content: { kind: "text", text: "Grüße 👋" },
    counter: 7,
    prev: message.prev,
    sentAtMs: message.sentAtMs,
    recordHash: message.recordHash,
    envelopeHash,
    deviceState: "active",
    header: { messageId: message.messageId, account: alice.account, blobs: [] },
  });
});

test("the same text twice is two unlike envelopes of one length; lengths are padded", async () => {
  const message = world.message(alice, "hello");
  const [a, b] = [await sealMessage(message), await sealMessage(message)];
  expect(a.bytes).not.toEqual(b.bytes);
  const lengths = new Set<number>();
  for (let length = 1; length <= 32; length++)
    lengths.add((await sealMessage(world.message(alice, "x".repeat(length)))).bytes.length);
  expect(lengths.size).toBeLessThanOrEqual(4);
});

test("every flipped bit is refused", async () => {
  const { bytes } = await sealMessage(world.message(alice, "hello"));
  const codes = await eachFlip(bytes, (altered) => openMessage(altered, context));
  expect([...codes].toSorted()).toEqual([
    "malformed-structure",
    "not-a-member",
    "unknown-device",
    "unknown-epoch",
    "wrong-conversation",
    "wrong-key",
  ]);
  for (const altered of [bytes.slice(0, -1), Uint8Array.of(...bytes, 0), new Uint8Array(0)]) {
    expect(await refusal(openMessage(altered, context))).toBe("malformed-structure");
  }
});

test("another epoch, conversation, key or author is refused", async () => {
  const { bytes } = await sealMessage(world.message(alice, "hello"));
  expect(await refusal(openMessage(bytes, { ...context, epochKey: randomBytes(32) }))).toBe("wrong-key");
  expect(await refusal(openMessage(bytes, { ...context, author: bob.state }))).toBe("not-a-member");
  expect(await refusal(openMessage(bytes, { ...context, author: (await Person.create("a")).state }))).toBe("identity-changed");
  const elsewhere = await World.create();
  const ids = { ...firstEpoch, conversation: elsewhere.conversation };
  expect(elsewhere.conversation).toBe(firstEpoch.conversation);
  expect(
    await refusal(openMessage(bytes, { ...context, chain: { ...ids, conversation: "A".repeat(43) as typeof ids.conversation } })),
  ).toBe("wrong-conversation");
  const next = await createRotation(firstEpoch, bob.author, world.resolve);
  const later = await sealMessage(
    world.message(alice, "later", { epoch: 2, epochKey: next.epochKey, recordHash: next.state.hash }),
  );
  expect(await refusal(openMessage(later.bytes, context))).toBe("unknown-epoch");
  expect((await openMessage(later.bytes, { ...context, chain: next.state, epochKey: next.epochKey })).header.epoch).toBe(2);
  expect(await refusal(openMessage(later.bytes, { ...context, chain: next.state, epochKey: firstKey }))).toBe("wrong-key");
  expect((await openMessage(bytes, { ...context, chain: next.state })).header.epoch).toBe(1);
});

test("a message that names a record of another epoch, or one never seen", async () => {
  const next = await createRotation(firstEpoch, bob.author, world.resolve);
  for (const recordHash of [randomBytes(32), next.state.hash]) {
    const { bytes } = await sealMessage(world.message(alice, "hello", { recordHash }));
    expect(await refusal(openMessage(bytes, { ...context, chain: next.state }))).toBe("unknown-record");
  }
});

test("placed after its epoch had closed", async () => {
  const { bytes } = await sealMessage(world.message(alice, "hello"));
  expect(await refusal(openMessage(bytes, { ...context, seq: 12, epochClosedAtSeq: 11 }))).toBe("late-epoch");
  for (const seqs of [{ seq: 10, epochClosedAtSeq: 11 }, { seq: 12, epochClosedAtSeq: null }, { seq: 12 }]) {
    expect((await openMessage(bytes, { ...context, ...seqs })).content.kind).toBe("text");
  }
});

test("a device that is not certified; one that was revoked since", async () => {
  const eve = await Person.create("e");
  const { bytes } = await sealMessage(world.message(alice, "hello", { device: eve.device }));
  expect(await refusal(openMessage(bytes, context))).toBe("unknown-device");
  const own = await World.create();
  const sealed = await sealMessage(own.message(own.alice, "hello"));
  await own.alice.append({ kind: "revoke", device: own.alice.device.id, reason: "revoked" });
  expect(
    (await openMessage(sealed.bytes, { chain: own.chain, epochKey: own.genesis.epochKey, author: own.alice.state })).deviceState,
  ).toBe("revoked");
});

test("[malicious member] holds the epoch key, but cannot speak as another", async () => {
  // Bob encrypts under Alice's name and signs himself.
  const asAlice = world.message(alice, "I owe Bob 100", { device: { ...bob.device, id: alice.device.id } });
  expect(await refusal(openMessage((await sealMessage(asAlice)).bytes, context))).toBe("bad-signature");
  // Bob moves Alice's signed payload under a header of his making.
  const stolen = await craft(async () => signedInside(payloadOf(randomBytes(32))));
  expect(await refusal(openMessage(stolen, context))).toBe("bad-signature");
  // Alice's signature over something else, with another label.
  const relabelled = await craft(async (hash) => signedInside(payloadOf(hash), labels.record));
  expect(await refusal(openMessage(relabelled, context))).toBe("bad-signature");
});

test("malformed insides are refused, kinds of newer software are kept", async () => {
  const openCrafted = async (inside: Parameters<typeof craft>[0]) => openMessage(await craft(inside), context);
  expect((await openCrafted(async (hash) => signedInside(payloadOf(hash, { 5: ["poll", 1] })))).content).toEqual({
    kind: "unknown",
    name: "poll",
    value: ["poll", 1],
  });
  expect(await refusal(openCrafted(() => new Uint8Array(40).fill(255)))).toBe("malformed-padding");
  expect(await refusal(openCrafted(() => pad(new Uint8Array(20))))).toBe("malformed-structure");
  expect(await refusal(openCrafted((hash) => pad(encodeCbor([payloadOf(hash)]))))).toBe("malformed-structure");
  expect(await refusal(openCrafted((hash) => pad(encodeCbor([payloadOf(hash), new Uint8Array(63)]))))).toBe(
    "malformed-structure",
  );
  expect(await refusal(openCrafted(async (hash) => signedInside(payloadOf(hash, { 6: 1 }))))).toBe("malformed-structure");
  expect(await refusal(openCrafted(async (hash) => signedInside(payloadOf(hash, { 2: -1 }))))).toBe("malformed-structure");
  expect(await refusal(openCrafted(async (hash) => signedInside(payloadOf(hash, { 5: ["text", 1] }))))).toBe("malformed-content");
});

test("the longest text fits, more does not leave the client", async () => {
  const longest = world.message(alice, "€".repeat(limits.messageTextChars));
  const { bytes } = await sealMessage(longest);
  expect(bytes.length).toBeLessThanOrEqual(limits.envelopeBytes);
  expect(decodeEnvelope(bytes).ciphertext.length).toBeGreaterThan(60_000);
  expect(await refusal(sealMessage(world.message(alice, "a".repeat(limits.messageTextChars + 1))))).toBe("malformed-content");
  expect(encodeContent({ kind: "text", text: "a", mentions: [] })).toEqual(["text", "a"]);
});

test("a device that was revoked before the epoch opened does not speak in it, whoever gave it the key", async () => {
  const own = await World.create();
  const stolen = own.alice.device;
  own.alice.device = await own.alice.addDevice();
  const early = await sealMessage(own.message(own.alice, "before", { device: stolen }));
  const firstKey = own.genesis.epochKey;
  await own.alice.append({ kind: "revoke", device: stolen.id, reason: "revoked" });
  await own.alice.rollEncryptionKey();
  own.accept(await createRotation(own.chain, own.bob.author, own.resolve));
  const late = await sealMessage(own.message(own.alice, "after", { device: stolen }));
  const context = { chain: own.chain, author: own.alice.state };
  expect((await openMessage(early.bytes, { ...context, epochKey: firstKey })).deviceState).toBe("revoked");
  const epochKey = own.epochKeys.get(2) as Uint8Array;
  expect(await refusal(openMessage(late.bytes, { ...context, epochKey }))).toBe("device-revoked");
  const good = await sealMessage(own.message(own.alice, "after"));
  expect((await openMessage(good.bytes, { ...context, epochKey })).deviceState).toBe("active");
});

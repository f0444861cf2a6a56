import { expect, test } from "bun:test";
import {
  decodeMemberList,
  decodeRecord,
  type EpochRecord,
  encodeMemberList,
  encodeRecord,
  labels,
  type Member,
} from "@cychat/protocol";
import { eachFlip, Person, refusal, World } from "../testing/world.ts";
import type { AccountState } from "./account-log.ts";
import { createGenesis, createRotation } from "./direct-chats.ts";
import { rotationDue } from "./epoch-access.ts";
import { directConversationId, openSeal, sealEpochKey, verifyEpochKey } from "./epoch-key.ts";
import { type RecordEvidence, verifyRecord, verifyRecords } from "./epochs.ts";
import { sign } from "./identity.ts";
import { randomBytes, sha256, zeroHash } from "./primitives.ts";
import { epochReference, membersOf, recordPinOf } from "./record-chain.ts";

/** Genesis by Alice, a rotation by Bob, one by Alice. */
async function threeEpochs(): Promise<World> {
  const world = await World.create();
  world.accept(await createRotation(world.chain, world.bob.author, world.resolve));
  world.accept(await createRotation(world.chain, world.alice.author, world.resolve));
  return world;
}

/** A record that is signed by Alice's device and follows `world.chain`, with whatever is to be wrong about it. */
async function forge(
  world: World,
  changes: Partial<EpochRecord>,
  members?: readonly Member[],
  by = world.alice,
): Promise<RecordEvidence> {
  const memberList = encodeMemberList(members ?? membersOf(world.chain));
  const { conversation, index, epoch, hash, history } = world.chain;
  const record: EpochRecord = {
    conversation,
    index: index + 1,
    epoch: epoch + 1,
    prev: hash,
    author: by.account,
    device: by.device.id,
    authorLog: [by.state.head.n, by.state.head.hash],
    changes: [{ kind: "rotate" }],
    memberListHash: await sha256(memberList),
    history,
    commitment: randomBytes(32),
    ...changes,
  };
  return { record: await sign(by.device.privateKey, labels.record, encodeRecord(record)), memberList };
}

const next = (world: World, evidence: RecordEvidence) => verifyRecord(world.chain, evidence, world.resolve, world);

test("both members open every epoch's key, and only with the right letter", async () => {
  const world = await threeEpochs();
  const { genesis, alice, bob } = world;
  const reference = epochReference(world.chain, 1);
  for (const person of [alice, bob]) {
    const seal = genesis.seals.find((candidate) => candidate.recipient === person.account);
    if (seal === undefined) throw new Error("no seal");
    const keyPair = person.keyPairs.get(seal.generation);
    if (keyPair === undefined) throw new Error("no key pair");
    expect(await openSeal(reference, seal, keyPair)).toEqual(genesis.epochKey);
    const other = person === alice ? bob : alice;
    expect(await refusal(openSeal(reference, seal, other.keyPairs.get(1) as typeof keyPair))).toBe("wrong-key");
    expect(await refusal(openSeal(reference, { ...seal, recipient: other.account }, keyPair))).toBe("wrong-key");
    expect(await refusal(openSeal(reference, { ...seal, generation: 2 }, keyPair))).toBe("wrong-key");
    expect(await refusal(openSeal(epochReference(world.chain, 2), seal, keyPair))).toBe("wrong-key");
    expect(
      await refusal(
        openSeal({ ...reference, conversation: await directConversationId(alice.account, alice.account) }, seal, keyPair),
      ),
    ).toBe("wrong-key");
    const codes = await eachFlip(seal.ciphertext, (ciphertext) => openSeal(reference, { ...seal, ciphertext }, keyPair), 5);
    expect([...codes]).toEqual(["wrong-key"]);
  }
  expect(await refusal(() => epochReference(world.chain, 4))).toBe("unknown-epoch");
});

test("[malicious member] a key that the record does not commit to", async () => {
  const { genesis, chain, bob } = await World.create();
  const reference = epochReference(chain, 1);
  const keyPair = bob.keyPairs.get(1);
  if (keyPair === undefined) throw new Error("no key pair");
  const seal = await sealEpochKey(reference, randomBytes(32), bob.account, 1, keyPair.publicKey);
  expect(await refusal(openSeal(reference, seal, keyPair))).toBe("commitment-mismatch");
  await verifyEpochKey(reference, genesis.epochKey);
  expect(await refusal(verifyEpochKey({ ...reference, epoch: 2 }, genesis.epochKey))).toBe("commitment-mismatch");
});

test("everybody verifies the same chain, at once or piece by piece", async () => {
  const world = await threeEpochs();
  const { records, resolve, chain } = world;
  expect(await verifyRecords(null, records, resolve, world)).toEqual(chain);
  const early = await verifyRecords(null, records.slice(0, 1), resolve, world);
  expect(
    await verifyRecords(early, records, resolve, { ...world, conversation: world.conversation, pin: recordPinOf(chain) }),
  ).toEqual(chain);
  expect(chain).toMatchObject({ index: 2, epoch: 3, kind: "direct", unsettledFrom: null });
  expect(structuredClone(chain)).toEqual(chain);
  expect(chain.conversation).toBe(await directConversationId(world.bob.account, world.alice.account));
});

test("either may begin, and both meet in one conversation", async () => {
  const { alice, bob, conversation } = await World.create();
  expect((await createGenesis(bob.author, alice.state)).state.conversation).toBe(conversation);
  const empty: AccountState = { ...bob.state, encryptionKeys: new Map(), newestGeneration: 0 };
  expect(await refusal(createGenesis(alice.author, empty))).toBe("not-allowed");
});

test("[malicious server] drops, reorders, replays, forks and rolls back", async () => {
  const world = await threeEpochs();
  const { records, resolve, chain, conversation, nowMs } = world;
  const pin = recordPinOf(chain);
  const [first, second, third] = records as [RecordEvidence, RecordEvidence, RecordEvidence];
  for (const wrong of [[first, third], [second], [second, first]]) {
    expect(await refusal(verifyRecords(null, wrong, resolve, { conversation, nowMs }))).toBe("broken-chain");
  }
  expect(await refusal(verifyRecords(null, [], resolve, { conversation, nowMs }))).toBe("broken-chain");
  expect(await refusal(verifyRecords(null, [], resolve, { conversation, nowMs, pin }))).toBe("rollback");
  expect(await refusal(verifyRecords(null, [first, second], resolve, { conversation, nowMs, pin }))).toBe("rollback");
  expect(await refusal(verifyRecords(null, records, resolve, { conversation, nowMs, pin: { ...pin, hash: zeroHash() } }))).toBe(
    "fork",
  );

  const short = await verifyRecords(null, [first], resolve, { conversation, nowMs });
  const other = await createRotation(short, world.bob.author, resolve);
  expect(await refusal(verifyRecords(chain, [other], resolve, { conversation, nowMs }))).toBe("fork");
  expect(
    await refusal(
      verifyRecords(short, [other], resolve, {
        conversation,
        nowMs,
        pin: { index: 1, hash: await sha256(second.record.payload) },
      }),
    ),
  ).toBe("fork");
  const elsewhere = await World.create();
  expect(
    await refusal(
      verifyRecord(null, elsewhere.records[0] as RecordEvidence, resolve, {
        conversation: await directConversationId(world.alice.account, world.alice.account),
        nowMs,
      }),
    ),
  ).toBe("wrong-conversation");
});

test("[malicious server] swaps the member list, adds a ghost", async () => {
  const world = await World.create();
  const [first] = world.records as [RecordEvidence];
  const ghost = await Person.create("c");
  const members = [
    ...decodeMemberList(world.genesis.memberList),
    { account: ghost.account, identityHash: ghost.state.identityHash, role: "member", generation: 1 } as const,
  ];
  const memberList = encodeMemberList(members);
  expect(await refusal(verifyRecord(null, { ...first, memberList }, world.resolve, world))).toBe("member-list-mismatch");
  expect([
    ...(await eachFlip(
      world.genesis.memberList,
      (list) => verifyRecord(null, { ...first, memberList: list }, world.resolve, world),
      3,
    )),
  ]).toEqual(["member-list-mismatch"]);
  // The same with a record of its own making: no certified device signed it.
  const record = { ...decodeRecord(first.record.payload), memberListHash: await sha256(memberList) };
  const forged = { record: await sign(ghost.device.privateKey, labels.record, encodeRecord(record)), memberList };
  expect(await refusal(verifyRecord(null, forged, world.resolve, world))).toBe("bad-signature");
});

test("every flipped bit of a record and its signature is refused", async () => {
  const world = await World.create();
  const [first] = world.records as [RecordEvidence];
  const { record } = first;
  const withRecord = (changes: Partial<typeof record>) =>
    verifyRecord(null, { ...first, record: { ...record, ...changes } }, world.resolve, world);
  const codes = await eachFlip(record.payload, (payload) => withRecord({ payload }));
  expect([...codes].toSorted()).toEqual([
    "account-behind",
    "bad-signature",
    "broken-chain",
    "fork",
    "malformed-structure",
    "member-list-mismatch",
    "not-a-member",
    "unknown-device",
    "wrong-conversation",
  ]);
  expect([...(await eachFlip(record.signature, (signature) => withRecord({ signature }), 3))]).toEqual(["bad-signature"]);
  for (const payload of [record.payload.slice(0, -1), Uint8Array.of(...record.payload, 0)])
    expect(await refusal(withRecord({ payload }))).toBe("malformed-structure");
});

test("signed by a member, but against the rules of a direct chat", async () => {
  const world = await threeEpochs();
  const [a, b] = membersOf(world.chain) as [Member, Member];
  const ghost = await Person.create("c");
  const third: Member = { account: ghost.account, identityHash: ghost.state.identityHash, role: "owner", generation: 1 };
  const codeOf = async (changes: Partial<EpochRecord>, members?: readonly Member[]) =>
    refusal(next(world, await forge(world, changes, members)));
  expect(await codeOf({}, [a, b, third])).toBe("not-allowed");
  expect(await codeOf({}, [a])).toBe("not-allowed");
  expect(await codeOf({}, [a, third])).toBe("wrong-conversation");
  expect(await codeOf({}, [a, { ...b, role: "member" }])).toBe("not-allowed");
  expect(await codeOf({}, [a, { ...b, identityHash: zeroHash() }])).toBe("identity-changed");
  expect(await codeOf({}, [a, { ...b, generation: 2 }])).toBe("account-behind");
  expect(await codeOf({ changes: [{ kind: "create" }] })).toBe("not-allowed");
  expect(await codeOf({ changes: [] })).toBe("not-allowed");
  expect(await codeOf({ changes: [{ kind: "rotate" }, { kind: "rotate" }] })).toBe("not-allowed");
  expect(await codeOf({ history: "joined" })).toBe("not-allowed");
  expect(await codeOf({ epoch: world.chain.epoch })).toBe("broken-chain");
  expect(await codeOf({ index: world.chain.index + 2 })).toBe("broken-chain");
  expect(await codeOf({ prev: zeroHash() })).toBe("broken-chain");
  expect(await refusal(next(world, await forge(world, {}, undefined, ghost)))).toBe("not-a-member");
  const room = await forge(world, {
    index: 0,
    epoch: 1,
    prev: zeroHash(),
    changes: [{ kind: "add", member: third }],
  });
  expect(await refusal(verifyRecord(null, room, world.resolve, world))).toBe("not-allowed");
});

test("the author's device and account log must fit", async () => {
  const world = await threeEpochs();
  const { alice, bob } = world;
  const [n, hash] = [alice.state.head.n, alice.state.head.hash];
  const codeOf = async (changes: Partial<EpochRecord>) => refusal(next(world, await forge(world, changes)));
  expect(await codeOf({ device: bob.device.id })).toBe("unknown-device");
  expect(await codeOf({ author: bob.account })).toBe("fork");
  expect(await codeOf({ authorLog: [n + 1, hash] })).toBe("account-behind");
  expect(await codeOf({ authorLog: [n, zeroHash()] })).toBe("fork");
  expect(await codeOf({ authorLog: [0, alice.state.hashes[0] as Uint8Array<ArrayBuffer>] })).toBe("unknown-device");
});

test("a record by a device that is revoked by now counts only if pinned or covered", async () => {
  const world = await World.create();
  const { alice, conversation, resolve, nowMs } = world;
  const stolen = alice.device;
  const early = world.chain;
  world.accept(await createRotation(world.chain, alice.author, resolve));
  const pin = recordPinOf(world.chain);
  const late = await forge(world, {});
  alice.device = await alice.addDevice();
  await alice.append({ kind: "revoke", device: stolen.id, reason: "revoked" });
  await alice.rollEncryptionKey();

  expect((await verifyRecords(null, world.records, resolve, { conversation, nowMs, pin })).unsettledFrom).toBeNull();
  const unsettled = await verifyRecords(null, world.records, resolve, { conversation, nowMs });
  expect(unsettled.unsettledFrom).toBe(0);
  expect((await verifyRecords(early, world.records, resolve, { conversation, nowMs })).unsettledFrom).toBe(1);
  const age = { openedAtMs: 0, nowMs: 0, messages: 0 };
  expect(rotationDue(unsettled, new Map(), age)).toBe("unsettled");
  const covering = await createRotation(unsettled, alice.author, resolve);
  expect(covering.state.unsettledFrom).toBeNull();
  // The thief dates a record back, before the revocation: it stays unsettled. After it: refused.
  expect((await next(world, late)).unsettledFrom).toBe(2);
  const thief = Object.assign(new Person(), { device: stolen, identity: alice.identity, state: alice.state });
  expect(await refusal(next(world, await forge(world, {}, membersOf(covering.state), thief)))).toBe("device-revoked");
});

test("a new epoch is due for new keys, age and number of messages; keys never go back", async () => {
  const world = await World.create();
  const newest = () => new Map([world.alice, world.bob].map(({ account, state }) => [account, state.newestGeneration] as const));
  const age = { openedAtMs: 1000, nowMs: 1000, messages: 0 };
  const week = 7 * 24 * 3600 * 1000;
  expect(rotationDue(world.chain, newest(), age)).toBeNull();
  expect(rotationDue(world.chain, newest(), { ...age, nowMs: 1000 + week })).toBe("age");
  expect(rotationDue(world.chain, newest(), { ...age, messages: 1000 })).toBe("messages");
  await world.bob.rollEncryptionKey();
  expect(rotationDue(world.chain, newest(), age)).toBe("keys-changed");
  const old = membersOf(world.chain);
  world.accept(await createRotation(world.chain, world.alice.author, world.resolve));
  expect(rotationDue(world.chain, newest(), age)).toBeNull();
  expect(await refusal(next(world, await forge(world, {}, old)))).toBe("rollback");
});

test("somebody whose identity changed gets no new key", async () => {
  const world = await World.create();
  const imposter = await Person.create("b");
  const swapped = new World(world.alice, imposter);
  expect(await refusal(createRotation(world.chain, world.alice.author, swapped.resolve))).toBe("identity-changed");
  expect(await refusal(verifyRecords(null, world.records, swapped.resolve, world))).toBe("identity-changed");
});

test("[malicious server] a revoked device dates a record back behind the keys that the record itself names", async () => {
  const world = await World.create();
  const { alice, resolve } = world;
  const stolen = alice.device;
  const before = alice.state;
  alice.device = await alice.addDevice();
  await alice.append({ kind: "revoke", device: stolen.id, reason: "revoked" });
  await alice.rollEncryptionKey();
  world.accept(await createRotation(world.chain, alice.author, resolve));
  // Everything in it is right but for its author: the list of today, signed by the stolen device, "in the past".
  const thief = Object.assign(new Person(), { device: stolen, identity: alice.identity, state: before });
  expect(await refusal(next(world, await forge(world, {}, membersOf(world.chain), thief)))).toBe("device-revoked");
});

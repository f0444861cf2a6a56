import { beforeEach, expect, test } from "bun:test";
import {
  decodeJoinRequest,
  decodeMemberList,
  decodeRecord,
  type EpochRecord,
  encodeJoinRequest,
  encodeMemberList,
  encodeRecord,
  encodeRoomState,
  type GenerationUpdate,
  labels,
  type Member,
  newMessageId,
  type RoomChange,
} from "@cychat/protocol";
import { adding, inviteOf, openRoom, privateRoom, Room } from "../testing/room.ts";
import { eachFlip, Person, refusal, World } from "../testing/world.ts";
import { rotationDue } from "./epoch-access.ts";
import { type RecordEvidence, verifyRecord, verifyRecords } from "./epochs.ts";
import { sign } from "./identity.ts";
import { createJoinRequest } from "./member-requests.ts";
import { type Bytes, randomBytes, sha256, zeroHash } from "./primitives.ts";
import { membersOf, recordPinOf } from "./record-chain.ts";
import { deriveInvite, generateInviteSecret, signGuest } from "./room-invite.ts";
import { roomIdOf } from "./room-records.ts";

const renew = { kind: "renew", generations: [] as GenerationUpdate[] } as const;
let [ada, bob, cy, dan] = [] as unknown as [Person, Person, Person, Person];

beforeEach(async () => {
  [ada, bob, cy, dan] = (await Promise.all([..."abcd"].map((digit) => Person.create(digit)))) as [Person, Person, Person, Person];
});

/** A first record signed by Ada, of an id that fits unless `wrong` says otherwise. */
async function forgeGenesis(room: Room, members: readonly Member[], wrong: Partial<EpochRecord> = {}): Promise<RecordEvidence> {
  const first = decodeRecord(room.records[0]?.record.payload as Uint8Array);
  const [change] = first.changes;
  if (change?.kind !== "create-room") throw new Error("no genesis");
  const state = { settings: change.settings, profile: change.profile, bans: [], invites: [], pins: [], isDeleted: false };
  const record = { ...first, memberListHash: await sha256(encodeRoomState(members, state)), ...wrong };
  const conversation = wrong.conversation ?? (await roomIdOf(record));
  const payload = encodeRecord({ ...record, conversation });
  return { record: await sign(ada.device.privateKey, labels.record, payload), memberList: encodeMemberList(members) };
}

const conversationOf = ({ record }: RecordEvidence) => decodeRecord(record.payload).conversation;
const verifyFirst = (room: Room, evidence: RecordEvidence, conversation = conversationOf(evidence)) =>
  verifyRecord(null, evidence, room.resolve, { conversation, nowMs: 0 });

test("[P9.1] another first record, member list or settings for the same id is refused", async () => {
  const room = await Room.create(ada, { members: [bob], others: [cy] });
  const [first] = room.records as [RecordEvidence];
  const members = decodeMemberList(first.memberList as Bytes);
  const ghost: Member = { account: cy.account, identityHash: cy.state.identityHash, role: "member", generation: 1 };
  const longer = encodeMemberList([...members, ghost]);
  expect(await refusal(verifyFirst(room, { ...first, memberList: longer }))).toBe("member-list-mismatch");
  expect(await refusal(verifyFirst(room, { ...first, memberList: null }))).toBe("member-list-mismatch");
  const flips = await eachFlip(first.memberList as Bytes, (memberList) => verifyFirst(room, { ...first, memberList }), 7);
  for (const code of flips) expect(["member-list-mismatch", "malformed-structure", "account-behind"]).toContain(code);

  // Whoever made the room may sign as many first records as they like: each has its own id.
  const id = room.conversation;
  const record = decodeRecord(first.record.payload);
  expect(await refusal(verifyFirst(room, await forgeGenesis(room, [...members, ghost], { conversation: id })))).toBe(
    "wrong-conversation",
  );
  const [change] = record.changes as [RoomChange & { kind: "create-room" }];
  for (const wrong of [
    { nonce: randomBytes(32) },
    { settings: { ...privateRoom, post: "admin" } as const },
    { profile: randomBytes(32) },
  ]) {
    const changes = [{ ...change, ...wrong }];
    const state = { ...change, ...wrong, bans: [], invites: [], pins: [], isDeleted: false };
    const memberListHash = await sha256(encodeRoomState(members, state));
    expect(
      await refusal(verifyFirst(room, await forgeGenesis(room, members, { conversation: id, changes, memberListHash }))),
    ).toBe("wrong-conversation");
  }
  expect(await refusal(verifyFirst(room, await forgeGenesis(room, members, { conversation: id, history: "joined" })))).toBe(
    "wrong-conversation",
  );
  // With nothing changed the same way of forging gives a record that is taken.
  expect(await verifyFirst(room, await forgeGenesis(room, members), id)).toEqual(room.chain);
});

test("[P9.1] whoever makes a room is its only owner, with an identity and keys that are theirs", async () => {
  const room = await Room.create(ada, { members: [bob] });
  const [a, b] = membersOf(room.chain) as [Member, Member];
  const codeOf = async (members: readonly Member[], wrong: Partial<EpochRecord> = {}) =>
    refusal(verifyFirst(room, await forgeGenesis(room, members, wrong)));
  expect(await codeOf([a, { ...b, role: "owner" }])).toBe("not-allowed");
  expect(
    await codeOf([
      { ...a, role: "member" },
      { ...b, role: "owner" },
    ]),
  ).toBe("not-allowed");
  expect(await codeOf([{ ...a, role: "admin" }, b])).toBe("not-allowed");
  expect(await codeOf([b])).toBe("not-allowed");
  expect(await codeOf([{ ...a, identityHash: zeroHash() }, b])).toBe("identity-changed");
  expect(await codeOf([{ ...a, generation: 2 }, b])).toBe("account-behind");
  expect(await codeOf([a, { ...b, generation: 0 }])).toBe("not-allowed");
  expect(await codeOf([a, b], { epoch: 2 })).toBe("broken-chain");
  const [change] = decodeRecord(room.records[0]?.record.payload as Uint8Array).changes as [RoomChange];
  expect(await codeOf([a, b], { changes: [change, { kind: "leave" }] })).toBe("not-allowed");
});

test("every flipped bit of a room's records and their signatures is refused", async () => {
  const room = await Room.create(ada, { members: [bob], settings: openRoom });
  const made = await room.make(bob, [await room.asksToJoin(cy)]);
  const { record } = made;
  const withRecord = (changes: Partial<typeof record>) => room.verify({ record: { ...record, ...changes }, memberList: null });
  const codes = await eachFlip(record.payload, (payload) => withRecord({ payload }), 3);
  expect([...codes].toSorted()).toEqual([
    "account-behind",
    "bad-signature",
    "broken-chain",
    "fork",
    "malformed-structure",
    "not-a-member",
    "unknown-device",
    "wrong-conversation",
  ]);
  expect([...(await eachFlip(record.signature, (signature) => withRecord({ signature }), 5))]).toEqual(["bad-signature"]);
});

test("[malicious server] drops, reorders, replays, forks and rolls back a room's records", async () => {
  const room = await Room.create(ada, { members: [bob], others: [cy] });
  await room.change(ada, [adding(cy)]);
  await room.change(ada, [{ kind: "remove", account: cy.account, ban: false }]);
  const [first, second, third] = room.records as [RecordEvidence, RecordEvidence, RecordEvidence];
  const pin = recordPinOf(room.chain);
  const codeOf = (records: readonly RecordEvidence[], options = {}) =>
    refusal(verifyRecords(null, records, room.resolve, { ...room.options, ...options }));
  // A withheld removal is a gap; where it is the newest record, the pin tells.
  expect(await codeOf([first, third])).toBe("broken-chain");
  expect(await codeOf([second])).toBe("broken-chain");
  expect(await codeOf([first, second], { pin })).toBe("rollback");
  expect(await codeOf(room.records, { pin: { ...pin, hash: zeroHash() } })).toBe("fork");
  const before = await verifyRecords(null, [first, second], room.resolve, room.options);
  const other = Object.assign(Object.create(Room.prototype) as Room, room, { chain: before });
  const forked = await other.make(ada, [{ kind: "leave" }]);
  expect(await refusal(room.verify({ record: forked.record, memberList: null }))).toBe("fork");
});

test("[malicious server] adds a ghost: without a member's signature there is none", async () => {
  const room = await Room.create(ada, { members: [bob], others: [cy, dan] });
  expect(await refusal(room.verify(await room.forge(cy, [adding(cy)])))).toBe("not-a-member");
  // Under a member's name, signed by the ghost's own device.
  const asAda = { author: ada.account, authorLog: [ada.state.head.n, ada.state.head.hash] } as const;
  expect(await refusal(room.verify(await room.forge(cy, [adding(cy)], asAda)))).toBe("unknown-device");
  expect(await refusal(room.verify(await room.forge(cy, [adding(cy)], { ...asAda, device: ada.device.id })))).toBe(
    "bad-signature",
  );
});

test("[P9.2] a record that names another state than the one that follows is refused", async () => {
  const room = await Room.create(ada, { members: [bob], others: [cy] });
  expect(await refusal(room.verify(await room.forge(ada, [adding(cy)])))).toBe("member-list-mismatch");
  const state = room.chain.room as NonNullable<typeof room.chain.room>;
  // Right for the old list; right for a ghost beside the newcomer.
  for (const members of [membersOf(room.chain), [...membersOf(room.chain), adding(cy).member, adding(dan).member]]) {
    const memberListHash = await sha256(encodeRoomState(members, state));
    expect(await refusal(room.verify(await room.forge(ada, [adding(cy)], { memberListHash })))).toBe("member-list-mismatch");
  }
});

test("[P9.4] [P9.5] the form of a record: renew last and once, delete alone, epochs and keys that fit", async () => {
  const room = await Room.create(ada, { members: [bob], others: [cy] });
  const codeOf = async (changes: EpochRecord["changes"], wrong: Partial<EpochRecord> = {}, by = ada) =>
    refusal(room.verify(await room.forge(by, changes, wrong)));
  const leave = { kind: "leave" } as const;
  expect(await codeOf([])).toBe("not-allowed");
  expect(await codeOf([renew, renew])).toBe("not-allowed");
  expect(await codeOf([renew, leave])).toBe("not-allowed");
  expect(await codeOf([{ kind: "delete" }, renew])).toBe("not-allowed");
  expect(await codeOf([{ kind: "rotate" }], { epoch: 2 })).toBe("not-allowed");
  expect(await codeOf([{ kind: "create" }])).toBe("not-allowed");
  const again = decodeRecord(room.records[0]?.record.payload as Uint8Array).changes;
  expect(await codeOf(again)).toBe("not-allowed");
  expect(await codeOf([renew], { epoch: 1 })).toBe("broken-chain");
  expect(await codeOf([renew], { epoch: 3 })).toBe("broken-chain");
  expect(await codeOf([leave], { epoch: 2 })).toBe("broken-chain");
  expect(await codeOf([leave], { commitment: randomBytes(32) })).toBe("commitment-mismatch");
  expect(await codeOf([leave], { prev: zeroHash() })).toBe("broken-chain");
  expect(await codeOf([leave], { index: 2 })).toBe("broken-chain");
  expect(await codeOf([leave], { conversation: (await World.create()).conversation })).toBe("wrong-conversation");
});

test("[P9.4] changes that do not fit what the room is like", async () => {
  const room = await Room.create(ada, { members: [bob], others: [cy] });
  const pin = { messageId: newMessageId(), envelopeHash: randomBytes(32) };
  const { invite, change } = await room.newInvite();
  await room.change(ada, [change, { kind: "pin", pin }, { kind: "ban", account: dan.account }]);
  const codeOf = async (...changes: RoomChange[]) => refusal(room.verify(await room.forge(ada, [...changes, renew])));
  const unknown = await room.newInvite();
  expect(await codeOf(adding(bob))).toBe("already-member");
  expect(await codeOf(adding(cy), adding(cy))).toBe("already-member");
  expect(await codeOf({ ...adding(cy), member: { ...adding(cy).member, generation: 0 } })).toBe("not-allowed");
  expect(await codeOf(adding(dan))).toBe("banned");
  expect(await codeOf({ kind: "remove", account: cy.account, ban: false })).toBe("not-a-member");
  expect(await codeOf({ kind: "role", account: cy.account, role: "admin" })).toBe("not-a-member");
  expect(await codeOf({ kind: "role", account: bob.account, role: "member" })).toBe("not-allowed");
  expect(await codeOf({ kind: "ban", account: bob.account })).toBe("not-allowed");
  expect(await codeOf({ kind: "ban", account: ada.account })).toBe("not-allowed");
  expect(await codeOf({ kind: "ban", account: dan.account })).toBe("not-allowed");
  expect(await codeOf({ kind: "unban", account: cy.account })).toBe("not-allowed");
  expect(await codeOf({ kind: "leave" }, { kind: "leave" })).toBe("not-a-member");
  // A seat that lasts no record at all would let somebody read what was before.
  const removed: RoomChange = { kind: "remove", account: bob.account, ban: false };
  expect(await codeOf(removed, adding(bob), removed)).toBe("not-allowed");
  expect(await codeOf(removed, adding(bob))).toBe("member-list-mismatch");
  expect(await codeOf({ kind: "pin", pin })).toBe("not-allowed");
  expect(await codeOf({ kind: "unpin", messageId: newMessageId() })).toBe("not-allowed");
  expect(await codeOf(change)).toBe("not-allowed");
  expect(await codeOf({ kind: "end-invite", invite: unknown.invite.id })).toBe("invite-ended");
  expect(await codeOf({ kind: "end-invite", invite: invite.id }, { kind: "end-invite", invite: invite.id })).toBe("invite-ended");
  const pins = Array.from({ length: 50 }, (): RoomChange => ({ kind: "pin", pin: { ...pin, messageId: newMessageId() } }));
  expect(await codeOf(...pins)).toBe("too-large");
});

test("[P9.9] who is let in has asked for it: for this room, by a device of theirs, with their keys", async () => {
  const room = await Room.create(ada, { members: [bob], settings: openRoom, others: [cy, dan] });
  const good = await room.asksToJoin(cy);
  const codeOf = async (admit: RoomChange, by = bob) => refusal(room.verify(await room.forge(by, [admit])));
  expect(await codeOf(good)).toBe("member-list-mismatch");
  const elsewhere = await Room.create(ada, { settings: openRoom, others: [cy] });
  expect(await codeOf(await elsewhere.asksToJoin(cy))).toBe("wrong-conversation");
  expect(await codeOf(await room.asksToJoin(cy, randomBytes(32)))).toBe("fork");
  expect(await codeOf({ ...good, generation: 2 })).toBe("account-behind");
  const { payload } = good.request;
  expect(await codeOf({ ...good, request: { payload, signature: randomBytes(64) } })).toBe("bad-signature");
  // Bob writes the request himself, under Cy's name.
  const asked = {
    conversation: room.conversation,
    account: cy.account,
    device: cy.device.id,
    recordHash: room.chain.hash,
    generation: 1,
  };
  const forged = { ...asked, accountLog: [cy.state.head.n, cy.state.head.hash] as const, identityHash: cy.state.identityHash };
  const byBob = await sign(bob.device.privateKey, labels.joinRequest, encodeJoinRequest(forged));
  expect(await codeOf({ ...good, request: byBob })).toBe("bad-signature");
  const withBobs = await sign(bob.device.privateKey, labels.joinRequest, encodeJoinRequest({ ...forged, device: bob.device.id }));
  expect(await codeOf({ ...good, request: withBobs })).toBe("unknown-device");
  // Signed for something else.
  const relabelled = await sign(cy.device.privateKey, labels.sealRequest, encodeJoinRequest(forged));
  expect(await codeOf({ ...good, request: relabelled })).toBe("bad-signature");
  await cy.rollEncryptionKey();
  const rolled = await room.asksToJoin(cy);
  expect(await codeOf({ ...rolled, generation: 1 })).toBe("rollback");
  expect(await codeOf({ ...good, generation: 2 })).toBe("member-list-mismatch");
  await room.change(bob, [{ ...good, generation: 2 }]);
  expect(await codeOf(rolled)).toBe("already-member");
});

test("[P9.9] a request is not served again to bring somebody back who has left", async () => {
  const room = await Room.create(ada, { members: [bob], settings: openRoom, others: [cy] });
  const asked = await room.asksToJoin(cy);
  await room.change(bob, [asked]);
  const during = await room.asksToJoin(cy);
  await room.change(cy, [{ kind: "leave" }]);
  for (const old of [asked, during]) {
    expect(await refusal(room.make(bob, [old]))).toBe("not-allowed");
    expect(await refusal(room.verify(await room.forge(bob, [old])))).toBe("not-allowed");
  }
  await room.change(bob, [await room.asksToJoin(cy)]);
  expect(room.chain.seats.filter(({ account }) => account === cy.account)).toHaveLength(2);
  expect(await room.verifyAll()).toEqual(room.chain);
});

test("[P9.9] a request by a device that is revoked by now is not granted, and stays valid where it was granted before", async () => {
  const room = await Room.create(ada, { members: [bob], settings: openRoom, others: [cy, dan] });
  const [early, late] = [await room.asksToJoin(cy), await room.asksToJoin(dan)];
  await room.change(bob, [early]);
  for (const person of [cy, dan]) {
    const stolen = person.device;
    person.device = await person.addDevice();
    await person.append({ kind: "revoke", device: stolen.id, reason: "revoked" });
    await person.rollEncryptionKey();
  }
  expect(await refusal(room.make(bob, [{ ...late, generation: 2 }]))).toBe("device-revoked");
  expect((await room.verifyAll()).index).toBe(1);
  // Named behind the revocation, nobody takes it at all.
  const device = { account: dan.state, device: { ...dan.device, id: decodeJoinRequest(late.request.payload).device } };
  const backdated = await createJoinRequest(device, room.conversation, room.chain.hash);
  expect(await refusal(room.verify(await room.forge(bob, [{ ...late, request: backdated, generation: 2 }])))).toBe(
    "device-revoked",
  );
});

test("[P9.11] an invite's signature lets in one account at one place, and is of no use to anybody else", async () => {
  const room = await Room.create(ada, { members: [bob], settings: { ...privateRoom, invite: "member" }, others: [cy, dan] });
  const { invite, change } = await room.newInvite(3);
  await room.change(ada, [change]);
  const ticket = await room.joins(cy, invite);
  const codeOf = async (join: RoomChange, by = cy) => refusal(room.verify(await room.forge(by, [join])));
  expect(await codeOf(ticket)).toBe("member-list-mismatch");
  // Dan takes Cy's ticket.
  expect(await codeOf(ticket, dan)).toBe("bad-signature");
  expect(await codeOf({ ...ticket, identityHash: dan.state.identityHash }, dan)).toBe("bad-signature");
  expect(await codeOf({ ...ticket, generation: 2 })).toBe("account-behind");
  const other = await deriveInvite(generateInviteSecret(), room.conversation);
  expect(await codeOf(await room.joins(cy, other))).toBe("invite-ended");
  expect(await codeOf({ ...(await room.joins(cy, other)), invite: invite.id })).toBe("bad-signature");
  const elsewhere = await signGuest(
    invite,
    (await Room.create(ada)).conversation,
    room.chain.hash,
    cy.account,
    cy.state.identityHash,
  );
  expect(await codeOf({ ...ticket, signature: elsewhere })).toBe("bad-signature");
  const wrongIdentity = await signGuest(invite, room.conversation, room.chain.hash, cy.account, dan.state.identityHash);
  expect(await codeOf({ ...ticket, identityHash: dan.state.identityHash, signature: wrongIdentity })).toBe("identity-changed");
  // Comes in, leaves, and the server plays the ticket again.
  await room.change(cy, [ticket]);
  await room.change(cy, [{ kind: "leave" }]);
  expect(await codeOf(ticket)).toBe("bad-signature");
  expect(room.chain.room?.invites).toEqual([inviteOf(invite, 2, room.nowMs + 3_600_000)]);
});

test("[P4.10] a revoked device dates a record back: refused once the list names newer keys, unsettled until then", async () => {
  const room = await Room.create(ada, { members: [bob, cy] });
  const stolen = ada.device;
  const before = ada.state;
  const thief = Object.assign(new Person(), { device: stolen, identity: ada.identity, state: before });
  const late = await room.make(thief, [{ kind: "remove", account: cy.account, ban: false }], { resolve: room.resolve });
  ada.device = await ada.addDevice();
  await ada.append({ kind: "revoke", device: stolen.id, reason: "revoked" });
  await ada.rollEncryptionKey();
  const unsettled = await room.verify({ record: late.record, memberList: null });
  expect(unsettled.unsettledFrom).toBe(1);
  expect(rotationDue(unsettled, new Map(), { openedAtMs: 0, nowMs: 0, messages: 0 })).toBe("unsettled");
  await room.change(bob, [], { renew: true });
  expect(await refusal(room.verify(await room.forge(thief, [{ kind: "leave" }])))).toBe("device-revoked");
  const stale: GenerationUpdate[] = [[ada.account, 1]];
  expect(await refusal(room.verify(await room.forge(thief, [{ kind: "renew", generations: stale }])))).toBe("rollback");
});

test("a member whose identity is another one than the seat's changes nothing", async () => {
  const room = await Room.create(ada, { members: [bob] });
  const imposter = await Person.create("b");
  room.people.set(bob.account, imposter);
  expect(await refusal(room.verify(await room.forge(imposter, [{ kind: "leave" }])))).toBe("identity-changed");
});

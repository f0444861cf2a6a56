import { expect, test } from "bun:test";
import { newMessageId, type RoomChange } from "@cychat/protocol";
import { adding, openRoom, privateRoom, Room } from "../testing/room.ts";
import { Person, refusal, World } from "../testing/world.ts";
import { type MessageToSeal, openMessage, sealMessage } from "./envelope.ts";
import { type Bytes, zeroHash } from "./primitives.ts";
import { recordHashAt, withRecordSeq } from "./record-chain.ts";

const [ada, bob, cy] = (await Promise.all([..."abc"].map((digit) => Person.create(digit)))) as [Person, Person, Person];
const keyOf = (room: Room, epoch: number) => room.keys.get(epoch) as Bytes;

/** Says something at the newest record, or at an earlier one of the open epoch. */
async function say(room: Room, by: Person, changes: Partial<MessageToSeal> = {}): Promise<Bytes> {
  const { conversation, epoch, hash } = room.chain;
  const content = { kind: "text", text: "hello", mentions: [] } as const;
  const { account, device } = by;
  const message = { conversation, epoch, epochKey: keyOf(room, epoch), messageId: newMessageId(), account, device, content };
  return (await sealMessage({ ...message, recordHash: hash, sentAtMs: 1, counter: 1, prev: zeroHash(), ...changes })).bytes;
}

const read = (room: Room, bytes: Bytes, by: Person, epoch = room.chain.epoch, seq?: number) =>
  openMessage(bytes, {
    chain: room.chain,
    epochKey: keyOf(room, epoch),
    author: by.state,
    ...(seq === undefined ? {} : { seq }),
  });

const hashAt = (room: Room, index: number) => recordHashAt(room.chain, index) as Bytes;

test("[P9.15] a message shows the role that its sender had at the record that it names", async () => {
  const room = await Room.create(ada, { members: [bob] });
  const early = await say(room, bob);
  await room.change(ada, [{ kind: "role", account: bob.account, role: "admin" }]);
  const late = await say(room, bob);
  expect(await read(room, early, bob)).toMatchObject({ role: "member", recordIndex: 0 });
  expect(await read(room, late, bob)).toMatchObject({ role: "admin", recordIndex: 1 });
  expect((await read(room, await say(room, ada), ada)).role).toBe("owner");
  const world = await World.create();
  const { bytes } = await sealMessage(world.message(world.bob, "hi"));
  const direct = await openMessage(bytes, { chain: world.chain, epochKey: world.genesis.epochKey, author: world.bob.state });
  expect(direct).toMatchObject({ role: "owner", recordIndex: 0 });
});

test("[P9.15] where admins post only, a member's message does not count, and one from before still does", async () => {
  const room = await Room.create(ada, { members: [bob] });
  const early = await say(room, bob);
  const { epoch } = room.chain;
  await room.change(ada, [{ kind: "settings", settings: { ...privateRoom, post: "admin" } }]);
  const late = await say(room, bob);
  expect((await read(room, early, bob, epoch)).content.kind).toBe("text");
  // The record from when he might post is of another epoch than the open one.
  expect(await refusal(say(room, bob, { recordHash: hashAt(room, 0) }).then((bytes) => read(room, bytes, bob)))).toBe(
    "unknown-record",
  );
  expect(await refusal(read(room, late, bob))).toBe("not-allowed");
  expect((await read(room, await say(room, ada), ada)).role).toBe("owner");
  await room.change(ada, [{ kind: "role", account: bob.account, role: "admin" }]);
  expect((await read(room, await say(room, bob), bob)).role).toBe("admin");
  await room.change(ada, [{ kind: "role", account: bob.account, role: "member" }]);
  expect(await refusal(read(room, await say(room, bob), bob))).toBe("not-allowed");
  // The open epoch is another one than that of his time as an admin, so he cannot name that record any more.
  expect(await refusal(say(room, bob, { recordHash: hashAt(room, 2) }).then((bytes) => read(room, bytes, bob)))).toBe(
    "unknown-record",
  );
});

test("[P9.15] only who has a seat at the record that is named speaks: not before coming in, not with the record of leaving", async () => {
  const room = await Room.create(ada, { members: [bob], settings: openRoom, others: [cy] });
  const ghost = await say(room, cy);
  expect(await refusal(read(room, ghost, cy))).toBe("not-a-member");
  await room.change(ada, [adding(cy)]);
  // Cy reads the older epoch's key now, and names a record from before coming in.
  expect(await refusal(read(room, await say(room, cy, { recordHash: hashAt(room, 0) }), cy))).toBe("not-a-member");
  const good = await say(room, cy);
  expect((await read(room, good, cy)).recordIndex).toBe(1);
  await room.change(cy, [{ kind: "leave" }]);
  expect(await refusal(read(room, await say(room, cy), cy))).toBe("not-a-member");
  expect((await read(room, good, cy)).role).toBe("member");
});

test("[P9.15] a message placed after the end of its author's seat is not a member's", async () => {
  const room = await Room.create(ada, { members: [bob] });
  await room.change(bob, [{ kind: "leave" }]);
  const dated = await say(room, bob, { recordHash: hashAt(room, 0) });
  expect(room.chain.seats.map(({ untilSeq }) => untilSeq)).toEqual([null, 20]);
  expect((await read(room, dated, bob, 1, 19)).recordIndex).toBe(0);
  expect(await refusal(read(room, dated, bob, 1, 21))).toBe("not-a-member");
  // The same where the record was made here, and its number came with the server's answer.
  const again = await Room.create(ada, { members: [bob] });
  const made = await again.make(bob, [{ kind: "leave" }]);
  const chain = withRecordSeq(made.state, 7);
  expect(chain.seats.map(({ untilSeq }) => untilSeq)).toEqual([null, 7]);
  const bytes = await say(again, bob);
  expect(await refusal(openMessage(bytes, { chain, epochKey: keyOf(again, 1), author: bob.state, seq: 8 }))).toBe("not-a-member");
  expect((await openMessage(bytes, { chain, epochKey: keyOf(again, 1), author: bob.state, seq: 6 })).role).toBe("member");
  expect(withRecordSeq(room.chain, 99)).not.toBe(room.chain);
  expect(withRecordSeq(again.chain, 99)).toBe(again.chain);
});

test("who comes back has two seats, and speaks in the one of the record that is named", async () => {
  const room = await Room.create(ada, { members: [bob], settings: openRoom });
  const first = await say(room, bob);
  await room.change(bob, [{ kind: "leave" }]);
  await room.change(ada, [adding(bob)]);
  const second = await say(room, bob);
  await room.change(ada, [{ kind: "role", account: bob.account, role: "admin" }]);
  expect(await read(room, first, bob, 1, 15)).toMatchObject({ recordIndex: 0, role: "member" });
  expect(await read(room, second, bob, 1, 35)).toMatchObject({ recordIndex: 2, role: "member" });
  expect(await refusal(read(room, first, bob, 1, 35))).toBe("not-a-member");
});

test("who comes back with another identity does not speak for the seat of the one before", async () => {
  const room = await Room.create(ada, { members: [bob], settings: openRoom });
  await room.change(bob, [{ kind: "leave" }]);
  const reborn = await Person.create("b");
  room.people.set(reborn.account, reborn);
  await room.change(ada, [adding(reborn)]);
  expect(room.chain.epoch).toBe(1);
  expect((await read(room, await say(room, reborn), reborn)).role).toBe("member");
  const asBefore = await say(room, reborn, { recordHash: hashAt(room, 0) });
  expect(await refusal(read(room, asBefore, reborn))).toBe("identity-changed");
  expect(await refusal(read(room, await say(room, bob), bob))).toBe("identity-changed");
});

test("a removed member with the old key does not speak in the new epoch, nor under another account", async () => {
  const room = await Room.create(ada, { members: [bob, cy] });
  const change: RoomChange = { kind: "remove", account: cy.account, ban: false };
  await room.change(ada, [change]);
  expect(await refusal(read(room, await say(room, cy, { epochKey: keyOf(room, 1) }), cy))).toBe("not-a-member");
  const asBob = await say(room, cy, { epoch: 1, epochKey: keyOf(room, 1), account: bob.account, recordHash: hashAt(room, 0) });
  expect(await refusal(read(room, asBob, bob, 1))).toBe("unknown-device");
  const own = await say(room, cy, { epoch: 1, epochKey: keyOf(room, 1), recordHash: hashAt(room, 0) });
  expect(
    await refusal(
      openMessage(own, { chain: room.chain, epochKey: keyOf(room, 1), author: cy.state, seq: 25, epochClosedAtSeq: 20 }),
    ),
  ).toBe("late-epoch");
});

test("[P4.10] a device that was revoked before the sender's key of that epoch was published is silent in it", async () => {
  const eve = await Person.create("e");
  const room = await Room.create(ada, { members: [eve] });
  const stolen = eve.device;
  const early = await say(room, eve);
  eve.device = await eve.addDevice();
  await eve.append({ kind: "revoke", device: stolen.id, reason: "revoked" });
  await eve.rollEncryptionKey();
  expect((await read(room, early, eve)).deviceState).toBe("revoked");
  await room.change(ada, [], { renew: true });
  expect(await refusal(read(room, await say(room, eve, { device: stolen }), eve))).toBe("device-revoked");
  expect((await read(room, await say(room, eve), eve)).deviceState).toBe("active");
  expect((await read(room, early, eve, 1)).deviceState).toBe("revoked");
});

import { expect, test } from "bun:test";
import { decodeRecord, type Member, type Role, type RoomChange } from "@cychat/protocol";
import { adding, openRoom, privateRoom, Room } from "../testing/room.ts";
import { Person, refusal } from "../testing/world.ts";
import { readableEpochs, rotationDue, sharedEpochs } from "./epoch-access.ts";
import { openSeal } from "./epoch-key.ts";
import { openHistory, sealHistory } from "./history-letter.ts";
import { sha256 } from "./primitives.ts";
import { epochReference, memberOf, membersOf } from "./record-chain.ts";
import { encodeRoomProfile, openRoomProfile } from "./room-profile.ts";
import { createRoom } from "./rooms.ts";

const [ada, bob, cy, dan, eve] = (await Promise.all([..."abcde"].map((digit) => Person.create(digit)))) as [
  Person,
  Person,
  Person,
  Person,
  Person,
];
const young = { openedAtMs: 0, nowMs: 0, messages: 0 };
const rolesIn = (room: Room) => membersOf(room.chain).map(({ account, role }): [string, Role] => [account[0] as string, role]);
const kinds = (room: Room) => decodeRecord(room.made.at(-1)?.record.payload as Uint8Array).changes.map(({ kind }) => kind);
const removing = (person: Person, ban = false): RoomChange => ({ kind: "remove", account: person.account, ban });
const giving = (person: Person, role: Role): RoomChange => ({ kind: "role", account: person.account, role });

/** What the letters gave is exactly what the rules allow; and everybody who comes later sees the same chain. */
async function expectFair(room: Room, people: readonly Person[]): Promise<void> {
  expect(await room.verifyAll()).toEqual(room.chain);
  for (const person of people) expect(await room.keysOf(person)).toEqual(new Set(readableEpochs(room.chain, person.account)));
}

test("[P9.1] a room is made with its members, and everybody has its key and its profile", async () => {
  const room = await Room.create(ada, { members: [cy, bob], settings: openRoom });
  expect(room.chain).toMatchObject({ kind: "room", index: 0, epoch: 1, history: "shared", owed: null, unsettledFrom: null });
  expect(rolesIn(room)).toEqual([
    ["a", "owner"],
    ["b", "member"],
    ["c", "member"],
  ]);
  const [made] = room.made;
  if (made?.profile == null || made.epochKey === null) throw new Error("no profile");
  const opened = await openRoomProfile(made.epochKey, room.conversation, 1, made.profile, await sha256(room.profile));
  expect(opened.profile.name).toBe("Chess club");
  await expectFair(room, [ada, bob, cy]);
  // The same people, settings and profile: another room.
  expect((await Room.create(ada, { members: [cy, bob], settings: openRoom })).conversation).not.toBe(room.conversation);
});

test("[P9.1] refused at the making: twice the same account, one without keys, a handle-less room that opens", async () => {
  const input = {
    settings: privateRoom,
    history: "shared",
    profile: encodeRoomProfile({ name: "x", topic: "", picture: null }),
  } as const;
  expect(await refusal(createRoom(ada.author, { ...input, members: [bob.state, bob.state] }))).toBe("already-member");
  expect(await refusal(createRoom(ada.author, { ...input, members: [ada.state] }))).toBe("already-member");
  const empty = { ...bob.state, encryptionKeys: new Map(), newestGeneration: 0 };
  expect(await refusal(createRoom(ada.author, { ...input, members: [empty] }))).toBe("not-allowed");
  const settings = { ...privateRoom, join: "open" } as const;
  expect(await refusal(createRoom(ada.author, { ...input, settings, members: [] }))).toBe("malformed-structure");
  const crowd = Array.from({ length: 2000 }, (_, at) => ({
    ...bob.state,
    account: `${(0x10000000 + at).toString(16)}-0000-4000-8000-000000000000` as Person["account"],
  }));
  expect(await refusal(createRoom(ada.author, { ...input, members: crowd }))).toBe("too-large");
});

test("[P9.10] under shared history a newcomer gets a letter with all shared epochs, and no new key is needed", async () => {
  const room = await Room.create(ada, { members: [bob], settings: openRoom, others: [cy, dan, eve] });
  await room.change(bob, [], { renew: true });
  await room.change(ada, [adding(cy)]);
  expect(kinds(room)).toEqual(["add"]);
  await room.change(cy, [await room.asksToJoin(dan)]);
  expect(kinds(room)).toEqual(["admit"]);
  expect(room.chain.epoch).toBe(2);
  await expectFair(room, [ada, bob, cy, dan, eve]);
  expect(await room.keysOf(dan)).toEqual(new Set([1, 2]));
  expect(await room.keysOf(eve)).toEqual(new Set());
  // Erased epochs are not in the letter, and an author without the open key opens a new epoch instead.
  const { letters } = await room.make(ada, [adding(eve)], {
    epochKeys: new Map([[2, room.keys.get(2) as Uint8Array<ArrayBuffer>]]),
  });
  expect(letters).toHaveLength(1);
  const renewed = await room.make(ada, [adding(eve)], { epochKeys: new Map() });
  expect(renewed.state.epoch).toBe(3);
  expect([renewed.letters.length, renewed.seals.length]).toEqual([0, 5]);
});

test("[P9.10] under joined history a newcomer gets the new key and nothing older; what turned shared later is shared on", async () => {
  const room = await Room.create(ada, { members: [bob], settings: openRoom, history: "joined", others: [cy, dan, eve] });
  await room.change(ada, [adding(cy)]);
  expect(kinds(room)).toEqual(["add", "renew"]);
  await room.change(bob, [await room.asksToJoin(dan)]);
  expect(room.made.slice(1).map(({ letters }) => letters.length)).toEqual([0, 0]);
  await room.change(ada, [], { history: "shared" });
  expect(kinds(room)).toEqual(["settings", "renew"]);
  await room.change(ada, [], { renew: true });
  expect(sharedEpochs(room.chain)).toEqual([4, 5]);
  await room.change(ada, [adding(eve)]);
  await expectFair(room, [ada, bob, cy, dan, eve]);
  expect(await room.keysOf(cy)).toEqual(new Set([2, 3, 4, 5]));
  expect(await room.keysOf(dan)).toEqual(new Set([3, 4, 5]));
  expect(await room.keysOf(eve)).toEqual(new Set([4, 5]));
});

test("[P9.10] who comes in with the very record that turns history to joined reads nothing older", async () => {
  const room = await Room.create(ada, { members: [bob], settings: openRoom, others: [cy] });
  await room.change(ada, [adding(cy)], { history: "joined" });
  expect(readableEpochs(room.chain, cy.account)).toEqual(new Set([2]));
  await expectFair(room, [ada, bob, cy]);
});

test("[P9.10] who comes in with a record that renews anyway gets the older keys by letter, the new one by seal", async () => {
  const room = await Room.create(ada, { members: [bob], settings: openRoom, others: [cy] });
  const made = await room.change(ada, [removing(bob), adding(cy)]);
  expect(kinds(room)).toEqual(["remove", "add", "renew"]);
  const [letter] = made.letters;
  if (letter === undefined) throw new Error("no letter");
  expect([
    ...(await room.openLetter(made, letter, cy.keyPairs.get(1) as NonNullable<ReturnType<typeof cy.keyPairs.get>>)).keys(),
  ]).toEqual([1]);
  await expectFair(room, [ada, bob, cy]);
  expect(await room.keysOf(bob)).toEqual(new Set([1]));
});

test("[P9.7] removing renews: the key goes to those who stay, and a ban keeps out by every way in", async () => {
  const room = await Room.create(ada, { members: [bob, cy], settings: { ...openRoom, invite: "member" } });
  const { invite, change } = await room.newInvite();
  await room.change(ada, [change]);
  const made = await room.change(ada, [removing(cy, true)]);
  expect(made.seals.map(({ recipient }) => recipient)).toEqual([ada.account, bob.account, invite.id]);
  expect(room.chain.room?.bans).toEqual([cy.account]);
  for (const [by, entry] of [
    [ada, adding(cy)],
    [bob, await room.asksToJoin(cy)],
    [cy, await room.joins(cy, invite)],
  ] as const) {
    expect(await refusal(room.make(by, [entry]))).toBe("banned");
    expect(await refusal(room.verify(await room.forge(by, [entry])))).toBe("banned");
  }
  await room.change(ada, [{ kind: "unban", account: cy.account }]);
  await room.change(bob, [await room.asksToJoin(cy)]);
  expect(memberOf(room.chain, cy.account)?.role).toBe("member");
  await expectFair(room, [ada, bob, cy]);
});

test("[P9.8] after somebody left a new key is due, whoever makes it; the one who left gets no more", async () => {
  const room = await Room.create(ada, { members: [bob, cy] });
  await room.change(cy, [{ kind: "leave" }]);
  expect(kinds(room)).toEqual(["leave"]);
  expect(rotationDue(room.chain, new Map(), young)).toBe("left");
  await room.change(bob, [], { renew: true });
  expect(rotationDue(room.chain, new Map(), young)).toBeNull();
  await expectFair(room, [ada, bob, cy]);
  expect(await room.keysOf(cy)).toEqual(new Set([1]));
  // Who makes a new key and leaves with the same record knows it: another one is due.
  await room.change(bob, [{ kind: "leave" }], { renew: true });
  expect(rotationDue(room.chain, new Map(), young)).toBe("left");
});

test("[P9.5] the last owner leaves: the longest-standing of the highest role follows; nobody left, no room", async () => {
  const room = await Room.create(ada, { members: [eve, dan], settings: openRoom, others: [bob, cy] });
  await room.change(ada, [adding(cy)]);
  await room.change(ada, [adding(bob)]);
  await room.change(ada, [giving(bob, "admin"), giving(cy, "admin")]);
  await room.change(ada, [{ kind: "leave" }]);
  // Cy came before Bob; Dan and Eve were there before, but are no admins.
  expect(rolesIn(room)).toEqual([
    ["b", "admin"],
    ["c", "owner"],
    ["d", "member"],
    ["e", "member"],
  ]);
  await room.change(cy, [{ kind: "leave" }]);
  await room.change(bob, [{ kind: "leave" }]);
  // Both came with the first record: the first by account.
  expect(rolesIn(room)).toEqual([
    ["d", "owner"],
    ["e", "member"],
  ]);
  await room.change(dan, [giving(dan, "member")]);
  // Nobody else was made the owner, so the role comes back to the one who stands first.
  expect(rolesIn(room)).toEqual([
    ["d", "owner"],
    ["e", "member"],
  ]);
  await room.change(dan, [giving(eve, "owner"), giving(dan, "member")]);
  expect(rolesIn(room)).toEqual([
    ["d", "member"],
    ["e", "owner"],
  ]);
  await room.change(eve, [{ kind: "leave" }]);
  await room.change(dan, [{ kind: "leave" }]);
  expect(room.chain.room?.isDeleted).toBe(true);
  expect(await room.verifyAll()).toEqual(room.chain);
});

test("[P9.4] a deleted room takes no more records", async () => {
  const room = await Room.create(ada, { members: [bob] });
  expect(await refusal(room.verify(await room.forge(ada, [{ kind: "delete" }, { kind: "leave" }])))).toBe("not-allowed");
  await room.change(ada, [{ kind: "delete" }]);
  expect(room.chain.room?.isDeleted).toBe(true);
  expect(await refusal(room.make(bob, [{ kind: "leave" }]))).toBe("room-deleted");
  expect(await refusal(room.verify(await room.forge(bob, [{ kind: "leave" }])))).toBe("room-deleted");
});

test("[P9.11] by a link somebody comes in with nobody online, and reads what the link was given", async () => {
  const room = await Room.create(ada, { members: [bob], settings: { ...privateRoom, invite: "member" }, others: [cy, dan] });
  await room.change(ada, [], { renew: true });
  const { invite, change } = await room.newInvite(2);
  const made = await room.change(bob, [change]);
  const [letter] = made.letters;
  if (letter === undefined) throw new Error("no letter");
  expect(new Set((await room.openLetter(made, letter, invite.sealKeyPair)).keys())).toEqual(new Set([1, 2]));
  const renewed = await room.change(ada, [], { renew: true });
  const seal = renewed.seals.find(({ recipient }) => recipient === invite.id);
  if (seal === undefined) throw new Error("no seal");
  expect(await openSeal(epochReference(room.chain, 3), seal, invite.sealKeyPair)).toEqual(
    renewed.epochKey as Uint8Array<ArrayBuffer>,
  );

  await room.change(cy, [await room.joins(cy, invite)], { epochKeys: new Map(), profile: null });
  expect(kinds(room)).toEqual(["join"]);
  expect(room.chain.room?.invites.map(({ uses }) => uses)).toEqual([1]);
  expect(rotationDue(room.chain, new Map(), young)).toBeNull();
  expect(await refusal(room.make(cy, [await room.joins(cy, invite)]))).toBe("already-member");
  await room.change(dan, [await room.joins(dan, invite)]);
  expect(room.chain.room?.invites).toEqual([]);
  expect(rotationDue(room.chain, new Map(), young)).toBe("invite-ended");
  expect(await refusal(room.make(eve, [await room.joins(eve, invite)]))).toBe("invite-ended");
  expect(await room.verifyAll()).toEqual(room.chain);
  for (const guest of [cy, dan]) expect(readableEpochs(room.chain, guest.account)).toEqual(new Set([1, 2, 3]));
});

test("[P9.11] an invite made with a record that renews gets the new key in its letter, too", async () => {
  const room = await Room.create(ada, { members: [bob] });
  const { invite, change } = await room.newInvite();
  const made = await room.change(ada, [change], { renew: true });
  const [letter] = made.letters;
  if (letter === undefined) throw new Error("no letter");
  expect(new Set((await room.openLetter(made, letter, invite.sealKeyPair)).keys())).toEqual(new Set([1, 2]));
  expect(made.seals.map(({ recipient }) => recipient)).toContain(invite.id);
});

test("[P9.11] under joined history a link gets no key, and its guest opens a new epoch", async () => {
  const room = await Room.create(ada, { members: [bob], history: "joined", others: [cy] });
  const { invite, change } = await room.newInvite(1);
  const made = await room.change(ada, [change]);
  expect(made.letters).toEqual([]);
  expect(room.chain.epochs.get(1)?.invites).toEqual([]);
  expect((await room.change(ada, [], { renew: true })).seals.map(({ recipient }) => recipient)).toEqual([
    ada.account,
    bob.account,
  ]);
  // Another link's time has passed: clearing it away is for members.
  await room.change(ada, [(await room.newInvite(1, room.nowMs - 1)).change]);
  await room.change(cy, [await room.joins(cy, invite)], { epochKeys: new Map(), profile: null });
  expect(kinds(room)).toEqual(["join", "renew"]);
  expect(rotationDue(room.chain, new Map(), young)).toBeNull();
  await expectFair(room, [ada, bob, cy]);
  expect(await room.keysOf(cy)).toEqual(new Set([3]));
});

test("[P9.8] an invite whose time has passed makes a new key due, and goes with it", async () => {
  const room = await Room.create(ada, { members: [bob, cy] });
  const { invite, change } = await room.newInvite(5, room.nowMs + 1000);
  await room.change(ada, [change]);
  expect(rotationDue(room.chain, new Map(), { ...young, openedAtMs: room.nowMs, nowMs: room.nowMs + 999 })).toBeNull();
  room.nowMs += 1000;
  expect(rotationDue(room.chain, new Map(), { ...young, openedAtMs: room.nowMs, nowMs: room.nowMs })).toBe("invite-ended");
  expect(await refusal(room.make(dan, [await room.joins(dan, invite)]))).toBe("invite-ended");
  // Bob is no admin, but may clear it away now.
  const made = await room.change(bob, [], { renew: true });
  expect(kinds(room)).toEqual(["end-invite", "renew"]);
  expect([1, 2].map((epoch) => room.chain.epochs.get(epoch)?.invites)).toEqual([[invite.id], []]);
  expect(made.seals.map(({ recipient }) => recipient)).toEqual([ada.account, bob.account, cy.account]);
  expect(rotationDue(room.chain, new Map(), { ...young, openedAtMs: room.nowMs, nowMs: room.nowMs })).toBeNull();
});

test("[P9.4] a new key brings the list up to everybody's newest generation, names exactly those, and never goes back", async () => {
  const people = (await Promise.all([..."6789"].map((digit) => Person.create(digit)))) as [Person, Person, Person, Person];
  const [owner, one, two] = people;
  const room = await Room.create(owner, { members: [one, two] });
  const newest = () => new Map(people.map(({ account, state }) => [account, state.newestGeneration]));
  expect(rotationDue(room.chain, newest(), young)).toBeNull();
  await one.rollEncryptionKey();
  expect(rotationDue(room.chain, newest(), young)).toBe("keys-changed");
  expect(rotationDue(room.chain, new Map(), young)).toBeNull();
  const made = await room.change(two, [], { renew: true });
  expect(decodeRecord(made.record.payload).changes).toEqual([{ kind: "renew", generations: [[one.account, 2]] }]);
  expect(made.seals.map(({ generation }) => generation)).toEqual([1, 2, 1]);
  await expectFair(room, [owner, one, two]);
  const codeOf = async (generation: number, account = one.account) =>
    refusal(room.verify(await room.forge(two, [{ kind: "renew", generations: [[account, generation]] }])));
  expect(await codeOf(1)).toBe("rollback");
  expect(await codeOf(2)).toBe("not-allowed");
  expect(await codeOf(3, (people[3] as Person).account)).toBe("not-a-member");
  expect(await codeOf(2, two.account)).toBe("account-behind");
});

test("[P9.8] age makes a new key due in any room, the number of messages in small ones only", async () => {
  const room = await Room.create(ada, { members: [bob] });
  const week = 7 * 24 * 3600 * 1000;
  expect(rotationDue(room.chain, new Map(), { ...young, nowMs: week - 1 })).toBeNull();
  expect(rotationDue(room.chain, new Map(), { ...young, nowMs: week })).toBe("age");
  expect(rotationDue(room.chain, new Map(), { ...young, messages: 1000 })).toBe("messages");
  const [seat] = room.chain.seats;
  if (seat === undefined) throw new Error("no seat");
  const seats = Array.from({ length: 101 }, (_, at) => ({ ...seat, account: `${at}` as Member["account"] }));
  expect(rotationDue({ ...room.chain, seats: seats.slice(1) }, new Map(), { ...young, messages: 1000 })).toBe("messages");
  expect(rotationDue({ ...room.chain, seats }, new Map(), { ...young, messages: 1000 })).toBeNull();
});

test("[P9.14] a new name comes boxed under the open key; every new key boxes the same bytes again", async () => {
  const room = await Room.create(ada, { members: [bob] });
  const bytes = encodeRoomProfile({ name: "Go club", topic: "no chess", picture: null });
  const change: RoomChange = { kind: "profile", profile: await sha256(bytes) };
  expect(await refusal(room.make(ada, [change]))).toBe("profile-mismatch");
  expect(await refusal(room.make(ada, [change], { profile: null }))).toBe("profile-mismatch");
  const made = await room.change(ada, [change], { profile: bytes });
  expect(room.chain.epoch).toBe(1);
  const key = room.keys.get(1) as Uint8Array<ArrayBuffer>;
  const hash = room.chain.room?.profile as Uint8Array<ArrayBuffer>;
  expect((await openRoomProfile(key, room.conversation, 1, made.profile as Uint8Array, hash)).profile.name).toBe("Go club");
  expect(await refusal(room.make(ada, [], { renew: true }))).toBe("profile-mismatch");
  const renewed = await room.make(bob, [], { renew: true, profile: bytes });
  const again = await openRoomProfile(renewed.epochKey as Uint8Array, room.conversation, 2, renewed.profile as Uint8Array, hash);
  expect(again.bytes).toEqual(bytes);
  expect((await room.make(bob, [], { renew: true, profile: null })).profile).toBeNull();
  // What does not touch it sends none.
  expect((await room.make(ada, [adding(cy)], { profile: null, resolve: () => cy.state })).profile).toBeNull();
});

test("whose identity is another one than the seat's gets neither key nor letter", async () => {
  const room = await Room.create(ada, { members: [bob], settings: openRoom, others: [cy] });
  const imposter = await Person.create("b");
  const swapped = (account: Person["account"]) => (account === bob.account ? imposter.state : room.resolve(account));
  expect(await refusal(room.make(ada, [], { renew: true, resolve: swapped }))).toBe("identity-changed");
  const other = await Person.create("c");
  expect(await refusal(room.make(ada, [adding(cy)], { resolve: () => other.state }))).toBe("identity-changed");
  const behind = { ...bob.state, encryptionKeys: new Map(), newestGeneration: 1 };
  expect(await refusal(room.make(ada, [], { renew: true, resolve: () => behind }))).toBe("account-behind");
});

test("two admins at once: one record is the next one, the other is made again on top of it", async () => {
  const room = await Room.create(ada, { members: [bob, cy], settings: openRoom, others: [dan] });
  await room.change(ada, [giving(bob, "admin")]);
  const [first, second] = [await room.make(ada, [giving(bob, "member")]), await room.make(bob, [removing(cy)])];
  await room.accept(first);
  expect(await refusal(room.verify({ record: second.record, memberList: null }))).toBe("fork");
  // Bob tries again, on what he has missed: he is no admin any more.
  expect(await refusal(room.make(bob, [removing(cy)]))).toBe("not-allowed");
});

test("seals are made in slices, and others get their turn between them", async () => {
  const crowd = Array.from({ length: 39 }, (_, at) => ({
    ...bob.state,
    account: `${(0x10000000 + at).toString(16)}-0000-4000-8000-000000000000` as Person["account"],
  }));
  let pauses = 0;
  const profile = encodeRoomProfile({ name: "x", topic: "", picture: null });
  const made = await createRoom(ada.author, { settings: privateRoom, history: "shared", profile, members: crowd }, async () => {
    pauses += 1;
  });
  expect([made.seals.length, pauses]).toEqual([40, 2]);
});

test("[P9.13] lost keys are written again in a letter beside a record that is known", async () => {
  const room = await Room.create(ada, { members: [bob] });
  await room.change(ada, [], { renew: true });
  const reference = { conversation: room.conversation, recordHash: room.chain.hash, recipient: bob.account, generation: 1 };
  const letter = await sealHistory(reference, bob.state.encryptionKeys.get(1) as Uint8Array, room.keys);
  const keyPair = bob.keyPairs.get(1) as NonNullable<ReturnType<typeof bob.keyPairs.get>>;
  expect(await openHistory(room.chain, reference, letter, keyPair)).toEqual(room.keys);
});

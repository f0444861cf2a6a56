// A server that invents, alters or moves records of a room: who is in and who may do what follows from what people signed.
import { expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "@cychat/crypto";
import {
  decodeMemberList,
  type EpochRecord,
  encodeMemberList,
  fromBase64url,
  type Member,
  type RecordChange,
  type RecordEntry,
  toBase64url,
} from "@cychat/protocol";
import {
  accountOf,
  chainOf,
  contentOf,
  deviceOf,
  forged,
  has,
  hint,
  isRecord,
  nobodysDevice,
  othersGoOn,
  type Scene,
  scene,
  showAlso,
  showRoom,
  shows,
} from "../support/lying-rooms.ts";
import { LyingServer } from "../support/lying-server.ts";
import { until } from "../support/people.ts";
import { idOf, people, problemsIn, reads, roomOf, sees, viewOf, write } from "../support/rooms.ts";

// Each of them waits for conditions only; this is for a busy machine.
setDefaultTimeout(60_000);

const truth = ["alice owner", "bob member", "carol member"];

/** The record is refused under this name, changes nothing, and is forgotten once the server shows the truth. */
async function isRefused({ alice, room }: Scene, record: RecordEntry, ...codes: readonly string[]): Promise<void> {
  const before = await roomOf(alice, room);
  showAlso(alice, room, record);
  await shows(alice, room, ...codes);
  expect(await people(alice, room)).toEqual(truth);
  expect(await roomOf(alice, room)).toEqual(before);
  alice.lies.stop();
  alice.lies.reconnect();
  await until(alice.client, async () => (await viewOf(alice, room)).problem === null);
}

/** Everybody is told what everybody says, the record that was shown in between notwithstanding. */
async function roomGoesOn({ alice, bob, carol, room }: Scene): Promise<void> {
  for (const person of [alice, bob, carol]) {
    const text = `still here ${crypto.randomUUID()}`;
    await write(person, room, text);
    for (const other of [alice, bob, carol]) await has(other, room, text);
  }
}

async function memberOfGhost(liar: LyingServer): Promise<Member> {
  const ghost = await liar.person("ghost");
  const { account, identityHash, newestGeneration: generation } = await accountOf(ghost);
  return { account, identityHash, role: "member", generation };
}

test("[P9.4] a ghost that the server adds by itself is named, and nothing is sealed to it", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, room } = told;
  const add: RecordChange = { kind: "add", member: await memberOfGhost(liar) };
  const device = await nobodysDevice();
  await isRefused(told, await forged(room, { by: bob, device, changes: [add] }), "unknown-device");
  // In the name of a device that there is, whose key the server lacks.
  const inTheOwnersName = { by: alice, device: { ...device, id: (await deviceOf(alice)).id }, changes: [add] };
  await isRefused(told, await forged(room, inTheOwnersName), "bad-signature");
  await othersGoOn(told);
  await roomGoesOn(told);
  const { db } = liar.server.core;
  expect(await db.selectFrom("seals").select("epoch").where("recipient", "=", add.member.account).execute()).toEqual([]);
});

test("[P9.4] an addition that was copied from another room is named", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, other } = told;
  await alice.client.addToRoom(other, { account: await idOf(bob) });
  const { payload, signature, seq, at_ms, idx, epoch } = await liar.server.core.db
    .selectFrom("records")
    .selectAll()
    .where("conversation", "=", other)
    .orderBy("idx", "desc")
    .executeTakeFirstOrThrow();
  const text = (bytes: Uint8Array) => toBase64url(new Uint8Array(bytes));
  const record = { payload: text(payload), signature: text(signature) };
  await isRefused(told, { kind: "record", seq, at_ms, index: idx, epoch, record, members: null }, "wrong-conversation");
  await roomGoesOn(told);
});

test("[P9.1] a ghost in the first member list is named by whoever reads it for the first time", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { bob, carol, room } = told;
  const ghost = await memberOfGhost(liar);
  const phone = await liar.device("bob");
  showRoom(phone, room, (entries) =>
    entries.map((entry) => {
      if (!isRecord(entry) || entry.members === null) return entry;
      const members = decodeMemberList(fromBase64url(entry.members));
      return { ...entry, members: toBase64url(encodeMemberList([...members, ghost])) };
    }),
  );
  await phone.client.logIn({ email: bob.email, password: bob.password });
  await shows(phone, room, "member-list-mismatch");
  await othersGoOn(told);
  phone.lies.stop();
  phone.lies.reconnect();
  await reads(phone, room, "hello");
  expect(await people(phone, room)).toEqual(truth);
  await write(carol, room, "for all");
  await reads(phone, room, "hello", "for all");
  expect(await problemsIn(phone, room)).toEqual([]);
});

test("[P9.2] what the server says of members, roles and bans changes nothing: the records do", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, room } = told;
  const [me, ghost] = [await idOf(bob), await memberOfGhost(liar)];
  bob.lies.answer = ({ path }, body: { members?: Record<string, unknown>[]; room?: Record<string, unknown> }) => {
    if (path === `/conversations/${room}`) return { ...body, room: { ...body.room, member_count: 17 } };
    if (!path.endsWith("/members") || body.members === undefined) return body;
    const [first, ...rest] = body.members.filter(({ id }) => id !== me);
    return {
      members: [{ ...first, role: "member" }, ...rest.slice(1), { ...first, id: ghost.account, nickname: "ghost" }],
      banned: [],
    };
  };
  hint(bob, room);
  expect(await people(bob, room)).toEqual(truth);
  await write(alice, room, "said");
  await reads(bob, room, "hello", "said");
  expect((await roomOf(bob, room)).memberCount).toBe(3);
  await othersGoOn(told);
});

test("[P9.6] what a member's role does not allow is refused by everybody, though the member and the server agree on it", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, carol, room } = told;
  const [b, c] = [await idOf(bob), await idOf(carol)];
  const { settings } = (await chainOf(bob, room)).room ?? {};
  if (settings === undefined) throw new Error("This is no room.");
  const renew: RecordChange = { kind: "renew", generations: [] };
  const attempts: readonly (readonly RecordChange[])[] = [
    [{ kind: "role", account: b, role: "owner" }],
    [{ kind: "settings", settings: { ...settings, post: "admin" } }],
    [{ kind: "settings", settings: { ...settings, join: "open", handle: "Everybody" } }],
    [{ kind: "remove", account: c, ban: true }, renew],
    [{ kind: "add", member: { ...(await memberOfGhost(liar)), role: "admin" } }],
    [{ kind: "profile", profile: randomBytes(32) }],
    [{ kind: "unban", account: c }],
    [{ kind: "delete" }],
  ];
  for (const changes of attempts) await isRefused(told, await forged(room, { by: bob, changes }), "not-allowed");
  expect(await people(alice, room)).toEqual(truth);
  await roomGoesOn(told);
  await othersGoOn(told);
});

test("[P9.4] [P9.7] what even an owner cannot sign is refused under a name of its own", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, carol, room } = told;
  const [a, b] = [await idOf(alice), await idOf(bob)];
  const ghost = await memberOfGhost(liar);
  const renew: RecordChange = { kind: "renew", generations: [] };
  const chain = await chainOf(alice, room);
  const { account, identityHash, role, generation } = { ...ghost, account: b, role: "member" as const };
  const cases: readonly (readonly [code: string, changes: readonly RecordChange[], odd?: Partial<EpochRecord>])[] = [
    ["rotation-missing", [{ kind: "remove", account: b, ban: false }]],
    ["rotation-missing", [{ kind: "settings", settings: chain.room?.settings as never }], { history: "joined" }],
    ["already-member", [{ kind: "add", member: { account, identityHash, role, generation } }]],
    ["member-list-mismatch", [{ kind: "add", member: ghost }]],
    ["commitment-mismatch", [{ kind: "pin", pin: pinOf() }], { commitment: randomBytes(32) }],
    ["not-a-member", [{ kind: "remove", account: ghost.account, ban: false }, renew]],
    ["not-allowed", [{ kind: "remove", account: a, ban: false }, renew]],
    ["not-allowed", [renew, { kind: "pin", pin: pinOf() }]],
    ["broken-chain", [renew], { prev: randomBytes(32) }],
    ["broken-chain", [renew], { epoch: chain.epoch + 2 }],
    ["broken-chain", [renew], { index: chain.index + 2 }],
    ["account-behind", [renew], { authorLog: [99, randomBytes(32)] }],
  ];
  const inBobsEyes = { ...told, alice: bob, bob: alice };
  for (const [code, changes, odd] of cases)
    await isRefused(inBobsEyes, await forged(room, { by: alice, changes, ...(odd === undefined ? {} : { with: odd }) }), code);
  await roomGoesOn(told);
  expect(await problemsIn(carol, room)).toEqual([]);
});

test("[P9.4] who is banned, and what comes after the end of a room, is refused by name", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, carol, room } = told;
  const { members } = await alice.client.roomPeople(room);
  expect(members).toHaveLength(3);
  const seat = (await chainOf(alice, room)).seats.find(({ account }) => account !== (members[0]?.id ?? ""));
  if (seat === undefined) throw new Error("There is nobody to ban.");
  const { account, identityHash } = seat;
  await alice.client.removeFromRoom(room, account, { ban: true });
  const left = account === (await idOf(bob)) ? carol : bob;
  await until(left.client, async () => (await roomOf(left, room)).memberCount === 2);
  const add: RecordChange = { kind: "add", member: { account, identityHash, role: "member", generation: 1 } };
  showAlso(left, room, await forged(room, { by: alice, changes: [add] }));
  await shows(left, room, "banned");
  left.lies.stop();
  left.lies.reconnect();
  await until(left.client, async () => (await viewOf(left, room)).problem === null);
  await alice.client.deleteRoom(room);
  await until(left.client, async () => (await roomOf(left, room)).standing === "deleted");
  showAlso(left, room, await forged(room, { by: left, changes: [{ kind: "renew", generations: [] }] }));
  await shows(left, room, "room-deleted");
  await othersGoOn(told);
});

test("records that come twice, or late, or long after, do no harm", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, carol, room } = told;
  const seen: Parameters<typeof bob.lies.push>[0][] = [];
  bob.lies.frame = (frame) => {
    if (frame.type === "entry") seen.push(frame);
    return frame;
  };
  await alice.client.setRole(room, await idOf(carol), "admin");
  await alice.client.updateRoom(room, { topic: "changed" });
  await write(alice, room, "done");
  await has(bob, room, "done");
  for (const frame of [...seen.toReversed(), ...seen]) bob.lies.push(frame);
  await write(carol, room, "after");
  await has(bob, room, "after");
  expect(await people(bob, room)).toEqual(["alice owner", "carol admin", "bob member"]);
  expect(await problemsIn(bob, room)).toEqual([]);
  await othersGoOn(told);
});

test("[P4.6] a record that is altered by one bit anywhere is named, and heals when the server is honest again", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, carol, room } = told;
  const flipped = (text: string, at: number) => {
    const bytes = fromBase64url(text);
    const index = at < 0 ? bytes.length + at : at;
    bytes[index] = (bytes[index] ?? 0) ^ 1;
    return toBase64url(bytes);
  };
  const alterations: readonly ((entry: RecordEntry) => RecordEntry)[] = [
    (entry) => ({ ...entry, record: { ...entry.record, signature: flipped(entry.record.signature, 40) } }),
    (entry) => ({ ...entry, record: { ...entry.record, payload: flipped(entry.record.payload, -1) } }),
    (entry) => ({ ...entry, record: { ...entry.record, payload: flipped(entry.record.payload, 0) } }),
  ];
  for (const [n, alter] of alterations.entries()) {
    showRoom(bob, room, (entries) => {
      const last = entries.findLast(isRecord);
      return entries.map((entry) =>
        entry === last && isRecord(entry) && contentOf(entry).index === n + 1 ? alter(entry) : entry,
      );
    });
    await alice.client.updateRoom(room, { topic: `number ${n}` });
    await shows(bob, room, "bad-signature", "malformed-structure", "broken-chain");
    await write(carol, room, `after ${n}`);
    bob.lies.stop();
    bob.lies.reconnect();
    await has(bob, room, `after ${n}`);
    await sees(bob, room, ({ topic }, { problem }) => topic === `number ${n}` && problem === null);
    expect(await problemsIn(bob, room)).toEqual([]);
  }
});

function pinOf() {
  return { messageId: "01900000-0000-7000-8000-000000000000" as never, envelopeHash: randomBytes(32) };
}

import { beforeAll, expect, test } from "bun:test";
import { type GenerationUpdate, newMessageId, type Right, type Role, type RoomChange, type RoomSettings } from "@cychat/protocol";
import { adding, openRoom, privateRoom, Room } from "../testing/room.ts";
import { Person, refusal } from "../testing/world.ts";
import { randomBytes } from "./primitives.ts";

const roles = ["member", "admin", "owner"] as const;
const people: Record<string, Person> = {};
const person = (name: string) => people[name] as Person;

beforeAll(async () => {
  for (const [at, name] of ["owner", "admin", "member", "owner2", "admin2", "member2", "stranger", "banned"].entries())
    people[name] = await Person.create("12345678"[at] as string);
});

/** Two of each role, somebody banned, an invite that is good and one whose time has passed, a pin. */
async function everything(settings: RoomSettings): Promise<Room> {
  const members = ["admin", "member", "owner2", "admin2", "member2", "banned"].map(person);
  const room = await Room.create(person("owner"), { settings, members, others: [person("stranger")] });
  await room.change(person("owner"), [
    { kind: "role", account: person("admin").account, role: "admin" },
    { kind: "role", account: person("admin2").account, role: "admin" },
    { kind: "role", account: person("owner2").account, role: "owner" },
    { kind: "remove", account: person("banned").account, ban: true },
    { kind: "pin", pin: { messageId: newMessageId(), envelopeHash: randomBytes(32) } },
    (await room.newInvite()).change,
    (await room.newInvite(1, room.nowMs - 100_000)).change,
  ]);
  return room;
}

const renew = { kind: "renew", generations: [] as GenerationUpdate[] } as const;

/** Whether `by` may do it: everything in the record is right but for the hash of the state, which is looked at last. */
async function may(room: Room, by: Person, change: RoomChange): Promise<boolean> {
  const renews = change.kind === "renew" || change.kind === "delete" ? [] : [renew];
  const code = await refusal(room.verify(await room.forge(by, [change, ...renews])));
  if (code !== "not-allowed") expect(code).toBe("member-list-mismatch");
  return code !== "not-allowed";
}

async function whoMay(room: Room, change: RoomChange, names: readonly string[] = roles): Promise<string[]> {
  const allowed: string[] = [];
  for (const name of names) if (await may(room, person(name), change)) allowed.push(name);
  return allowed;
}

const all = [...roles];
const admins = ["admin", "owner"];
const atLeast = (right: Right): string[] => (right === "member" ? all : admins);

test("[P9.6] everybody renews and leaves; only admins change settings, unban and ban; only owners delete", async () => {
  const room = await everything(privateRoom);
  expect(await whoMay(room, renew)).toEqual(all);
  expect(await whoMay(room, { kind: "leave" })).toEqual(all);
  expect(await whoMay(room, { kind: "settings", settings: { ...privateRoom, pin: "member" } })).toEqual(admins);
  expect(await whoMay(room, { kind: "unban", account: person("banned").account })).toEqual(admins);
  expect(await whoMay(room, { kind: "ban", account: person("stranger").account })).toEqual(admins);
  expect(await whoMay(room, { kind: "delete" })).toEqual(["owner"]);
});

test("[P9.6] add, invite, end-invite, profile, pin and unpin follow the settings", async () => {
  for (const right of ["member", "admin"] as const) {
    const room = await everything({ ...privateRoom, invite: right, rename: right, pin: right });
    const [live] = room.chain.room?.invites ?? [];
    const [pin] = room.chain.room?.pins ?? [];
    if (live === undefined || pin === undefined) throw new Error("nothing is there");
    const changes: RoomChange[] = [
      adding(person("stranger")),
      (await room.newInvite()).change,
      { kind: "end-invite", invite: live.id },
      { kind: "profile", profile: randomBytes(32) },
      { kind: "pin", pin: { messageId: newMessageId(), envelopeHash: randomBytes(32) } },
      { kind: "unpin", messageId: pin.messageId },
    ];
    for (const change of changes) expect([change.kind, await whoMay(room, change)]).toEqual([change.kind, atLeast(right)]);
    // The rights are apart: each one alone.
    const others = right === "member" ? "admin" : "member";
    for (const [name, kinds] of Object.entries({
      invite: ["add", "invite", "end-invite"],
      rename: ["profile"],
      pin: ["pin", "unpin"],
    })) {
      const settings = { ...privateRoom, invite: others, rename: others, pin: others, [name]: right } as RoomSettings;
      const alone = { ...room.chain, room: { ...(room.chain.room as NonNullable<typeof room.chain.room>), settings } };
      const single = Object.assign(Object.create(Room.prototype) as Room, room, { chain: alone, resolve: room.resolve });
      for (const change of changes)
        expect(await whoMay(single, change)).toEqual(atLeast(kinds.includes(change.kind) ? right : others));
    }
  }
});

test("[P9.6] only an owner adds somebody with a role", async () => {
  const room = await everything({ ...privateRoom, invite: "member" });
  for (const role of ["admin", "owner"] as const) expect(await whoMay(room, adding(person("stranger"), role))).toEqual(["owner"]);
});

test("[P9.6] anybody ends an invite whose time has passed (a minute early, where clocks differ), and only who may before that", async () => {
  const room = await everything(privateRoom);
  const [live, expired] = room.chain.room?.invites ?? [];
  if (live === undefined || expired === undefined) throw new Error("no invites");
  expect(await whoMay(room, { kind: "end-invite", invite: expired.id })).toEqual(all);
  expect(await whoMay(room, { kind: "end-invite", invite: live.id })).toEqual(admins);
  room.nowMs = live.expiresAtMs - 60_001;
  expect(await whoMay(room, { kind: "end-invite", invite: live.id })).toEqual(admins);
  room.nowMs += 1;
  expect(await whoMay(room, { kind: "end-invite", invite: live.id })).toEqual(all);
});

test("[P9.6] who lets in those who ask: everybody in an open room, admins on approval, nobody by invitation", async () => {
  for (const [join, expected] of [
    ["open", all],
    ["approval", admins],
    ["invitation", []],
  ] as const) {
    const room = await everything({ ...openRoom, join });
    expect(await whoMay(room, await room.asksToJoin(person("stranger")))).toEqual([...expected]);
  }
});

test("[P9.6] admins remove members, owners anybody; nobody removes themselves", async () => {
  const room = await everything(privateRoom);
  for (const ban of [false, true]) {
    const removing = (name: string): RoomChange => ({ kind: "remove", account: person(name).account, ban });
    expect(await whoMay(room, removing("member2"))).toEqual(admins);
    expect(await whoMay(room, removing("admin2"))).toEqual(["owner"]);
    expect(await whoMay(room, removing("owner2"))).toEqual(["owner"]);
    for (const name of roles) expect(await may(room, person(name), removing(name))).toBe(false);
  }
});

test("[P9.6] admins make admins of members and change no other role; owners change any, also their own", async () => {
  const room = await everything(privateRoom);
  const giving = (name: string, role: Role): RoomChange => ({ kind: "role", account: person(name).account, role });
  expect(await whoMay(room, giving("member2", "admin"))).toEqual(admins);
  expect(await whoMay(room, giving("member2", "owner"))).toEqual(["owner"]);
  for (const role of ["member", "owner"] as const) expect(await whoMay(room, giving("admin2", role))).toEqual(["owner"]);
  for (const role of ["member", "admin"] as const) expect(await whoMay(room, giving("owner2", role))).toEqual(["owner"]);
  expect(await may(room, person("admin"), giving("admin", "member"))).toBe(false);
  expect(await may(room, person("member"), giving("member", "admin"))).toBe(false);
  expect(await may(room, person("owner"), giving("owner", "member"))).toBe(true);
});

test("[P9.6] every change is judged on the state before the record: nobody helps themselves up within one", async () => {
  const room = await everything({ ...privateRoom, invite: "admin" });
  const [admin, member] = [person("admin"), person("member")];
  const lax: RoomChange = { kind: "settings", settings: { ...privateRoom, invite: "member" } };
  const codeOf = async (by: Person, changes: RoomChange[]) => refusal(room.verify(await room.forge(by, changes)));
  expect(await codeOf(member, [lax, adding(person("stranger"))])).toBe("not-allowed");
  expect(await codeOf(admin, [{ kind: "role", account: person("member2").account, role: "admin" }, { kind: "delete" }])).toBe(
    "not-allowed",
  );
  // Somebody who comes in with this record has no role yet that another change could build on.
  const owner = person("owner");
  const target = person("stranger").account;
  expect(await codeOf(owner, [adding(person("stranger")), { kind: "role", account: target, role: "admin" }])).toBe(
    "not-a-member",
  );
  expect(await codeOf(owner, [adding(person("stranger")), { kind: "remove", account: target, ban: false }, renew])).toBe(
    "not-a-member",
  );
  // Who was somebody's equal before the record cannot be removed by first being made less.
  const demoted: RoomChange[] = [
    { kind: "role", account: person("admin2").account, role: "member" },
    { kind: "remove", account: person("admin2").account, ban: false },
  ];
  expect(await codeOf(admin, [...demoted, renew])).toBe("not-allowed");
});

test("[P9.6] who is no member changes nothing, whatever else the record does", async () => {
  const room = await everything(openRoom);
  const { invite, change } = await room.newInvite();
  await room.change(person("owner"), [change]);
  const guest = person("stranger");
  for (const kind of ["renew", "leave"] as const)
    expect(await refusal(room.verify(await room.forge(guest, [kind === "renew" ? renew : { kind }])))).toBe("not-a-member");
  const settings: RoomChange = { kind: "settings", settings: openRoom };
  expect(await refusal(room.verify(await room.forge(guest, [await room.joins(guest, invite), settings])))).toBe("not-a-member");
  expect(await refusal(room.verify(await room.forge(person("banned"), [settings])))).toBe("not-a-member");
});

test("[P9.7] removing, ending an invite, lowering a role, the right to post and history come with a new key, or not at all", async () => {
  const room = await everything(privateRoom);
  const [live] = room.chain.room?.invites ?? [];
  const owner = person("owner");
  const settings: RoomChange = { kind: "settings", settings: privateRoom };
  const codeOf = async (change: RoomChange, wrong = {}) => refusal(room.verify(await room.forge(owner, [change], wrong)));
  expect(await codeOf({ kind: "remove", account: person("member").account, ban: false })).toBe("rotation-missing");
  expect(await codeOf({ kind: "end-invite", invite: live?.id as NonNullable<typeof live>["id"] })).toBe("rotation-missing");
  expect(await codeOf({ kind: "role", account: person("admin").account, role: "member" })).toBe("rotation-missing");
  expect(await codeOf({ kind: "role", account: owner.account, role: "admin" })).toBe("rotation-missing");
  expect(await codeOf(settings, { history: "joined" })).toBe("rotation-missing");
  expect(await codeOf({ kind: "settings", settings: { ...privateRoom, post: "admin" } })).toBe("rotation-missing");
  // Without the settings beside it, history does not change at all.
  expect(await codeOf(renew, { history: "joined" })).toBe("not-allowed");
  // And what takes nothing from anybody needs none.
  for (const change of [
    settings,
    adding(person("stranger")),
    { kind: "role", account: person("member").account, role: "owner" },
  ] as const)
    expect(await codeOf(change)).toBe("member-list-mismatch");
});

test("[P9.7] under joined history whoever comes in opens a new epoch", async () => {
  const [owner, stranger] = [person("owner"), person("stranger")];
  const room = await Room.create(owner, { settings: { ...openRoom, invite: "member" }, history: "joined", others: [stranger] });
  const { invite, change } = await room.newInvite();
  await room.change(owner, [change]);
  for (const [by, entry] of [
    [owner, adding(stranger)],
    [owner, await room.asksToJoin(stranger)],
    [stranger, await room.joins(stranger, invite)],
  ] as const) {
    expect(await refusal(room.verify(await room.forge(by, [entry])))).toBe("rotation-missing");
    expect(await refusal(room.verify(await room.forge(by, [entry, renew])))).toBe("member-list-mismatch");
  }
});

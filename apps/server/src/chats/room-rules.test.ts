import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { endpoints, type MessageId, newMessageId, type RoomChange, type RoomSettings } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { startWithPeople } from "../testing/test-people.ts";
import {
  closedSettings,
  createRoom,
  newInvite,
  openSettings,
  type RoomRecordParts,
  type TestRoom,
} from "../testing/test-room.ts";

const hash = () => new Uint8Array(randomBytes(32));
const strict: RoomSettings = { ...closedSettings, post: "admin", invite: "admin", pin: "admin", rename: "admin" };

async function staffedRoom(settings: RoomSettings = closedSettings) {
  const { server, people } = await startWithPeople();
  const { alice, bob, carol, dave } = people;
  const others = [
    [bob, "admin"],
    [carol, "member"],
    [dave, "member"],
  ] as const;
  const room = await createRoom(alice, { others, settings });
  return { server, ...people, room };
}

/** Tries a change without letting the room go on. */
async function codeOf(room: TestRoom, author: TestAccount, changes: readonly RoomChange[], parts?: RoomRecordParts) {
  const before = room.view;
  const { status, body } = await room.attempt(author, changes, parts);
  if (status === 201) throw new Error(`${changes.map(({ kind }) => kind)} was accepted`);
  expect(room.view).toBe(before);
  return body.code;
}

test("[P9.6] what only admins and owners may, members may not; what only owners may, admins may not", async () => {
  const { server, alice, bob, carol, dave, erin, room } = await staffedRoom();
  await using _ = server;
  const renew = room.renew();
  const forbidden: [TestAccount, string, RoomChange[]][] = [
    [carol, "settings", [{ kind: "settings", settings: strict }]],
    [carol, "ban", [{ kind: "ban", account: erin.id }]],
    [carol, "unban", [{ kind: "unban", account: erin.id }]],
    [carol, "remove a member", [{ kind: "remove", account: dave.id, ban: false }, renew]],
    [carol, "appoint", [{ kind: "role", account: dave.id, role: "admin" }]],
    [carol, "appoint oneself", [{ kind: "role", account: carol.id, role: "owner" }]],
    [carol, "delete", [{ kind: "delete" }]],
    [carol, "add an admin", [room.adding(erin, "admin")]],
    [carol, "admit to a closed room", [room.admitting(erin)]],
    [bob, "admit to a closed room", [room.admitting(erin)]],
    [bob, "remove an owner", [{ kind: "remove", account: alice.id, ban: false }, renew]],
    [bob, "make an owner", [{ kind: "role", account: carol.id, role: "owner" }]],
    [bob, "change one's own role", [{ kind: "role", account: bob.id, role: "owner" }]],
    [bob, "demote the owner", [{ kind: "role", account: alice.id, role: "member" }, renew]],
    [bob, "delete", [{ kind: "delete" }]],
    [bob, "add an admin", [room.adding(erin, "admin")]],
    [bob, "remove oneself", [{ kind: "remove", account: bob.id, ban: false }, renew]],
    [alice, "remove oneself", [{ kind: "remove", account: alice.id, ban: false }, renew]],
  ];
  for (const [who, what, changes] of forbidden)
    expect([who.name, what, await codeOf(room, who, changes)]).toEqual([who.name, what, "not-allowed"]);
  const appointment: RoomChange = { kind: "role", account: carol.id, role: "admin" };
  await room.add(bob, appointment);
  expect(await codeOf(room, bob, [{ kind: "remove", account: carol.id, ban: false }, renew])).toBe("not-allowed");
  await room.add(alice, { kind: "role", account: carol.id, role: "member" }, renew);
  await room.add(alice, { kind: "role", account: bob.id, role: "owner" });
});

test("[P9.6] settings say what the lowest role is for adding, inviting, renaming and pinning", async () => {
  const { server, alice, bob, carol, erin, room } = await staffedRoom(strict);
  await using _ = server;
  const pin = { messageId: newMessageId(), envelopeHash: hash() };
  const invite = newInvite();
  const changes: RoomChange[] = [
    room.adding(erin),
    { kind: "invite", invite: invite.fields },
    { kind: "profile", profile: hash() },
    { kind: "pin", pin },
  ];
  for (const change of changes) {
    expect([change.kind, await codeOf(room, carol, [change])]).toEqual([change.kind, "not-allowed"]);
    await room.add(bob, change);
  }
  const undoing: RoomChange[][] = [
    [{ kind: "unpin", messageId: pin.messageId }],
    [{ kind: "end-invite", invite: invite.id }, room.renew()],
  ];
  for (const some of undoing) {
    expect(await codeOf(room, carol, some)).toBe("not-allowed");
    await room.add(bob, ...some);
  }
  await room.add(alice, { kind: "settings", settings: closedSettings });
  for (const change of [
    { kind: "profile", profile: hash() },
    { kind: "pin", pin },
  ] as const)
    await room.add(carol, change);
});

test("[P9.6] rights are judged on the state before the record: a role given in it allows nothing in it yet", async () => {
  const { server, alice, bob, carol, dave, room } = await staffedRoom();
  await using _ = server;
  const both: RoomChange[] = [
    { kind: "role", account: carol.id, role: "admin" },
    { kind: "remove", account: carol.id, ban: false },
    room.renew(),
  ];
  // Carol was a member before, so an admin removes her.
  await room.add(bob, ...both);
  const demoted: RoomChange[] = [{ kind: "role", account: bob.id, role: "member" }, room.renew()];
  await room.add(alice, ...demoted);
  expect(await codeOf(room, bob, [{ kind: "remove", account: dave.id, ban: false }, room.renew()])).toBe("not-allowed");
});

test("[P9.7] removing, withdrawing an invite, lowering a role and changing what newcomers read need a new key", async () => {
  const { server, alice, bob, carol, dave, erin, room } = await staffedRoom();
  await using _ = server;
  const invite = await room.invite(alice);
  const needing: [RoomChange[], RoomRecordParts?][] = [
    [[{ kind: "remove", account: carol.id, ban: false }]],
    [[{ kind: "end-invite", invite: invite.id }]],
    [[{ kind: "role", account: bob.id, role: "member" }]],
    [[{ kind: "settings", settings: closedSettings }], { history: "joined" }],
  ];
  for (const [changes, parts] of needing) {
    expect([changes[0]?.kind, await codeOf(room, alice, changes, parts)]).toEqual([changes[0]?.kind, "malformed-structure"]);
    const answer = await room.attempt(alice, [...changes, room.renew()], parts);
    expect([changes[0]?.kind, answer.status]).toEqual([changes[0]?.kind, 201]);
  }
  // The history is `joined` now: whoever comes in gets a new key.
  expect(await codeOf(room, alice, [room.adding(erin)])).toBe("malformed-structure");
  await room.add(alice, room.adding(erin), room.renew());
  expect(await codeOf(room, alice, [room.renew()], { history: "shared" })).toBe("malformed-structure");
  // Nothing of the kind: these go without.
  await room.add(alice, { kind: "role", account: dave.id, role: "admin" });
  await room.add(dave, { kind: "leave" });
});

test("[P9.7] taking the right to post away from members needs a new key; giving it back, and all other settings, do not", async () => {
  const { server, alice, bob, room } = await staffedRoom();
  await using _ = server;
  const quiet: RoomChange = { kind: "settings", settings: { ...closedSettings, post: "admin" } };
  for (const changes of [[quiet], [quiet, { kind: "settings", settings: closedSettings } as const]])
    expect(await codeOf(room, bob, changes)).toBe("malformed-structure");
  await room.add(bob, quiet, room.renew());
  await room.add(bob, { kind: "settings", settings: strict });
  await room.add(alice, { kind: "settings", settings: closedSettings });
  await room.add(bob, { kind: "settings", settings: { ...strict, post: "member" } });
});

test("[P9.4] [P9.5] an epoch begins with a new key and only with it", async () => {
  const { server, alice, room } = await staffedRoom();
  await using _ = server;
  const renew = room.renew();
  const pin: RoomChange = { kind: "pin", pin: { messageId: newMessageId(), envelopeHash: hash() } };
  const wrong: [string, RoomChange[], RoomRecordParts][] = [
    ["an epoch without a key", [pin], { record: { epoch: 2 } }],
    ["a key without an epoch", [renew], { record: { epoch: 1 } }],
    ["an epoch skipped", [renew], { record: { epoch: 3 } }],
    ["another commitment", [pin], { record: { commitment: hash() } }],
    ["not last", [renew, pin], {}],
    ["twice", [renew, renew], {}],
    ["nothing", [], {}],
    ["a rotation of direct chats", [], { record: { changes: [{ kind: "rotate" }] } }],
    ["a second beginning", [], { record: { changes: [{ kind: "create" }] } }],
    ["a member list", [pin], { members: "AAAA" }],
    ["a profile for nothing", [pin], { profile: "AAAA" }],
    ["a profile without its box", [{ kind: "profile", profile: hash() }], { profile: null }],
  ];
  for (const [what, changes, parts] of wrong)
    expect([what, await codeOf(room, alice, changes, parts)]).toEqual([what, "malformed-structure"]);
});

test("[P9.2] a record must name the state that follows from its changes", async () => {
  const { server, alice, carol, erin, room } = await staffedRoom();
  await using _ = server;
  const { members, state } = room.view;
  const pin: RoomChange = { kind: "pin", pin: { messageId: newMessageId(), envelopeHash: hash() } };
  const others: RoomRecordParts["after"][] = [
    { members: members.filter(({ account }) => account !== carol.id) },
    { members: members.map((member) => (member.account === carol.id ? { ...member, role: "admin" } : member)) },
    { members: members.map((member) => ({ ...member, identityHash: hash() })) },
    { state: { bans: [erin.id] } },
    { state: { pins: [] } },
    { state: { isDeleted: true } },
    { state: { settings: strict } },
    { state: { profile: hash() } },
    { state: { invites: [newInvite().fields] } },
    { state: { ...state, isDeleted: false, pins: [] } },
  ];
  for (const after of others) expect(await codeOf(room, alice, [pin], after ? { after } : {})).toBe("malformed-structure");
  await room.add(alice, pin);
});

test("[P9.4] changes that change nothing, or of what is not there, are refused", async () => {
  const { server, alice, carol, dave, erin, room } = await staffedRoom();
  await using _ = server;
  const invite = await room.invite(alice);
  const pinned = { messageId: newMessageId(), envelopeHash: hash() };
  await room.add(alice, { kind: "pin", pin: pinned });
  await room.add(alice, { kind: "ban", account: erin.id });
  const renew = room.renew();
  const wrong: [string, RoomChange[], string][] = [
    ["a role that is held", [{ kind: "role", account: carol.id, role: "member" }], "malformed-structure"],
    ["a role of nobody", [{ kind: "role", account: erin.id, role: "admin" }], "malformed-structure"],
    ["removing nobody", [{ kind: "remove", account: erin.id, ban: false }, renew], "malformed-structure"],
    ["adding a member", [room.adding(dave)], "room-joined"],
    ["adding a banned one", [room.adding(erin)], "banned"],
    ["banning a member", [{ kind: "ban", account: dave.id }], "malformed-structure"],
    ["banning twice", [{ kind: "ban", account: erin.id }], "malformed-structure"],
    ["unbanning nobody", [{ kind: "unban", account: dave.id }], "malformed-structure"],
    ["pinning twice", [{ kind: "pin", pin: pinned }], "malformed-structure"],
    ["unpinning what is not pinned", [{ kind: "unpin", messageId: newMessageId() as MessageId }], "malformed-structure"],
    ["the same invite", [{ kind: "invite", invite: invite.fields }], "malformed-structure"],
    ["an invite that is over", [{ kind: "invite", invite: newInvite({ expiresAtMs: 1 }).fields }], "invite-ended"],
    [
      "an invite without a key",
      [{ kind: "invite", invite: newInvite({ signKey: new Uint8Array(65) }).fields }],
      "malformed-structure",
    ],
    ["ending no invite", [{ kind: "end-invite", invite: newInvite().id }, renew], "invite-ended"],
    ["leaving twice", [{ kind: "leave" }, { kind: "leave" }], "malformed-structure"],
    ["added and removed at once", [room.adding(dave), { kind: "delete" }], "malformed-structure"],
    ["a generation that goes back", [{ kind: "renew", generations: [[carol.id, 1]] }], "malformed-structure"],
    ["a generation of nobody", [{ kind: "renew", generations: [[erin.id, 2]] }], "malformed-structure"],
  ];
  for (const [what, changes, code] of wrong) expect([what, await codeOf(room, alice, changes)]).toEqual([what, code]);
  // An id that was used once serves no second time.
  await room.add(alice, { kind: "end-invite", invite: invite.id }, renew);
  expect(await codeOf(room, alice, [{ kind: "invite", invite: invite.fields }])).toBe("malformed-structure");
});

test("[P9.5] where no owner is left the longest-standing of the highest role is one; where nobody is left the room is deleted", async () => {
  const { server, alice, bob, carol, dave, erin, room } = await staffedRoom();
  await using _ = server;
  await room.add(alice, room.adding(erin, "admin"));
  const roles = async (viewer: TestAccount) => {
    const { members } = await viewer.call(endpoints.roomMembers, { params: { id: room.id } });
    return Object.fromEntries(members.map(({ nickname, role }) => [nickname, role]));
  };
  await room.add(alice, { kind: "leave" });
  expect(await roles(bob)).toEqual({ bob: "owner", carol: "member", dave: "member", erin: "admin" });
  await room.add(bob, { kind: "leave" });
  expect(await roles(erin)).toEqual({ erin: "owner", carol: "member", dave: "member" });
  await room.add(erin, { kind: "leave" });
  // Two members that came in the same record: the first by account.
  const [heir, other] = carol.id < dave.id ? [carol, dave] : [dave, carol];
  expect((await roles(other))[heir.name]).toBe("owner");
  await room.add(heir, { kind: "leave" });
  await room.add(other, { kind: "leave" });
  expect(room.view.state.isDeleted).toBe(true);
  expect((await other.call(endpoints.conversation, { params: { id: room.id } })).state).toBe("former");
  expect(await room.attempt(other, [{ kind: "leave" }])).toMatchObject({ status: 410, body: { code: "room-deleted" } });
});

test("[P9.6] in an open room any member admits, in one with approval an admin, and an expired invite anybody takes away", async () => {
  let nowMs = Date.now();
  const { server, people } = await startWithPeople({ now: () => nowMs });
  await using _ = server;
  const { alice, bob, carol, dave, erin } = people;
  const room = await createRoom(alice, {
    others: [
      [bob, "admin"],
      [carol, "member"],
    ],
    settings: { ...openSettings, invite: "admin" },
  });
  await room.add(carol, room.admitting(dave));
  await room.add(alice, { kind: "settings", settings: { ...openSettings, invite: "admin", join: "approval" } });
  expect(await codeOf(room, carol, [room.admitting(erin)])).toBe("not-allowed");
  await room.add(bob, room.admitting(erin));
  const invite = await room.invite(alice, { expiresAtMs: nowMs + 180_000 });
  const ending: RoomChange[] = [{ kind: "end-invite", invite: invite.id }, room.renew()];
  expect(await codeOf(room, carol, ending)).toBe("not-allowed");
  // As clients do: a minute before its time on this clock, too.
  nowMs += 120_000;
  await room.add(carol, ...ending);
});

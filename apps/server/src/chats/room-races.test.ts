import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { endpoints, newMessageId, type RoomChange } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { envelopeOf } from "../testing/test-chat.ts";
import { hashOf } from "../testing/test-keys.ts";
import { startWithPeople } from "../testing/test-people.ts";
import { createRoom, type MadeRecord, openSettings, type TestRoom } from "../testing/test-room.ts";

const pin = (): RoomChange => ({
  kind: "pin",
  pin: { messageId: newMessageId(), envelopeHash: new Uint8Array(randomBytes(32)) },
});

const post = (room: TestRoom, author: TestAccount, { body }: MadeRecord) =>
  author.attempt(endpoints.addRecord, { params: { id: room.id }, body });

test("[P4.4] of two admins at once exactly one wins; the other gets record-conflict with the record it missed", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol, dave } = people;
  const room = await createRoom(alice, {
    others: [
      [bob, "admin"],
      [carol, "member"],
      [dave, "member"],
    ],
  });
  const made = [
    room.make(alice, [{ kind: "remove", account: carol.id, ban: false }, room.renew()]),
    room.make(bob, [{ kind: "remove", account: dave.id, ban: true }, room.renew()]),
  ] as const;
  const answers = await Promise.all([post(room, alice, made[0]), post(room, bob, made[1])]);
  const winner = answers.findIndex(({ status }) => status === 201);
  const loser = answers[1 - winner];
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
  expect(loser?.body).toMatchObject({ code: "record-conflict" });
  expect(loser?.body.details.records.map(({ record }: { record: unknown }) => record)).toEqual([made[winner]?.body.record]);
  room.view = (made[winner] as MadeRecord).view;
  const [second, ended] = winner === 0 ? ([bob, dave] as const) : ([alice, carol] as const);
  await room.add(second, { kind: "remove", account: ended.id, ban: false }, room.renew());
  const { members } = await alice.call(endpoints.roomMembers, { params: { id: room.id } });
  expect(members.map(({ nickname }) => nickname)).toEqual(["alice", "bob"]);
});

test("[P4.4] of many records at once exactly one wins in each round, and numbers and indices have no gap", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, {
    others: [
      [bob, "member"],
      [carol, "member"],
    ],
  });
  const authors = [alice, bob, carol, alice, bob, carol];
  for (let round = 1; round <= 3; round++) {
    const made = authors.map((author) => room.make(author, round === 2 ? [room.renew()] : [pin()]));
    const said = carol.attempt(endpoints.seedRoomMessage, { body: { room: room.id, content: envelopeOf(room, carol).text } });
    const answers = await Promise.all(authors.map((author, index) => post(room, author, made[index] as MadeRecord)));
    await said;
    expect(answers.filter(({ status }) => status === 201).length).toBe(1);
    for (const { status, body } of answers) if (status !== 201) expect([status, body.code]).toEqual([409, "record-conflict"]);
    room.view = (made[answers.findIndex(({ status }) => status === 201)] as MadeRecord).view;
  }
  const entries = await bob.entries(room.id);
  expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
  const { records } = await bob.call(endpoints.records, { params: { id: room.id }, query: {} });
  expect(records.map(({ index, epoch }) => [index, epoch])).toEqual([
    [0, 1],
    [1, 1],
    [2, 2],
    [3, 2],
  ]);
});

test("two admins who remove each other: one stays, the other learns by the conflict that its membership has ended", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice, { others: [[bob, "admin"]] });
  await room.add(alice, { kind: "role", account: bob.id, role: "owner" });
  const made = [
    room.make(alice, [{ kind: "remove", account: bob.id, ban: false }, room.renew()]),
    room.make(bob, [{ kind: "remove", account: alice.id, ban: false }, room.renew()]),
  ] as const;
  const answers = await Promise.all([post(room, alice, made[0]), post(room, bob, made[1])]);
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
  const lost = answers.find(({ status }) => status === 409);
  expect(lost?.body.details.records).toHaveLength(1);
  // And whoever comes too late with the same record is told no more than that.
  room.view = (made[answers.findIndex(({ status }) => status === 201)] as MadeRecord).view;
  const [winner, loser] = answers[0]?.status === 201 ? [alice, bob] : [bob, alice];
  await room.add(winner, pin());
  const again = await post(room, loser, winner === alice ? made[1] : made[0]);
  expect(again).toMatchObject({ status: 409, body: { code: "record-conflict" } });
  expect(again.body.details.records).toHaveLength(1);
});

test("two guests with the last use of a link: one comes in, the other sees the records and that the link is used up", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice);
  const invite = await room.invite(alice, { uses: 1 });
  const guests = [bob, carol] as const;
  const made = guests.map((guest) => room.make(guest, [room.joining(guest, invite)]));
  const answers = await Promise.all(guests.map((guest, index) => post(room, guest, made[index] as MadeRecord)));
  const codes = answers.map(({ status, body }) => (status === 201 ? "in" : body.code)).sort();
  // Which of the two the loser meets first is a matter of moments.
  expect([
    ["in", "invite-ended"],
    ["in", "record-conflict"],
  ]).toContainEqual(codes);
  room.view = (made[answers.findIndex(({ status }) => status === 201)] as MadeRecord).view;
  const loser = answers[0]?.status === 201 ? carol : bob;
  expect((await room.attempt(loser, [room.joining(loser, invite)])).body.code).toBe("invite-ended");
});

test("two rooms that take the same name at once: one has it", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const names = [people.alice, people.bob, people.carol];
  const answers = await Promise.all(
    names.map((author) => createRoom(author, { settings: openSettings }).catch((error: Error) => error.message)),
  );
  const refused = answers.filter((answer) => typeof answer === "string");
  expect(refused.length).toBe(2);
  for (const answer of refused) expect(answer).toContain("room-exists");
});

test("a device that is revoked while its record is on the way makes none", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice } = people;
  const room = await createRoom(alice);
  await server.core.db.updateTable("devices").set({ state: "revoked" }).where("account", "=", alice.id).execute();
  expect((await room.attempt(alice, [pin()])).body.code).toBe("device-unknown");
});

test("[P4.10] a record that names a place in the account log before its device's certificate is refused", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice } = people;
  const room = await createRoom(alice);
  const [, encryption] = alice.keys.log;
  if (!encryption) throw new Error("an account has an encryption key");
  const early = { authorLog: [1, hashOf(encryption.payload)] as const };
  expect((await room.attempt(alice, [pin()], { record: early })).body.code).toBe("malformed-structure");
});

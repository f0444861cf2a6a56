import { expect, test } from "bun:test";
import { endpoints } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { newKey } from "../testing/test-keys.ts";
import { startWithPeople } from "../testing/test-people.ts";
import { createRoom, newInvite, type TestInvite, type TestRoom } from "../testing/test-room.ts";

const open = (account: TestAccount, room: TestRoom, invite: TestInvite, body = room.proof(account, invite)) =>
  account.attempt(endpoints.openInvite, { params: { invite: invite.id }, body });
const records = (account: TestAccount, room: TestRoom, invite: TestInvite, from = 0) =>
  account.attempt(endpoints.inviteRecords, { params: { invite: invite.id }, body: { ...room.proof(account, invite), from } });

test("[P9.11] a link opens the room to whoever proves to hold it, with nobody online: keys, records, profile, and the way in", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice);
  const invite = await room.invite(alice, { uses: 2 });
  const opened = await bob.call(endpoints.openInvite, { params: { invite: invite.id }, body: room.proof(bob, invite) });
  expect(opened).toMatchObject({ conversation: room.id, member_count: 1, is_member: false, profile: { epoch: 1 } });
  const shown = await bob.call(endpoints.inviteRecords, {
    params: { invite: invite.id },
    body: { ...room.proof(bob, invite), from: 0 },
  });
  expect(shown.records.map(({ index }) => index)).toEqual([0, 1]);
  expect((await bob.attempt(endpoints.conversation, { params: { id: room.id } })).status).toBe(404);
  await room.add(bob, room.joining(bob, invite));
  expect((await bob.call(endpoints.conversation, { params: { id: room.id } })).state).toBe("active");
  expect((await open(bob, room, invite)).body).toMatchObject({ is_member: true, member_count: 2 });
  expect(room.view.state.invites[0]?.uses).toBe(1);
  expect((await room.attempt(bob, [room.joining(bob, invite)])).body.code).toBe("room-joined");
});

test("[P9.11] without the link's key nothing is opened", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice);
  const other = await createRoom(alice);
  const invite = await room.invite(alice);
  expect((await open(bob, room, invite, room.proof(bob, invite, newKey()))).body.code).toBe("bad-signature");
  // A proof is its account's own.
  expect((await open(bob, room, invite, room.proof(carol, invite))).body.code).toBe("bad-signature");
  expect((await open(bob, room, newInvite())).status).toBe(404);
  const elsewhere = { ...room.proof(bob, invite), conversation: other.id };
  expect((await open(bob, room, invite, elsewhere)).status).toBe(404);
  expect((await room.attempt(bob, [room.joining(bob, invite, newKey())])).body.code).toBe("bad-signature");
  expect((await room.attempt(bob, [room.joining(bob, newInvite())])).status).toBe(404);
  // What was signed for one account, or for one place in the chain, serves no other.
  const forBob = room.joining(bob, invite);
  expect((await room.attempt(carol, [forBob])).body.code).toBe("bad-signature");
  await room.add(alice, room.adding(people.dave));
  expect((await room.attempt(bob, [forBob])).body.code).toBe("bad-signature");
  await room.add(bob, room.joining(bob, invite));
});

test("[P9.11] a guest who comes too late is told what it missed", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice);
  const invite = await room.invite(alice);
  const late = room.make(bob, [room.joining(bob, invite)]);
  await room.add(alice, room.adding(carol));
  const answer = await bob.attempt(endpoints.addRecord, { params: { id: room.id }, body: late.body });
  expect(answer).toMatchObject({ status: 409, body: { code: "record-conflict" } });
  expect(answer.body.details.records.map(({ index }: { index: number }) => index)).toEqual([2]);
});

test("[P9.11] used up, withdrawn or expired, a link opens nothing any more, and says so", async () => {
  let nowMs = Date.now();
  const { server, people } = await startWithPeople({ now: () => nowMs });
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice);
  const [once, withdrawn, short] = [
    await room.invite(alice, { uses: 1 }),
    await room.invite(alice),
    await room.invite(alice, { expiresAtMs: nowMs + 60_000 }),
  ];
  const guest: TestAccount = carol;
  const proofOf = (invite: TestInvite) => open(guest, room, invite);
  await room.add(bob, room.joining(bob, once));
  await room.add(alice, { kind: "end-invite", invite: withdrawn.id }, room.renew());
  expect((await proofOf(short)).status).toBe(200);
  nowMs += 60_000;
  for (const invite of [once, withdrawn, short]) {
    expect((await proofOf(invite)).body).toMatchObject({ status_code: 410, code: "invite-ended" });
    expect((await records(guest, room, invite)).body.code).toBe("invite-ended");
    expect((await room.attempt(guest, [room.joining(guest, invite)])).body.code).toBe("invite-ended");
  }
  // Nothing is kept for those that are gone.
  const { db } = server.core;
  const gone = [once.id, withdrawn.id];
  for (const table of ["seals", "history_letters"] as const)
    expect(await db.selectFrom(table).select("generation").where("recipient", "in", gone).execute()).toEqual([]);
});

test("[P9.4] who is banned does not come in by a link either, and can be let in again", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]] });
  const invite = await room.invite(alice, { uses: 5 });
  await room.add(alice, { kind: "remove", account: bob.id, ban: true }, room.renew());
  expect((await open(bob, room, invite)).body.code).toBe("banned");
  expect((await records(bob, room, invite)).body.code).toBe("banned");
  expect((await room.attempt(bob, [room.joining(bob, invite)])).body.code).toBe("banned");
  await room.add(alice, { kind: "unban", account: bob.id });
  await room.add(bob, room.joining(bob, invite));
  expect((await bob.call(endpoints.conversation, { params: { id: room.id } })).room).toMatchObject({ until_seq: null });
});

test("a link opens rooms of thousands of records, and even further pages are not without end", async () => {
  const { server, people } = await startWithPeople({ config: { rateLimitScale: 1 } });
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice);
  const invite = await room.invite(alice);
  expect((await open(bob, room, invite)).status).toBe(200);
  const statuses: number[] = [];
  for (let page = 0; page < 100; page++) statuses.push((await records(bob, room, invite, 100 * page)).status);
  expect(new Set(statuses)).toEqual(new Set([200]));
  const firstPages = async () => {
    for (let count = 0; count < 100; count++) if ((await records(bob, room, invite)).status === 429) return count;
    return 100;
  };
  expect(await firstPages()).toBeLessThan(100);
  expect((await records(bob, room, invite, 100)).status).toBe(200);
});

test("trying out links is limited", async () => {
  const { server, people } = await startWithPeople({ config: { rateLimitScale: 1 } });
  await using _ = server;
  const room = await createRoom(people.alice);
  const statuses: number[] = [];
  for (let count = 0; count < 200 && statuses.at(-1) !== 429; count++)
    statuses.push((await open(people.bob, room, newInvite())).status);
  expect([statuses[0], statuses.at(-1)]).toEqual([404, 429]);
});

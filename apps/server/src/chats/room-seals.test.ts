import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { type AccountId, endpoints, limits, newMessageId, type RoomChange, toBase64url } from "@cychat/protocol";
import { sealTo } from "../testing/test-chat.ts";
import { startWithPeople } from "../testing/test-people.ts";
import {
  closedSettings,
  createRoom,
  letterTo,
  newInvite,
  openSettings,
  type RoomRecordParts,
  roomGenesis,
  sealToInvite,
} from "../testing/test-room.ts";
import { startTestServer } from "../testing/test-server.ts";

const codeOf = async (answer: Promise<{ status: number; body: { code: string } }>) => {
  const { status, body } = await answer;
  return status === 201 ? "stored" : body.code;
};

test("[P9.10] a record with a new key has one seal for each member, to its newest key, and no other", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]] });
  const [toAlice, toBob] = [sealTo(alice), sealTo(bob)];
  const wrong: [string, RoomRecordParts, string][] = [
    ["none", { seals: [] }, "seal-missing"],
    ["one too few", { seals: [toAlice] }, "seal-missing"],
    ["one too many", { seals: [toAlice, toBob, sealTo(carol)] }, "malformed-structure"],
    ["one twice", { seals: [toAlice, toAlice, toBob] }, "malformed-structure"],
    ["another generation", { seals: [toAlice, { ...toBob, generation: 2 }] }, "seal-missing"],
    ["a letter for nobody new", { letters: [letterTo(bob.id)] }, "malformed-structure"],
  ];
  for (const [what, parts, code] of wrong)
    expect([what, await codeOf(room.attempt(alice, [room.renew()], parts))]).toEqual([what, code]);
  const pin: RoomChange = { kind: "pin", pin: { messageId: newMessageId(), envelopeHash: new Uint8Array(32) } };
  expect(await codeOf(room.attempt(alice, [pin], { seals: [toAlice, toBob] }))).toBe("malformed-structure");
});

test("[P9.4] [P9.8] when a member has a newer key, the next one is sealed to that and says so", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]] });
  await bob.call(endpoints.appendLog, { body: { entries: [bob.keys.encryptionEntry()] } });
  // The seals follow the newest key, but the list does not.
  expect(await codeOf(room.attempt(alice, [room.renew()]))).toBe("seal-missing");
  expect(await codeOf(room.attempt(alice, [{ kind: "renew", generations: [[bob.id, 3]] }]))).toBe("seal-missing");
  await room.add(alice, room.renew(bob));
  // Whoever comes in comes in with the newest key.
  const adding = room.adding(carol);
  await carol.call(endpoints.appendLog, { body: { entries: [carol.keys.encryptionEntry()] } });
  expect(await codeOf(room.attempt(alice, [adding]))).toBe("seal-missing");
  await room.attempt(alice, [room.adding(carol)]);
  expect(room.view.members.map(({ generation }) => generation).sort()).toEqual([1, 2, 2]);
});

test("[P9.10] [P9.11] under shared history whoever is let in, and a new invite, gets a letter; a live invite the new key", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol, dave, erin } = people;
  const room = await createRoom(alice, { settings: openSettings });
  for (const change of [room.adding(bob), room.admitting(carol)] as const) {
    expect([change.kind, await codeOf(room.attempt(alice, [change], { letters: [] }))]).toEqual([change.kind, "seal-missing"]);
    const stale = [letterTo(change.kind === "add" ? bob.id : carol.id, 2)];
    expect([change.kind, await codeOf(room.attempt(alice, [change], { letters: stale }))]).toEqual([change.kind, "seal-missing"]);
  }
  // A new key is sealed to newcomers, and the older ones may come with it.
  await room.add(alice, room.adding(bob), room.renew());
  expect(await codeOf(room.attempt(alice, [room.adding(dave), room.renew()], { letters: [letterTo(dave.id)] }))).toBe("stored");

  const invite = newInvite();
  const making: RoomChange = { kind: "invite", invite: invite.fields };
  expect(await codeOf(room.attempt(alice, [making], { letters: [] }))).toBe("seal-missing");
  expect(await codeOf(room.attempt(alice, [making], { seals: [sealToInvite(invite.id)] }))).toBe("malformed-structure");
  await room.add(alice, making);
  const members = [alice, bob, dave].map(sealTo);
  expect(await codeOf(room.attempt(alice, [room.renew()], { seals: members }))).toBe("seal-missing");
  await room.add(alice, room.renew());
  const { seals, letters } = await erin.call(endpoints.openInvite, {
    params: { invite: invite.id },
    body: room.proof(erin, invite),
  });
  expect([seals.map(({ epoch }) => epoch), letters.map(({ record_index }) => record_index)]).toEqual([[4], [3]]);
});

test("[P9.10] under joined history there are no letters, and nothing for invites", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { history: "joined" });
  const adding = [room.adding(bob), room.renew()];
  expect(await codeOf(room.attempt(alice, adding, { letters: [letterTo(bob.id)] }))).toBe("malformed-structure");
  await room.add(alice, ...adding);
  const invite = await room.invite(alice);
  const withInvite = [sealTo(alice), sealTo(bob), sealToInvite(invite.id)];
  expect(await codeOf(room.attempt(alice, [room.renew()], { seals: withInvite }))).toBe("malformed-structure");
  // A guest opens a new epoch.
  expect(await codeOf(room.attempt(carol, [room.joining(carol, invite)]))).toBe("malformed-structure");
  await room.add(carol, room.joining(carol, invite), room.renew());
});

test("seals and letters wait for their recipient until its keyring has them", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice);
  await room.add(alice, room.adding(bob));
  await room.add(alice, room.renew());
  const waiting = async () => {
    const { seals, letters } = await bob.call(endpoints.seals, { params: { id: room.id } });
    return [seals.map(({ epoch }) => epoch), letters.map(({ record_index }) => record_index)];
  };
  expect(await waiting()).toEqual([[2], [1]]);
  const keyring = { version: 1, ciphertext: "AAAA", prev_hash: toBase64url(new Uint8Array(32)), epochs: [], letters: [1] };
  await bob.call(endpoints.putKeyring, { params: { id: room.id }, body: keyring });
  expect(await waiting()).toEqual([[2], []]);
});

test("a room takes so many pins, bans and invites, and no more", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice } = people;
  const room = await createRoom(alice);
  const envelopeHash = new Uint8Array(32);
  const pins = (count: number) =>
    Array.from({ length: count }, (): RoomChange => ({ kind: "pin", pin: { messageId: newMessageId(), envelopeHash } }));
  expect(await codeOf(room.attempt(alice, pins(limits.roomPins + 1)))).toBe("too-large");
  await room.add(alice, ...pins(limits.roomPins));
  expect(await codeOf(room.attempt(alice, pins(1)))).toBe("too-large");
  const invites = (count: number) =>
    Array.from({ length: count }, (): RoomChange => ({ kind: "invite", invite: newInvite().fields }));
  expect(await codeOf(room.attempt(alice, invites(limits.roomInvites + 1)))).toBe("too-large");
  await room.add(alice, ...invites(limits.roomInvites));
  const bans = Array.from(
    { length: limits.roomBans + 1 },
    (): RoomChange => ({ kind: "ban", account: crypto.randomUUID() as AccountId }),
  );
  expect(await codeOf(room.attempt(alice, bans))).toBe("too-large");
});

test("nobody is banned who is not there", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice } = people;
  const room = await createRoom(alice);
  const nobody: RoomChange = { kind: "ban", account: crypto.randomUUID() as AccountId };
  expect(await codeOf(room.attempt(alice, [nobody]))).toBe("not-found");
});

test("a record may be larger than other bodies, but has a limit of its own", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice } = people;
  const { room, body } = roomGenesis(alice, { settings: closedSettings });
  const padded = (bytes: number) =>
    fetch(`${server.url}/api/v1/conversations/${room.id}/records`, {
      method: "POST",
      headers: { authorization: `Bearer ${alice.token}`, "content-type": "application/json" },
      body: JSON.stringify(body).padEnd(bytes),
    });
  expect((await padded(limits.recordBodyBytes + 1)).status).toBe(413);
  expect((await padded(limits.bodyBytes + 1)).status).toBe(201);
});

test("a room of 1,000 members is made, changed and renewed with all its seals", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const { db } = server.core;
  // Rows straight from one account's: a thousand logs would be a minute's work, and nobody of them logs in here.
  const others = Array.from({ length: 999 }, () => crypto.randomUUID() as AccountId);
  const [account, keys, log] = await Promise.all([
    db.selectFrom("accounts").selectAll().where("id", "=", bob.id).executeTakeFirstOrThrow(),
    db.selectFrom("account_keys").selectAll().where("account", "=", bob.id).executeTakeFirstOrThrow(),
    db.selectFrom("account_log").selectAll().where("account", "=", bob.id).where("n", "=", 0).executeTakeFirstOrThrow(),
  ]);
  await db.transaction().execute(async (trx) => {
    for (const id of others) {
      await trx
        .insertInto("accounts")
        .values({ ...account, id, email: `${id}@example.org` })
        .execute();
      await trx
        .insertInto("account_keys")
        .values({ ...keys, account: id })
        .execute();
      await trx
        .insertInto("account_log")
        .values({ ...log, account: id })
        .execute();
    }
  });
  const crowd = others.map((id) => Object.assign(Object.create(bob) as typeof bob, { id }));
  const room = await createRoom(alice, { others: crowd.map((member) => [member, "member"] as const) });
  expect((await alice.call(endpoints.conversation, { params: { id: room.id } })).room?.member_count).toBe(1000);
  const [first] = crowd;
  if (!first) throw new Error("nobody is there");
  await room.add(alice, { kind: "remove", account: first.id, ban: false }, room.renew());
  const { count } = await db
    .selectFrom("seals")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .where("epoch", "=", 2)
    .executeTakeFirstOrThrow();
  expect(count).toBe(999);
  await room.add(alice, room.adding(people.carol));
  const read = await alice.call(endpoints.conversation, { params: { id: room.id } });
  expect(read.receipts.map(({ account: id }) => id)).toEqual([alice.id]);
  expect((await alice.call(endpoints.roomMembers, { params: { id: room.id } })).members.length).toBe(1000);
}, 30_000);

test("a room that has as many members as it can take lets nobody in", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const { db } = server.core;
  const room = await createRoom(alice);
  const others = Array.from({ length: limits.roomMembers - 1 }, () => crypto.randomUUID() as AccountId).sort();
  const account = await db.selectFrom("accounts").selectAll().where("id", "=", bob.id).executeTakeFirstOrThrow();
  const identity_hash = new Uint8Array(randomBytes(32));
  await db.transaction().execute(async (trx) => {
    for (const id of others) {
      await trx
        .insertInto("accounts")
        .values({ ...account, id, email: `${id}@example.org` })
        .execute();
      const row = { conversation: room.id, account: id, role: "member", state: "active", identity_hash, generation: 1 } as const;
      await trx.insertInto("members").values(row).execute();
    }
  });
  await server.stop();
  await using again = await startTestServer({ folder: server.folder });
  const { members } = room.view;
  const more = others.map((id) => ({ account: id, identityHash: identity_hash, role: "member" as const, generation: 1 }));
  room.view = { ...room.view, members: [...members, ...more] };
  const owner = Object.assign(Object.create(alice) as typeof alice, { server: again });
  expect(await codeOf(room.attempt(owner, [room.adding(carol)]))).toBe("room-full");
  await again.stop();
}, 30_000);

import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { endpoints, type MessageId, newMessageId, toBase64url } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { envelopeOf } from "../testing/test-chat.ts";
import { startWithPeople } from "../testing/test-people.ts";
import { closedSettings, createRoom, openSettings, type TestRoom } from "../testing/test-room.ts";
import { startTestServer } from "../testing/test-server.ts";

async function say(room: TestRoom, sender: TestAccount, content?: Uint8Array) {
  const envelope = envelopeOf(room, sender, content ? { content } : {});
  const { seq } = await sender.call(endpoints.seedRoomMessage, { body: { room: room.id, content: envelope.text } });
  return { ...envelope, seq };
}

const read = (account: TestAccount, room: TestRoom) => account.call(endpoints.conversation, { params: { id: room.id } });
const seqs = async (account: TestAccount, room: TestRoom) => (await account.entries(room.id)).map(({ seq }) => seq);

test("[P9.10] under shared history a newcomer reads everything, and nothing of it counts as unread", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice);
  await say(room, alice);
  const seq = await room.add(alice, room.adding(bob));
  expect(seq).toBe(3);
  expect(await read(bob, room)).toMatchObject({ state: "request", unread: 0, last_seq: 3, room: { first_seq: 1 } });
  expect(await seqs(bob, room)).toEqual([1, 2, 3]);
  await say(room, alice);
  expect((await read(bob, room)).unread).toBe(1);
  const { letters } = await bob.call(endpoints.seals, { params: { id: room.id } });
  expect(letters.map(({ record_index }) => record_index)).toEqual([1]);
});

test("[P9.12] under joined history a newcomer reads from the record that let it in; all records can be verified", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { history: "joined" });
  const before = await say(room, alice);
  const seq = await room.add(alice, room.adding(bob), room.renew());
  expect(await read(bob, room)).toMatchObject({ last_message: null, room: { first_seq: seq } });
  expect(await seqs(bob, room)).toEqual([seq]);
  expect((await bob.entries(room.id, { before: String(seq) })).length).toBe(0);
  const { records } = await bob.call(endpoints.records, { params: { id: room.id }, query: {} });
  expect(records.map(({ index }) => index)).toEqual([0, 1]);
  expect((await bob.attempt(endpoints.erase, { params: { id: room.id }, body: { ids: [before.id] } })).body).toMatchObject({
    erased: 0,
  });
  // From here on everybody who comes later may read, but nothing earlier.
  const change = { kind: "settings", settings: closedSettings } as const;
  const turned = await room.attempt(alice, [change, room.renew()], { history: "shared" });
  const shared = (turned.body as unknown as { seq: number }).seq;
  await say(room, bob);
  await room.add(alice, room.adding(carol));
  expect((await read(carol, room)).room?.first_seq).toBe(shared);
  expect((await seqs(carol, room))[0]).toBe(shared);
});

test("somebody removed reads on up to the record that removed them, and nothing later", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, {
    others: [
      [bob, "member"],
      [carol, "member"],
    ],
  });
  // A message that was acknowledged a moment ago may still reach a socket that was opened since.
  using socket = await bob.connect();
  const said = await say(room, bob);
  expect((await socket.next("entry")).entry).toMatchObject({ kind: "message", seq: said.seq });
  const until = await room.add(alice, { kind: "remove", account: bob.id, ban: false }, room.renew());
  expect((await socket.next("entry")).entry).toMatchObject({ kind: "record", seq: until });
  expect(await socket.next("changed")).toMatchObject({ what: "conversations", conversation: room.id });
  const later = await say(room, alice);
  await room.add(alice, { kind: "pin", pin: { messageId: later.id, envelopeHash: new Uint8Array(32) } });
  await socket.settled();
  expect(socket.all.filter(({ type }) => type === "entry").length).toBe(2);

  expect(await read(bob, room)).toMatchObject({
    state: "former",
    last_seq: until,
    record_index: 1,
    epoch: 2,
    unread: 0,
    last_message: { id: said.id },
    room: { until_seq: until, member_count: 0, pending_joins: 0, handle: null },
    receipts: [{ account: bob.id }],
  });
  expect(await seqs(bob, room)).toEqual([1, said.seq, until]);
  const page = await bob.call(endpoints.entries, { params: { id: room.id }, query: { after: String(until) } });
  expect(page).toEqual({ entries: [], last_seq: until });
  const { records } = await bob.call(endpoints.records, { params: { id: room.id }, query: {} });
  expect(records.map(({ index }) => index)).toEqual([0, 1]);

  const { conversations } = await bob.call(endpoints.conversations, { query: {} });
  expect(conversations.map(({ id }) => id)).toEqual([room.id]);
  expect((await bob.call(endpoints.conversations, { query: { state: "former" } })).conversations.length).toBe(1);
  expect((await bob.call(endpoints.conversations, { query: { state: "active" } })).conversations).toEqual([]);

  for (const endpoint of [endpoints.roomMembers, endpoints.memberKeys, endpoints.joinRequests, endpoints.leaseRotation])
    expect((await bob.attempt(endpoint, { params: { id: room.id } })).status).toBe(404);
  socket.send({ type: "send", conversation: room.id, envelope: envelopeOf(room, bob).text });
  expect((await socket.next("refused")).code).toBe("not-found");
  for (const type of ["receipt", "typing"]) {
    socket.send({ type, conversation: room.id, ...(type === "typing" ? { active: true } : { read_seq: 1 }) });
    expect(await socket.next("refused")).toMatchObject({ frame: type, code: "not-found" });
  }
  expect(
    (await bob.attempt(endpoints.seedRoomMessage, { body: { room: room.id, content: envelopeOf(room, bob).text } })).status,
  ).toBe(404);
  expect((await room.attempt(bob, [{ kind: "leave" }])).status).toBe(404);
});

test("a former member is not told by changed_since_ms that the room goes on, and its own keyring tells nobody else", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]] });
  await room.add(alice, { kind: "remove", account: bob.id, ban: false }, room.renew());
  const longAgo = Date.now() - 60_000;
  const backdate = async () => {
    await server.core.db.updateTable("conversations").set({ changed_at_ms: longAgo }).execute();
    await server.core.db
      .updateTable("members")
      .set({ former_changed_at_ms: longAgo })
      .where("until_seq", "is not", null)
      .execute();
  };
  await backdate();
  const since = { query: { changed_since_ms: String(longAgo + 1) } };
  await say(room, alice);
  expect((await bob.call(endpoints.conversations, since)).conversations).toEqual([]);
  expect((await read(bob, room)).changed_at_ms).toBe(longAgo);
  await backdate();
  const keyring = { version: 1, ciphertext: "AAAA", prev_hash: toBase64url(new Uint8Array(32)), epochs: [1], letters: [] };
  await bob.call(endpoints.putKeyring, { params: { id: room.id }, body: keyring });
  expect((await bob.call(endpoints.conversations, since)).conversations[0]?.keyring_version).toBe(1);
  expect((await alice.call(endpoints.conversations, since)).conversations).toEqual([]);
  expect((await bob.call(endpoints.seals, { params: { id: room.id } })).seals).toEqual([]);
});

test("the profile of a later record is not a former member's", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]] });
  await room.add(bob, { kind: "leave" });
  const profile = () => bob.call(endpoints.roomProfile, { params: { id: room.id } });
  expect((await profile()).profile?.epoch).toBe(1);
  // Under the key that Bob still has.
  await room.add(alice, { kind: "profile", profile: new Uint8Array(randomBytes(32)) });
  expect((await profile()).profile).toBeNull();
});

test("forgetting a room takes it off the list with its keys; whoever comes in again goes on where they could read before", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]], settings: openSettings });
  const params = { id: room.id };
  expect((await bob.attempt(endpoints.forgetConversation, { params })).body).toMatchObject({ code: "not-allowed" });
  const said = await say(room, bob);
  await room.add(bob, { kind: "leave" });
  using socket = await bob.connect();
  await bob.call(endpoints.forgetConversation, { params });
  expect(await socket.next("changed")).toMatchObject({ what: "conversations", conversation: room.id });
  for (const endpoint of [endpoints.conversation, endpoints.entries, endpoints.seals, endpoints.forgetConversation])
    expect((await bob.attempt(endpoint, { params })).status).toBe(404);
  expect((await bob.call(endpoints.conversations, { query: { state: "former" } })).conversations).toEqual([]);
  const left = await server.core.db.selectFrom("seals").select("epoch").where("recipient", "=", bob.id).execute();
  expect(left).toEqual([]);
  // The others still show who wrote.
  expect((await alice.call(endpoints.people, { body: { accounts: [bob.id] } })).people.map(({ id }) => id)).toEqual([bob.id]);

  await room.add(alice, room.renew());
  await room.ask(bob);
  await room.add(alice, room.admitting(bob));
  expect(await read(bob, room)).toMatchObject({ state: "active", unread: 0, room: { first_seq: 1, until_seq: null } });
  expect(await seqs(bob, room)).toContain(said.seq);
});

test("[P9.12] a former member of a room with joined history who comes in again reads what was there before, too", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]], history: "joined" });
  await say(room, alice);
  await room.add(alice, { kind: "remove", account: bob.id, ban: false }, room.renew());
  await room.add(alice, room.adding(bob), room.renew());
  expect((await read(bob, room)).room).toMatchObject({ first_seq: 1, until_seq: null });
});

test("[P9.9] a request from before the end of an earlier membership does not bring it back", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice, { settings: openSettings });
  const request = room.joinRequest(bob);
  await room.add(alice, room.admitting(bob, request));
  await room.add(bob, { kind: "leave" });
  expect((await room.attempt(alice, [room.admitting(bob, request)])).body.code).toBe("malformed-structure");
  await room.add(alice, room.admitting(bob));
});

test("deleting a room erases what was said, frees everything, and leaves the records that say so", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]], settings: openSettings });
  const marker = new Uint8Array(randomBytes(64));
  for (let n = 0; n < 3; n++) await say(room, bob, marker);
  const invite = await room.invite(alice);
  await room.ask(carol);
  const keyring = { version: 1, ciphertext: "AAAA", prev_hash: toBase64url(new Uint8Array(32)), epochs: [], letters: [] };
  await bob.call(endpoints.putKeyring, { params: { id: room.id }, body: keyring });
  using socket = await bob.connect();
  using waiting = await carol.connect();
  const until = await room.add(alice, { kind: "delete" });
  expect((await socket.next("entry")).entry).toMatchObject({ kind: "record", seq: until });
  expect(await waiting.next("changed")).toMatchObject({ what: "joins", conversation: room.id });

  for (const account of [alice, bob]) {
    expect(await read(account, room)).toMatchObject({ state: "former", last_seq: until, room: { until_seq: until } });
    const { records } = await account.call(endpoints.records, { params: { id: room.id }, query: {} });
    expect(records.at(-1)?.seq).toBe(until);
    const kinds = (await account.entries(room.id)).map(({ kind }) => kind);
    expect(kinds).toEqual(["record", "erased", "erased", "erased", "record", "record"]);
    expect(await account.call(endpoints.seals, { params: { id: room.id } })).toEqual({ seals: [], letters: [] });
    expect((await account.call(endpoints.keyring, { params: { id: room.id } })).keyring).toBeNull();
    expect((await account.call(endpoints.roomProfile, { params: { id: room.id } })).profile).toBeNull();
    expect((await room.attempt(account, [{ kind: "leave" }])).body.code).toBe("room-deleted");
  }
  expect((await carol.call(endpoints.rooms, { query: { search: "garden" } })).result).toEqual([]);
  const opened = await carol.attempt(endpoints.openInvite, { params: { invite: invite.id }, body: room.proof(carol, invite) });
  expect(opened.status).toBe(404);
  for (const file of readdirSync(server.folder).filter((name) => name.startsWith("cychat.db")))
    expect(readFileSync(join(server.folder, file)).includes(Buffer.from(marker))).toBe(false);
});

test("a deletion that was cut off is finished when the server starts again", async () => {
  const { server, people } = await startWithPeople();
  const { alice } = people;
  const room = await createRoom(alice);
  await say(room, alice);
  const { db } = server.core;
  await db.updateTable("conversations").set({ is_deleted: 1 }).where("id", "=", room.id).execute();
  await server.stop();
  {
    await using again = await startTestServer({ folder: server.folder });
    const left = await again.core.db.selectFrom("entries").select("kind").orderBy("seq").execute();
    expect(left.map(({ kind }) => kind)).toEqual(["record", "erased"]);
  }
  await server[Symbol.asyncDispose]();
});

test("admins and owners erase anybody's messages by id; members their own, and nobody all of somebody else's", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, {
    others: [
      [bob, "admin"],
      [carol, "member"],
    ],
  });
  const erase = async (account: TestAccount, body: { ids: MessageId[] } | { all: true }) =>
    (await account.call(endpoints.erase, { params: { id: room.id }, body })).erased;
  const [first, second, third] = [await say(room, alice), await say(room, carol), await say(room, carol)];
  using socket = await alice.connect();
  expect(await erase(carol, { ids: [first.id, second.id, newMessageId()] })).toBe(1);
  expect(await socket.next("erased")).toMatchObject({ conversation: room.id, seqs: [second.seq] });
  expect(await erase(bob, { ids: [first.id, third.id] })).toBe(2);
  await say(room, carol);
  expect(await erase(alice, { all: true })).toBe(0);
});

test("a room is accepted, or set aside: then its entries are not delivered, and nobody is told", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]] });
  const answer = (action: "accept" | "ignore" | "block") =>
    bob.attempt(endpoints.answerRequest, { params: { conversation: room.id }, body: { action } });
  using socket = await bob.connect();
  expect((await answer("ignore")).status).toBe(200);
  await socket.next("changed");
  await say(room, alice);
  await socket.settled();
  expect(socket.all.filter(({ type }) => type === "entry")).toEqual([]);
  expect((await answer("ignore")).status).toBe(404);
  expect((await answer("accept")).status).toBe(200);
  const heard = await say(room, alice);
  expect((await socket.next("entry")).entry.seq).toBe(heard.seq);
  expect((await bob.call(endpoints.contacts, { query: {} })).result).toEqual([]);
});

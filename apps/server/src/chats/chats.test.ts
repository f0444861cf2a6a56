import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { endpoints, toBase64url } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { envelopeOf, rotationOf, type TestChat } from "../testing/test-chat.ts";
import { hashOf } from "../testing/test-keys.ts";
import { startTestServer } from "../testing/test-server.ts";

async function aliceAndBob() {
  const server = await startTestServer();
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  const chat = await alice.startChat(bob);
  return { server, alice, bob, chat };
}

async function say(chat: TestChat, sender: TestAccount, receiver: TestAccount, content?: Uint8Array) {
  const envelope = envelopeOf(chat, sender, content ? { content } : {});
  const { seq } = await sender.call(endpoints.sendMessage, { body: { receiver: receiver.email, content: envelope.text } });
  return { ...envelope, seq };
}

test("entries come in ascending order: after, before, or the newest", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  for (let n = 0; n < 6; n++) await say(chat, alice, bob);
  const { body } = rotationOf(chat, alice);
  await alice.call(endpoints.addRecord, { params: { id: chat.id }, body });
  const seqs = async (query: Record<string, string>) => (await bob.entries(chat.id, query)).map(({ seq }) => seq);
  expect(await seqs({})).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(await seqs({ limit: "3" })).toEqual([6, 7, 8]);
  expect(await seqs({ after: "2", limit: "2" })).toEqual([3, 4]);
  expect(await seqs({ before: "7", limit: "2" })).toEqual([5, 6]);
  expect(await seqs({ after: "8" })).toEqual([]);
  const last = (await bob.entries(chat.id, { after: "7" }))[0];
  expect(last).toMatchObject({ kind: "record", index: 1, epoch: 2, record: body.record, members: body.members });
  for (const query of [{ limit: "201" }, { limit: "0" }, { after: "-1" }, { after: "x" }]) {
    expect((await bob.attempt(endpoints.entries, { params: { id: chat.id }, query })).status).toBe(422);
  }
});

test("the list shows unread, the newest message, receipts and keyring versions, newest change first", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const carol = await server.account("carol");
  await say(chat, alice, bob);
  const second = await say(chat, alice, bob);
  const own = await say(chat, bob, alice);
  const later = await carol.startChat(bob);
  const { conversations } = await bob.call(endpoints.conversations, { query: {} });
  expect(conversations.map(({ id }) => id)).toEqual([later.id, chat.id]);
  expect(conversations[1]).toMatchObject({
    unread: 2,
    last_seq: 4,
    keyring_version: 0,
    last_message: { kind: "message", seq: 4, id: own.id, envelope: own.text },
  });
  using socket = await bob.connect();
  socket.send({ type: "receipt", conversation: chat.id, read_seq: 2 });
  await socket.next("receipt");
  const read = await bob.call(endpoints.conversation, { params: { id: chat.id } });
  expect(read.unread).toBe(1);
  expect(read.receipts.find(({ account }) => account === bob.id)).toEqual({ account: bob.id, delivered_seq: 2, read_seq: 2 });
  expect(second.seq).toBe(3);
});

test("with changed_since_ms only what changed since is listed, and nothing is missed between two lists", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const { as_of_ms } = await alice.call(endpoints.conversations, { query: {} });
  // Everything so far is older than the margin by then.
  await server.core.db
    .updateTable("conversations")
    .set({ changed_at_ms: as_of_ms - 10_000 })
    .execute();
  const since = { query: { changed_since_ms: String(as_of_ms) } };
  expect((await alice.call(endpoints.conversations, since)).conversations).toEqual([]);
  await say(chat, bob, alice);
  expect((await alice.call(endpoints.conversations, since)).conversations.map(({ id }) => id)).toEqual([chat.id]);
  expect(as_of_ms).toBeLessThan(Date.now());
});

test("seals wait for their recipient until its keyring, stored by compare and set, has the keys", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const params = { id: chat.id };
  await alice.call(endpoints.addRecord, { params, body: rotationOf(chat, alice).body });
  const epochs = async (account: TestAccount) =>
    (await account.call(endpoints.seals, { params })).seals.map(({ epoch }) => epoch);
  expect(await epochs(bob)).toEqual([1, 2]);
  expect((await bob.call(endpoints.keyring, { params })).keyring).toBe(null);

  using socket = await bob.connect();
  const ciphertext = randomBytes(300);
  const first = { version: 1, ciphertext: toBase64url(ciphertext), prev_hash: toBase64url(new Uint8Array(32)), epochs: [1] };
  await bob.call(endpoints.putKeyring, { params, body: first });
  expect(await socket.next("changed")).toMatchObject({ what: "keyring", conversation: chat.id });
  expect(await epochs(bob)).toEqual([2]);
  expect(await epochs(alice)).toEqual([1, 2]);
  expect((await bob.call(endpoints.keyring, { params })).keyring).toEqual({
    version: 1,
    ciphertext: first.ciphertext,
    prev_hash: first.prev_hash,
  });

  const next = { version: 2, ciphertext: toBase64url(randomBytes(300)), prev_hash: toBase64url(hashOf(ciphertext)), epochs: [2] };
  for (const stale of [first, { ...next, version: 3 }, { ...next, prev_hash: first.prev_hash }]) {
    const answer = await bob.attempt(endpoints.putKeyring, { params, body: stale });
    expect(answer).toMatchObject({ status: 409, body: { code: "version-conflict", details: { version: 1 } } });
  }
  expect(await epochs(bob)).toEqual([2]);
  await bob.call(endpoints.putKeyring, { params, body: next });
  expect(await epochs(bob)).toEqual([]);
  expect((await bob.call(endpoints.conversation, { params })).keyring_version).toBe(2);
});

test("of two keyrings stored at once one wins", async () => {
  const { server, bob, chat } = await aliceAndBob();
  await using _ = server;
  const body = () => ({
    version: 1,
    ciphertext: toBase64url(randomBytes(64)),
    prev_hash: toBase64url(new Uint8Array(32)),
    epochs: [],
  });
  const answers = await Promise.all(
    [1, 2, 3, 4].map(() => bob.attempt(endpoints.putKeyring, { params: { id: chat.id }, body: body() })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409]);
});

test("erasing leaves tombstones, tells everybody, and only touches one's own", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const [mine, theirs, another] = [await say(chat, alice, bob), await say(chat, bob, alice), await say(chat, alice, bob)];
  using socket = await bob.connect();
  const params = { id: chat.id };
  expect(await alice.call(endpoints.erase, { params, body: { ids: [mine.id, theirs.id] } })).toMatchObject({ erased: 1 });
  expect(await socket.next("erased")).toEqual({ type: "erased", conversation: chat.id, seqs: [mine.seq] });
  const entries = await bob.entries(chat.id, { after: "1" });
  expect(entries.map(({ kind, seq }) => [kind, seq])).toEqual([
    ["erased", mine.seq],
    ["message", theirs.seq],
    ["message", another.seq],
  ]);
  expect(await alice.call(endpoints.erase, { params, body: { all: true } })).toMatchObject({ erased: 1 });
  expect(await alice.call(endpoints.erase, { params, body: { all: true } })).toMatchObject({ erased: 0 });
  expect((await bob.call(endpoints.conversation, { params })).last_message).toMatchObject({ kind: "erased", seq: another.seq });
  // An erased message that its sender repeats stays erased.
  expect(await alice.call(endpoints.sendMessage, { body: { receiver: bob.email, content: mine.text } })).toMatchObject({
    seq: mine.seq,
  });
  expect((await bob.entries(chat.id, { after: "1", limit: "1" }))[0]?.kind).toBe("erased");
});

test("more messages than one transaction erases are all erased", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  using socket = await alice.connect();
  const sent = Array.from({ length: 1200 }, () => envelopeOf(chat, alice, { bytes: 32 }));
  for (const batch of [sent.slice(0, 400), sent.slice(400, 800), sent.slice(800)]) {
    for (const { text } of batch) socket.send({ type: "send", conversation: chat.id, envelope: text });
    for (const { id } of batch) await socket.next("ack", (frame) => frame.id === id);
  }
  expect(await alice.call(endpoints.erase, { params: { id: chat.id }, body: { all: true } })).toMatchObject({ erased: 1200 });
});

test("erased ciphertext is in none of the files any more", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  // Small enough for the page, and large enough for pages of its own.
  const contents = [randomBytes(64), randomBytes(40_000)];
  for (const content of contents) await say(chat, alice, bob, content);
  const traces = () => {
    const files = readdirSync(server.folder)
      .map((name) => join(server.folder, name))
      .filter((path) => /cychat\.db/.test(path));
    return contents.map((content) => files.some((path) => readFileSync(path).includes(content.subarray(0, 48))));
  };
  expect(traces()).toEqual([true, true]);
  await alice.call(endpoints.erase, { params: { id: chat.id }, body: { all: true } });
  expect(traces()).toEqual([false, false]);
});

test("what a request or blocked member does is not shown to the other; what a blocked one sends is not delivered", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const [atAlice, atBob] = await Promise.all([alice.connect(), bob.connect()]);
  const quiet = async (act: () => void) => {
    const before = atAlice.all.length;
    act();
    await atBob.settled();
    await atAlice.settled();
    expect(atAlice.all.slice(before).map(({ type }) => type)).toEqual(["pong"]);
  };
  // A request: bob's devices get it, alice does not learn that he is there.
  const first = await say(chat, alice, bob);
  expect((await atBob.next("entry")).entry.id).toBe(first.id);
  await atAlice.next("entry");
  await quiet(() => atBob.send({ type: "typing", conversation: chat.id, active: true }));
  await quiet(() => atBob.send({ type: "receipt", conversation: chat.id, read_seq: 2 }));
  expect((await atBob.next("receipt")).read_seq).toBe(2);
  expect((await alice.call(endpoints.conversation, { params: { id: chat.id } })).receipts).toEqual([
    { account: alice.id, delivered_seq: 0, read_seq: 0 },
  ]);

  await bob.call(endpoints.answerRequest, { params: { conversation: chat.id }, body: { action: "accept" } });
  atBob.send({ type: "typing", conversation: chat.id, active: true });
  expect(await atAlice.next("typing")).toMatchObject({ account: bob.id, active: true });
  expect((await alice.call(endpoints.conversation, { params: { id: chat.id } })).receipts.length).toBe(2);

  await bob.call(endpoints.block, { body: { id: alice.id } });
  const seen = atBob.all.length;
  const unseen = await say(chat, alice, bob);
  atAlice.send({ type: "typing", conversation: chat.id, active: true });
  atAlice.send({ type: "receipt", conversation: chat.id, read_seq: unseen.seq });
  await atAlice.next("receipt", ({ account }) => account === alice.id);
  await atBob.settled();
  const told = atBob.all.slice(seen).filter(({ type }) => type === "entry" || type === "typing" || type === "receipt");
  expect(told).toEqual([]);

  await bob.call(endpoints.unblock, { params: { id: alice.id } });
  const again = await say(chat, alice, bob);
  expect((await atBob.next("entry", ({ entry }) => entry.id === again.id)).entry.seq).toBe(again.seq);
});

import { expect, test } from "bun:test";
import { endpoints } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { envelopeOf, rotationOf, type TestChat } from "../testing/test-chat.ts";
import { startTestServer } from "../testing/test-server.ts";

async function aliceAndBob() {
  const server = await startTestServer();
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  const chat = await alice.startChat(bob);
  return { server, alice, bob, chat };
}

const sendFrame = (chat: TestChat, envelope: string) => ({ type: "send", conversation: chat.id, envelope });

test("a message is acknowledged to its sender, and reaches every other connection of both", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const [sender, otherTab, receiver] = await Promise.all([alice.connect(), alice.connect(), bob.connect()]);
  const { id, text } = envelopeOf(chat, alice);
  sender.send(sendFrame(chat, text));
  const ack = await sender.next("ack");
  expect(ack).toMatchObject({ conversation: chat.id, id, seq: 2 });
  const entry = { kind: "message", seq: 2, at_ms: ack.at_ms, id, sender: alice.id, device: alice.device, envelope: text };
  for (const socket of [otherTab, receiver]) expect((await socket.next("entry")).entry).toEqual(entry);
  await sender.settled();
  expect(sender.all.filter(({ type }) => type === "entry")).toEqual([]);
  expect(await bob.entries(chat.id, { after: "1" })).toEqual([entry as never]);
});

test("what is acknowledged is in the database: a server that starts on the same folder has it", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  using socket = await alice.connect();
  const sent = Array.from({ length: 50 }, () => envelopeOf(chat, alice));
  for (const { text } of sent) socket.send(sendFrame(chat, text));
  for (const { id } of sent) await socket.next("ack", (frame) => frame.id === id);
  await server.stop();
  await using again = await startTestServer({ folder: server.folder });
  const ids = await again.core.db
    .selectFrom("entries")
    .select("message_id")
    .where("kind", "=", "message")
    .orderBy("seq")
    .execute();
  expect(ids.map(({ message_id }) => message_id)).toEqual(sent.map(({ id }) => id));
});

test("the same message sent again, at once or later, by socket or by REST, gets the same seq and is told once", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const [sender, receiver] = await Promise.all([alice.connect(), bob.connect()]);
  const { id, text } = envelopeOf(chat, alice);
  for (let copy = 0; copy < 3; copy++) sender.send(sendFrame(chat, text));
  const acks = [await sender.next("ack"), await sender.next("ack"), await sender.next("ack")];
  expect(acks.map(({ seq }) => seq)).toEqual([2, 2, 2]);
  expect(new Set(acks.map(({ at_ms }) => at_ms)).size).toBe(1);
  const again = await alice.call(endpoints.sendMessage, { body: { receiver: bob.email, content: text } });
  expect(again).toMatchObject({ msg_id: id, seq: 2, at_ms: acks[0]?.at_ms });
  await receiver.settled();
  expect(receiver.all.filter(({ type }) => type === "entry").length).toBe(1);
});

test("an id that was used is refused for other content, and its neighbours in the batch go through without a gap", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  using socket = await alice.connect();
  const first = envelopeOf(chat, alice);
  const before = envelopeOf(chat, alice);
  const other = envelopeOf(chat, alice, { id: first.id });
  const after = envelopeOf(chat, alice);
  for (const { text } of [first, before, other, after]) socket.send(sendFrame(chat, text));
  expect(await socket.next("refused")).toMatchObject({
    frame: "send",
    conversation: chat.id,
    id: first.id,
    code: "message-id-reused",
  });
  expect((await socket.next("ack", ({ id }) => id === after.id)).seq).toBe(4);
  const entries = await alice.entries(chat.id);
  expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
});

test("an id belongs to the first device that used it: the other member's is refused, later or in the same batch", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const send = async (sender: TestAccount, receiver: TestAccount, content: string) => {
    const answer = await sender.attempt(endpoints.sendMessage, { body: { receiver: receiver.email, content } });
    return answer.status === 201 ? "stored" : answer.body.code;
  };
  const { id, text } = envelopeOf(chat, alice);
  expect(await send(alice, bob, text)).toBe("stored");
  expect(await send(bob, alice, envelopeOf(chat, bob, { id }).text)).toBe("message-id-reused");
  expect(await send(alice, bob, text)).toBe("stored");
  expect((await alice.entries(chat.id)).length).toBe(2);
  const pairs = Array.from({ length: 40 }, () => envelopeOf(chat, alice)).map((own) => [
    send(alice, bob, own.text),
    send(bob, alice, envelopeOf(chat, bob, { id: own.id }).text),
  ]);
  for (const pair of pairs) expect((await Promise.all(pair)).sort()).toEqual(["message-id-reused", "stored"]);
  expect((await alice.entries(chat.id)).map(({ seq }) => seq)).toEqual(Array.from({ length: 42 }, (_, index) => index + 1));
});

test("a repetition is answered with its number even after its epoch has closed", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  using socket = await alice.connect();
  const old = envelopeOf(chat, alice);
  socket.send(sendFrame(chat, old.text));
  const { seq } = await socket.next("ack");
  const { body, accepted } = rotationOf(chat, alice);
  await alice.call(endpoints.addRecord, { params: { id: chat.id }, body });
  accepted();
  socket.send(sendFrame(chat, old.text));
  expect((await socket.next("ack")).seq).toBe(seq);
});

test("a message of another epoch than the open one is refused with where the conversation is", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const { body, accepted } = rotationOf(chat, bob);
  await bob.call(endpoints.addRecord, { params: { id: chat.id }, body });
  using socket = await alice.connect();
  const late = envelopeOf(chat, alice);
  socket.send(sendFrame(chat, late.text));
  expect(await socket.next("refused")).toMatchObject({
    id: late.id,
    code: "epoch-closed",
    details: { epoch: 2, record_index: 1 },
  });
  const byRest = await alice.attempt(endpoints.sendMessage, { body: { receiver: bob.email, content: late.text } });
  expect(byRest).toMatchObject({ status: 409, body: { code: "epoch-closed", details: { epoch: 2, record_index: 1 } } });
  accepted();
  const early = envelopeOf(chat, alice, { epoch: 3 });
  socket.send(sendFrame(chat, early.text));
  expect((await socket.next("refused")).code).toBe("epoch-closed");
  const now = envelopeOf(chat, alice);
  socket.send(sendFrame(chat, now.text));
  expect((await socket.next("ack")).id).toBe(now.id);
});

test("numbers have no gaps and times never go back, however many send to one conversation at once", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const senders: [TestAccount, number][] = [alice, alice, bob, bob].map((account, index) => [account, index]);
  await Promise.all(
    senders.map(async ([account]) => {
      using socket = await account.connect();
      const sent = Array.from({ length: 100 }, () => envelopeOf(chat, account));
      for (const { text } of sent) socket.send(sendFrame(chat, text));
      let last = 0;
      for (const { id } of sent) {
        const { seq } = await socket.next("ack", (frame) => frame.id === id);
        expect(seq).toBeGreaterThan(last);
        last = seq;
      }
    }),
  );
  const rows = await server.core.db
    .selectFrom("entries")
    .select(["seq", "at_ms"])
    .where("conversation", "=", chat.id)
    .orderBy("seq")
    .execute();
  expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length: 401 }, (_, index) => index + 1));
  expect(rows.every(({ at_ms }, index) => at_ms >= (rows[index - 1]?.at_ms ?? 0))).toBe(true);
});

test("entries reach a connection in the order of their numbers", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const [sender, receiver] = await Promise.all([alice.connect(), bob.connect()]);
  const sent = Array.from({ length: 300 }, () => envelopeOf(chat, alice));
  for (const { text } of sent) sender.send(sendFrame(chat, text));
  const seqs: number[] = [];
  for (const _message of sent) seqs.push((await receiver.next("entry")).entry.seq);
  expect(seqs).toEqual(Array.from({ length: 300 }, (_, index) => index + 2));
});

test("envelopes that name another sender, device or conversation are refused", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const carol = await server.account("carol");
  const other = await alice.startChat(carol);
  using socket = await alice.connect();
  const forged = envelopeOf(chat, alice, { account: bob });
  const elsewhere = envelopeOf(chat, alice, { conversation: other.id });
  for (const { id, text } of [forged, elsewhere]) {
    socket.send(sendFrame(chat, text));
    expect(await socket.next("refused")).toMatchObject({ frame: "send", id, code: "envelope-mismatch" });
  }
});

test("what is no envelope is refused as not encrypted, and too large a one as too large", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  using socket = await alice.connect();
  socket.send(sendFrame(chat, Buffer.from("hello, in the clear").toString("base64url")));
  expect(await socket.next("refused")).toMatchObject({ frame: "send", conversation: chat.id, code: "not-encrypted" });
  for (const content of ["hello, in the clear", "", "AAAA"]) {
    const answer = await alice.attempt(endpoints.sendMessage, { body: { receiver: bob.email, content } });
    expect(answer).toMatchObject({ status: 422, body: { code: "not-encrypted" } });
  }
  const nobody = await alice.attempt(endpoints.sendMessage, { body: { receiver: "nobody@example.org", content: "hello" } });
  expect(nobody).toMatchObject({ status: 422, body: { code: "not-encrypted" } });
  const large = envelopeOf(chat, alice, { bytes: 130 * 1024 });
  const answer = await alice.attempt(endpoints.sendMessage, { body: { receiver: bob.email, content: large.text } });
  expect(answer).toMatchObject({ status: 413, body: { code: "too-large" } });
  expect((await alice.entries(chat.id)).length).toBe(1);
});

test("a conversation of others is refused like one that does not exist", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const carol = await server.account("carol");
  using socket = await carol.connect();
  const absent = { ...chat, id: `${"A".repeat(42)}A` } as unknown as TestChat;
  const refusals = [];
  for (const target of [chat, absent]) {
    const { text } = envelopeOf(target, carol);
    socket.send(sendFrame(target, text));
    const { conversation: _c, id: _i, ...refusal } = await socket.next("refused");
    refusals.push(refusal);
  }
  expect(refusals[0]).toEqual(refusals[1] as never);
  expect(refusals[0]).toMatchObject({ code: "not-found" });
  for (const receiver of [bob.email, "nobody@example.org", carol.email]) {
    const answer = await carol.attempt(endpoints.sendMessage, { body: { receiver, content: envelopeOf(chat, carol).text } });
    expect(answer).toEqual({ status: 404, body: { status_code: 404, code: "not-found", message: expect.any(String) } });
  }
  expect((await alice.entries(chat.id)).length).toBe(1);
});

test("a session without a device, or with a revoked one, sends nothing", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const { db } = server.core;
  using socket = await alice.connect();
  await db.updateTable("devices").set({ state: "revoked" }).where("device", "=", alice.device).execute();
  const { id, text } = envelopeOf(chat, alice);
  socket.send(sendFrame(chat, text));
  expect(await socket.next("refused")).toMatchObject({ id, code: "device-unknown" });

  const dave = await server.account("dave");
  await db.updateTable("sessions").set({ device: null }).where("id", "=", dave.session).execute();
  const answer = await dave.attempt(endpoints.sendMessage, {
    body: { receiver: bob.email, content: envelopeOf(chat, dave).text },
  });
  expect(answer.body.code).toBe("not-found");
  using unbound = await dave.connect();
  unbound.send(sendFrame(chat, envelopeOf(chat, dave).text));
  expect((await unbound.next("refused")).code).toBe("device-unknown");
});

test("an open socket may send once its session has been bound to a device", async () => {
  await using server = await startTestServer();
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  await server.core.db.updateTable("sessions").set({ device: null }).where("id", "=", alice.session).execute();
  const chat = await bob.startChat(alice);
  using socket = await alice.connect();
  const { id, text } = envelopeOf(chat, alice);
  socket.send(sendFrame(chat, text));
  expect((await socket.next("refused")).code).toBe("device-unknown");
  await alice.call(endpoints.bindDevice, { body: { device: alice.device } });
  socket.send(sendFrame(chat, text));
  expect((await socket.next("ack")).id).toBe(id);
});

test("an account that sends faster than it may is told how long to wait", async () => {
  await using server = await startTestServer({ config: { messagesPerSecond: 1 } });
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  const chat = await alice.startChat(bob);
  using socket = await alice.connect();
  for (let sent = 0; sent < 12; sent++) socket.send(sendFrame(chat, envelopeOf(chat, alice).text));
  const refused = await socket.next("refused");
  expect(refused.code).toBe("rate-limited");
  expect(refused.details.retry_after_ms).toBeGreaterThan(0);
});

test("GET /conversation shows the messages in the seed's form, oldest first", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const first = envelopeOf(chat, alice);
  const second = envelopeOf(chat, bob);
  await alice.call(endpoints.sendMessage, {
    body: { receiver: ` ${bob.email.toUpperCase()} `, content: first.text, message_type: "media" },
  });
  await bob.call(endpoints.sendMessage, { body: { receiver: alice.email, content: second.text, media: null } });
  const { result } = await bob.call(endpoints.seedConversation, { query: { receiver: alice.email } });
  expect(result).toMatchObject([
    {
      msg_id: first.id,
      seq: 2,
      content: first.text,
      type: "received",
      message_type: "text",
      media: null,
      id: alice.id,
      nickname: "alice",
      email: alice.email,
    },
    { msg_id: second.id, seq: 3, content: second.text, type: "sent", id: bob.id, nickname: "bob" },
  ]);
  const page = await bob.call(endpoints.seedConversation, { query: { receiver: alice.email, after: "2", limit: "1" } });
  expect(page.result.map(({ seq }) => seq)).toEqual([3]);
  for (const receiver of ["nobody@example.org", bob.email]) {
    expect((await bob.attempt(endpoints.seedConversation, { query: { receiver } })).status).toBe(404);
  }
});

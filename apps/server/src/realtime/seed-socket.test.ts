import { expect, test } from "bun:test";
import { apiBase, closeCodes, endpoints } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { envelopeOf } from "../testing/test-chat.ts";
import { startTestServer } from "../testing/test-server.ts";
import { openSocket, type TestSocket } from "../testing/test-socket.ts";

const seedSocket = (account: TestAccount, sender: string, receiver: string): TestSocket =>
  openSocket(`${account.server.url}${apiBase}/ws/chat/${encodeURIComponent(sender)}/${encodeURIComponent(receiver)}`, {
    authorization: `Bearer ${account.token}`,
  });

test("the seed's socket shows one chat in the seed's fields, beside our own sockets", async () => {
  await using server = await startTestServer();
  const [alice, bob, carol] = await Promise.all([server.account("alice"), server.account("bob"), server.account("carol")]);
  const chat = await alice.startChat(bob);
  const other = await carol.startChat(bob);
  await bob.call(endpoints.answerRequest, { params: { conversation: chat.id }, body: { action: "accept" } });
  using mine = seedSocket(alice, alice.email, bob.id);
  using theirs = seedSocket(bob, bob.id, alice.email.toUpperCase());
  using own = await bob.connect();
  await Promise.all([mine.next("welcome"), theirs.next("welcome")]);

  const { id, text } = envelopeOf(chat, alice);
  mine.send({ content: text, message_type: "media" });
  const sent = await mine.next("sent");
  expect(sent).toMatchObject({
    msg_id: id,
    seq: 2,
    content: text,
    message_type: "text",
    media: null,
    id: alice.id,
    nickname: "alice",
    email: alice.email,
  });
  expect(new Date(sent.creation_date).toISOString()).toBe(sent.creation_date);
  expect(await theirs.next("received")).toEqual({ ...sent, type: "received" });
  expect((await own.next("entry")).entry.id).toBe(id);

  theirs.send({ type: "typing" });
  expect(await mine.next("typing")).toMatchObject({ conversation: chat.id, account: bob.id, active: true });

  // Another chat is none of this socket's business.
  await carol.call(endpoints.sendMessage, { body: { receiver: bob.email, content: envelopeOf(other, carol).text } });
  await own.next("entry", ({ conversation }) => conversation === other.id);
  await theirs.settled();
  expect(theirs.all.filter(({ type }) => type === "received").length).toBe(1);
});

test("the seed's socket takes encrypted envelopes only, and stays open after refusals", async () => {
  await using server = await startTestServer();
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  const chat = await alice.startChat(bob);
  using socket = seedSocket(alice, alice.id, bob.email);
  await socket.next("welcome");
  const wrong: [unknown, string][] = [
    [{ content: "hello in the clear" }, "not-encrypted"],
    [{ content: 5 }, "malformed-frame"],
    [{ text: "hello" }, "malformed-frame"],
    [{ content: "AAAA", message_type: "poem" }, "malformed-frame"],
    [{ type: "send", conversation: chat.id, envelope: "AAAA" }, "malformed-frame"],
    [[], "malformed-frame"],
  ];
  for (const [frame, code] of wrong) {
    socket.send(frame);
    expect((await socket.next("refused")).code).toBe(code);
  }
  socket.send({ content: envelopeOf(chat, alice).text });
  expect((await socket.next("sent")).seq).toBe(2);
});

test("a token opens only its own account's side: anything else is closed with 4403", async () => {
  await using server = await startTestServer();
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  await alice.startChat(bob);
  for (const [sender, receiver] of [
    [bob.email, alice.email],
    [alice.email, "nobody@example.org"],
    [alice.email, alice.email],
    ["alice", bob.email],
    [crypto.randomUUID(), bob.id],
  ] as const) {
    using socket = seedSocket(alice, sender, receiver);
    expect([sender, receiver, await socket.closed]).toEqual([sender, receiver, closeCodes.forbidden]);
  }
  const path = `${apiBase}/ws/chat/${encodeURIComponent(bob.email)}/${alice.id}`;
  using byFrame = openSocket(`${server.url}${path}`);
  byFrame.raw.onopen = () => byFrame.send({ type: "hello", token: alice.token });
  expect(await byFrame.closed).toBe(closeCodes.forbidden);
});

import { expect, test } from "bun:test";
import { endpoints } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { envelopeOf } from "../testing/test-chat.ts";
import { startTestServer } from "../testing/test-server.ts";

const befriend = async (a: TestAccount, b: TestAccount) => {
  await a.call(endpoints.addContact, { body: { email: b.email } });
  await b.call(endpoints.addContact, { body: { email: a.email } });
};

test("people who have each other as contacts see each other come, change status and go", async () => {
  await using server = await startTestServer();
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  await befriend(alice, bob);
  using watching = await alice.connect();
  const seen = async (presence: string) => watching.next("presence", (frame) => frame.presence === presence);

  const first = await bob.connect();
  expect(await seen("online")).toMatchObject({ account: bob.id, last_seen_ms: null });
  expect(server.core.presence.statusOf(bob.id)).toBe("online");
  await bob.call(endpoints.setStatus, { body: { chat_status: "dnd" } });
  expect((await seen("dnd")).account).toBe(bob.id);

  const second = await bob.connect();
  first.close();
  await first.closed;
  await second.settled();
  expect(server.core.presence.statusOf(bob.id)).toBe("dnd");
  const before = Date.now();
  second.close();
  const left = await seen("offline");
  expect(left.last_seen_ms).toBeGreaterThanOrEqual(before - 1);
  const [contact] = (await alice.call(endpoints.contacts, { query: {} })).result;
  expect(contact).toMatchObject({ presence: "offline", last_seen_ms: left.last_seen_ms });
});

test("whoever hides is offline to everybody, and is not seen coming or leaving", async () => {
  await using server = await startTestServer();
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  await befriend(alice, bob);
  using watching = await alice.connect();
  const hiding = await bob.connect();
  await watching.next("presence");
  await bob.call(endpoints.setStatus, { body: { chat_status: "offline" } });
  expect(await watching.next("presence")).toMatchObject({ presence: "offline", last_seen_ms: null });
  hiding.close();
  await hiding.closed;
  // His next visit, still hidden, is not seen either.
  const again = await bob.connect();
  await again.settled();
  again.close();
  await again.closed;
  await watching.settled();
  expect(watching.all.filter(({ type }) => type === "presence").length).toBe(2);
  const [contact] = (await alice.call(endpoints.contacts, { query: {} })).result;
  expect(contact).toMatchObject({ presence: "offline", last_seen_ms: null });
});

test("nobody else is told: strangers, and people who are a contact on one side only", async () => {
  await using server = await startTestServer();
  const [alice, bob, carol] = await Promise.all([server.account("alice"), server.account("bob"), server.account("carol")]);
  await alice.call(endpoints.addContact, { body: { email: bob.email } });
  await befriend(bob, carol);
  const [oneSided, mutual] = await Promise.all([alice.connect(), carol.connect()]);
  using _bob = await bob.connect();
  await mutual.next("presence");
  await oneSided.settled();
  expect(oneSided.all.filter(({ type }) => type === "presence")).toEqual([]);
});

test("whoever is blocked is told nothing more", async () => {
  await using server = await startTestServer();
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  await befriend(alice, bob);
  await alice.call(endpoints.block, { body: { id: bob.id } });
  using blocked = await bob.connect();
  using watching = await alice.connect();
  await watching.settled();
  await alice.call(endpoints.setStatus, { body: { chat_status: "busy" } });
  await watching.settled();
  await blocked.settled();
  expect(blocked.all.filter((frame) => frame.type === "presence" && frame.account === alice.id)).toEqual([]);
});

test("a connection that comes back within the grace time was never away", async () => {
  await using server = await startTestServer({ timings: { presenceGraceMs: 60_000 } });
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  await befriend(alice, bob);
  using watching = await alice.connect();
  const first = await bob.connect();
  await watching.next("presence");
  first.close();
  await first.closed;
  using _again = await bob.connect();
  await watching.settled();
  expect(watching.all.filter(({ type }) => type === "presence").length).toBe(1);
});

test("receipts only move forward, are capped at what exists, survive a restart, and reach the others", async () => {
  await using server = await startTestServer();
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  await befriend(alice, bob);
  const chat = await alice.startChat(bob);
  for (let n = 0; n < 3; n++) {
    await alice.call(endpoints.sendMessage, { body: { receiver: bob.email, content: envelopeOf(chat, alice).text } });
  }
  using reader = await bob.connect();
  using sender = await alice.connect();
  const receipt = (fields: object) => reader.send({ type: "receipt", conversation: chat.id, ...fields });
  const told = async () => {
    const { account, delivered_seq, read_seq } = await sender.next("receipt");
    return [account, delivered_seq, read_seq];
  };
  receipt({ delivered_seq: 3 });
  expect(await told()).toEqual([bob.id, 3, 0]);
  receipt({ read_seq: 2 });
  expect(await told()).toEqual([bob.id, 3, 2]);
  receipt({ read_seq: 1, delivered_seq: 1 });
  receipt({ read_seq: 1_000_000 });
  expect(await told()).toEqual([bob.id, 4, 4]);
  receipt({ read_seq: 4 });
  await reader.settled();
  await server.stop();
  expect(sender.all.filter(({ type }) => type === "receipt").length).toBe(3);
  await using again = await startTestServer({ folder: server.folder });
  const row = await again.core.db
    .selectFrom("members")
    .select(["delivered_seq", "read_seq"])
    .where("account", "=", bob.id)
    .executeTakeFirst();
  expect(row).toEqual({ delivered_seq: 4, read_seq: 4 });
});

test("typing is told to the other member only, not kept, and dropped when there is too much of it", async () => {
  await using server = await startTestServer();
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  await befriend(alice, bob);
  const chat = await alice.startChat(bob);
  const [typist, otherTab, watching] = await Promise.all([alice.connect(), alice.connect(), bob.connect()]);
  for (let n = 0; n < 50; n++) typist.send({ type: "typing", conversation: chat.id, active: n % 2 === 0 });
  await typist.settled();
  await watching.settled();
  await otherTab.settled();
  const typings = watching.all.filter(({ type }) => type === "typing");
  expect(typings[0]).toEqual({ type: "typing", conversation: chat.id, account: alice.id, active: true });
  expect(typings.length).toBeGreaterThanOrEqual(5);
  expect(typings.length).toBeLessThan(20);
  expect(otherTab.all.filter(({ type }) => type === "typing")).toEqual([]);
});

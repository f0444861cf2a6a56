import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpoints, fromBase64url } from "@cychat/protocol";
import { asMigratedTo } from "../testing/older-database.ts";
import { makeAccount } from "../testing/test-account.ts";
import { envelopeOf, rotationOf } from "../testing/test-chat.ts";
import { hashOf } from "../testing/test-keys.ts";
import { createRoom } from "../testing/test-room.ts";
import { startTestServer } from "../testing/test-server.ts";
import { foundation } from "./migrations/0001-foundation.ts";

test("a database from before rooms keeps its accounts, chats, records, seals and keyrings, and then takes rooms", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cychat-migration-"));
  const before = await startTestServer({ folder });
  const [alice, bob] = await Promise.all([before.account("alice"), before.account("bob")]);
  const chat = await alice.startChat(bob);
  const { id, text } = envelopeOf(chat, alice);
  await alice.call(endpoints.sendMessage, { body: { receiver: bob.email, content: text } });
  // Before rooms an id could be used by both: Bob's gets Alice's.
  const double = envelopeOf(chat, bob, { id });
  const plain = envelopeOf(chat, bob);
  await bob.call(endpoints.sendMessage, { body: { receiver: alice.email, content: plain.text } });
  const rotation = rotationOf(chat, bob);
  await bob.call(endpoints.addRecord, { params: { id: chat.id }, body: rotation.body });
  rotation.accepted();
  const params = { id: chat.id };
  const snapshot = async (account: typeof bob) => ({
    conversation: await account.call(endpoints.conversation, { params }),
    entries: await account.call(endpoints.entries, { params, query: {} }),
    records: await account.call(endpoints.records, { params, query: {} }),
    seals: await account.call(endpoints.seals, { params }),
  });
  const expected = await snapshot(bob);
  expect(expected.records.records.length).toBe(2);
  expect(expected.seals.seals.length).toBe(2);
  await before.stop();

  const envelope = fromBase64url(double.text);
  await asMigratedTo({ "0001-foundation": foundation }, join(folder, "cychat.db"), (older) => {
    older
      .query("update entries set message_id = ?, envelope = ?, envelope_hash = ? where message_id = ?")
      .run(id, envelope, hashOf(envelope), plain.id);
  });
  await using after = await startTestServer({ folder });
  for (const account of [alice, bob]) Object.assign(account, { server: after });
  const doubled = JSON.stringify(expected).replaceAll(plain.id, id).replaceAll(plain.text, double.text);
  expect(await snapshot(bob)).toEqual(JSON.parse(doubled));
  const hashes = await after.core.db.selectFrom("records").select(["idx", "hash"]).orderBy("idx").execute();
  expect(hashes[1]?.hash).toEqual(chat.head);
  const next = rotationOf(chat, alice);
  await alice.call(endpoints.addRecord, { params, body: next.body });
  next.accepted();
  await alice.call(endpoints.sendMessage, { body: { receiver: bob.email, content: envelopeOf(chat, alice).text } });
  // What stands twice is still a repetition for each of the two, and nobody else's.
  const again = (account: typeof bob, receiver: typeof bob, content: string) =>
    account.attempt(endpoints.sendMessage, { body: { receiver: receiver.email, content } });
  expect(await again(alice, bob, text)).toMatchObject({ status: 201, body: { seq: 2 } });
  expect(await again(bob, alice, double.text)).toMatchObject({ status: 201, body: { seq: 3 } });
  const newer = envelopeOf(chat, alice);
  expect((await again(alice, bob, newer.text)).status).toBe(201);
  const taken = envelopeOf(chat, bob, { id: newer.id }).text;
  expect((await again(bob, alice, taken)).body).toMatchObject({ code: "message-id-reused" });
  const carol = await makeAccount(after, "carol");
  const room = await createRoom(alice, { others: [[bob, "member"]] });
  await room.add(alice, room.adding(carol));
  expect((await carol.call(endpoints.conversation, { params: { id: room.id } })).kind).toBe("room");
  await after.stop();
  rmSync(folder, { recursive: true, force: true });
});

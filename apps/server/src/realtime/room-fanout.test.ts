import { expect, test } from "bun:test";
import { type AccountId, endpoints, limits } from "@cychat/protocol";
import { envelopeOf } from "../testing/test-chat.ts";
import { type People, startWithPeople } from "../testing/test-people.ts";
import { createRoom, type TestRoom } from "../testing/test-room.ts";
import type { TestServer } from "../testing/test-server.ts";

/** A room of three who have accepted it. */
async function activeRoom({ alice, bob, carol }: People): Promise<TestRoom> {
  const room = await createRoom(alice, {
    others: [
      [bob, "member"],
      [carol, "member"],
    ],
  });
  for (const account of [bob, carol])
    await account.call(endpoints.answerRequest, { params: { conversation: room.id }, body: { action: "accept" } });
  return room;
}

/** Fills a room up with rows: nobody of them is ever online. */
async function crowd(server: TestServer, room: TestRoom, people: People): Promise<void> {
  const { db, events } = server.core;
  const account = await db.selectFrom("accounts").selectAll().where("id", "=", people.frank.id).executeTakeFirstOrThrow();
  await db.transaction().execute(async (trx) => {
    for (let count = 3; count <= limits.smallRoomMembers; count++) {
      const id = crypto.randomUUID() as AccountId;
      await trx
        .insertInto("accounts")
        .values({ ...account, id, email: `${id}@example.org` })
        .execute();
      await trx.insertInto("members").values({ conversation: room.id, account: id, role: "member", state: "active" }).execute();
    }
  });
  events.membersChanged(room.id);
}

test("a message and a later record reach every other connection of everybody in the room", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol, dave } = people;
  const room = await activeRoom(people);
  const [sender, ...others] = await Promise.all([alice, alice, bob, carol].map((account) => account.connect()));
  using stranger = await dave.connect();
  const { id, text } = envelopeOf(room, alice);
  sender?.send({ type: "send", conversation: room.id, envelope: text });
  expect((await sender?.next("ack"))?.seq).toBe(2);
  for (const socket of others) expect((await socket.next("entry")).entry).toMatchObject({ id, seq: 2, envelope: text });
  await room.add(bob, room.adding(dave));
  for (const socket of [...others, sender])
    expect((await socket?.next("entry"))?.entry).toMatchObject({ kind: "record", seq: 3, index: 1, members: null });
  expect(await stranger.next("changed")).toMatchObject({ what: "conversations", conversation: room.id });
  expect((await stranger.next("entry")).entry.seq).toBe(3);
});

test("[P6.6] in small rooms everybody hears how far others have read and who types; in larger ones only one's own devices", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await activeRoom(people);
  await alice.call(endpoints.seedRoomMessage, { body: { room: room.id, content: envelopeOf(room, alice).text } });
  const [reader, ownOther, other] = await Promise.all([bob, bob, carol].map((account) => account.connect()));
  if (!reader || !ownOther || !other) throw new Error("three sockets");
  reader.send({ type: "receipt", conversation: room.id, read_seq: 1 });
  for (const socket of [ownOther, other]) expect(await socket.next("receipt")).toMatchObject({ account: bob.id, read_seq: 1 });
  reader.send({ type: "typing", conversation: room.id, active: true });
  expect(await other.next("typing")).toMatchObject({ account: bob.id, active: true });

  await crowd(server, room, people);
  reader.send({ type: "typing", conversation: room.id, active: true });
  reader.send({ type: "receipt", conversation: room.id, read_seq: 2 });
  expect((await ownOther.next("receipt")).read_seq).toBe(2);
  await other.settled();
  expect(other.all.filter(({ type }) => type === "receipt" || type === "typing").length).toBe(2);
  expect(reader.all.filter(({ type }) => type === "refused")).toEqual([]);
});

test("who blocked somebody still shares rooms with them: blocking is for direct chats", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await activeRoom(people);
  await bob.call(endpoints.block, { body: { id: alice.id } });
  using socket = await bob.connect();
  const { id, text } = envelopeOf(room, alice);
  await alice.call(endpoints.seedRoomMessage, { body: { room: room.id, content: text } });
  expect((await socket.next("entry")).entry.id).toBe(id);
});

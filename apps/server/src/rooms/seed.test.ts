import { expect, test } from "bun:test";
import { apiBase, closeCodes, endpoints } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { envelopeOf } from "../testing/test-chat.ts";
import { startWithPeople } from "../testing/test-people.ts";
import { createRoom, openSettings } from "../testing/test-room.ts";
import { openSocket } from "../testing/test-socket.ts";

const seedSocket = (account: TestAccount, sender: string, room: string) =>
  openSocket(`${account.server.url}${apiBase}/ws/${encodeURIComponent(sender)}/${encodeURIComponent(room)}`, {
    authorization: `Bearer ${account.token}`,
  });

test("the seed's endpoints send to a room and read it, by its name or its id; of others no address is shown", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { settings: openSettings, others: [[bob, "member"]] });
  const sent: string[] = [];
  for (const [account, name] of [
    [alice, room.id],
    [bob, "GARDEN"],
  ] as const) {
    const { id, text } = envelopeOf(room, account);
    const answer = await account.call(endpoints.seedRoomMessage, { body: { room: name, content: text } });
    expect(answer).toMatchObject({ msg_id: id, seq: sent.length + 2 });
    sent.push(id);
  }
  const read = async (account: TestAccount, name: string, query: object = {}) =>
    (await account.call(endpoints.seedRoomConversation, { query: { room: name, ...query } })).result;
  const result = await read(bob, "garden");
  expect(result.map(({ msg_id, type, nickname, email }) => [msg_id, type, nickname, email])).toEqual([
    [sent[0] as string, "received", "alice", ""],
    [sent[1] as string, "sent", "bob", bob.email],
  ]);
  expect((await read(alice, room.id, { after: "2" })).map(({ msg_id }) => msg_id)).toEqual([sent[1] as string]);
  for (const name of [room.id, "garden", "nothing"]) {
    expect((await carol.attempt(endpoints.seedRoomConversation, { query: { room: name } })).status).toBe(404);
    const body = { room: name, content: envelopeOf(room, carol).text };
    expect((await carol.attempt(endpoints.seedRoomMessage, { body })).status).toBe(404);
  }
  const plain = { room: "garden", content: "hello in the clear" };
  expect((await bob.attempt(endpoints.seedRoomMessage, { body: plain })).body.code).toBe("not-encrypted");
});

test("the seed's socket shows one room, newcomers too, and ends with the membership", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { settings: openSettings, others: [[bob, "member"]] });
  const other = await createRoom(alice, { others: [[bob, "member"]] });
  using socket = seedSocket(bob, bob.email, "garden");
  using byId = seedSocket(alice, alice.id, room.id);
  await Promise.all([socket.next("welcome"), byId.next("welcome")]);
  const { id, text } = envelopeOf(room, bob);
  socket.send({ content: text });
  expect(await socket.next("sent")).toMatchObject({ msg_id: id, nickname: "bob", email: bob.email });
  expect(await byId.next("received")).toMatchObject({ msg_id: id, nickname: "bob", email: "" });
  await alice.call(endpoints.seedRoomMessage, { body: { room: other.id, content: envelopeOf(other, alice).text } });
  await room.add(alice, room.adding(carol));
  await carol.call(endpoints.seedRoomMessage, { body: { room: room.id, content: envelopeOf(room, carol).text } });
  expect(await socket.next("received")).toMatchObject({ id: carol.id, nickname: "carol" });
  await room.add(alice, { kind: "remove", account: bob.id, ban: false }, room.renew());
  expect(await socket.closed).toBe(closeCodes.forbidden);
  expect(socket.all.filter(({ type }) => type === "received").length).toBe(1);
});

test("a token opens only its own account's side, and only of its own rooms: anything else is closed with 4403", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { settings: openSettings, others: [[bob, "member"]] });
  for (const [account, sender, name] of [
    [bob, alice.email, "garden"],
    [bob, "bob", "garden"],
    [bob, bob.email, "nothing"],
    [carol, carol.email, "garden"],
    [carol, carol.id, room.id],
  ] as const) {
    using socket = seedSocket(account, sender, name);
    expect([sender, name, await socket.closed]).toEqual([sender, name, closeCodes.forbidden]);
  }
});

import { expect, test } from "bun:test";
import { endpoints } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { envelopeOf } from "../testing/test-chat.ts";
import { startWithPeople } from "../testing/test-people.ts";
import { createRoom, type TestRoom } from "../testing/test-room.ts";

const members = async (account: TestAccount, room: TestRoom) =>
  (await account.call(endpoints.roomMembers, { params: { id: room.id } })).members;

test("members are shown with roles, presence and how far they have read, and no address", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, {
    others: [
      [bob, "admin"],
      [carol, "member"],
    ],
  });
  await bob.call(endpoints.answerRequest, { params: { conversation: room.id }, body: { action: "accept" } });
  await alice.call(endpoints.seedRoomMessage, { body: { room: room.id, content: envelopeOf(room, alice).text } });
  const [mine, theirs, hers] = await Promise.all([alice.connect(), bob.connect(), carol.connect()]);
  theirs.send({ type: "receipt", conversation: room.id, read_seq: 2 });
  hers.send({ type: "receipt", conversation: room.id, read_seq: 2 });
  await theirs.next("receipt");
  await mine.settled();
  const shown = await members(alice, room);
  expect(shown.map(({ nickname, role, presence, read_seq }) => [nickname, role, presence, read_seq])).toEqual([
    ["alice", "owner", "online", 0],
    ["bob", "admin", "online", 2],
    // She has not accepted the room yet, so she is not shown to be there.
    ["carol", "member", "offline", 0],
  ]);
  expect(JSON.stringify(shown)).not.toContain("@example.org");
  // Who blocked somebody is offline to them.
  await bob.call(endpoints.block, { body: { id: alice.id } });
  expect((await members(alice, room))[1]).toMatchObject({ nickname: "bob", presence: "offline", read_seq: 0 });
});

test("who is banned is listed beside the members", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice);
  await room.add(alice, { kind: "ban", account: bob.id });
  const { banned } = await alice.call(endpoints.roomMembers, { params: { id: room.id } });
  expect(banned.map(({ nickname }) => nickname)).toEqual(["bob"]);
});

test("names are given of those whose time in a room one may read about, of oneself, and of nobody else", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol, dave, erin, frank } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]], history: "joined" });
  await room.add(bob, { kind: "leave" });
  await room.add(alice, room.adding(carol), room.renew());
  await room.add(carol, { kind: "leave" });
  await room.add(alice, room.adding(dave), room.renew());
  const known = async (account: TestAccount) => {
    const accounts = Object.values(people).map(({ id }) => id);
    const answer = await account.call(endpoints.people, { body: { accounts } });
    return answer.people.map(({ nickname }) => nickname).sort();
  };
  expect(await known(alice)).toEqual(["alice", "bob", "carol", "dave"]);
  expect(await known(bob)).toEqual(["alice", "bob"]);
  expect(await known(carol)).toEqual(["alice", "carol"]);
  // Carol left before Dave could read anything.
  expect(await known(dave)).toEqual(["alice", "dave"]);
  expect(await known(frank)).toEqual(["frank"]);
  const shared = await createRoom(alice, { others: [[erin, "member"]] });
  await shared.add(erin, { kind: "leave" });
  await shared.add(alice, shared.adding(frank));
  // What Erin wrote is there to be read.
  expect(await known(frank)).toEqual(["alice", "erin", "frank"]);
});

test("member keys tell whose account log has grown since", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]] });
  const read = (since?: number) =>
    alice.call(endpoints.memberKeys, {
      params: { id: room.id },
      query: since === undefined ? {} : { since_ms: String(since) },
    });
  const first = await read();
  expect(first.members.map(({ account }) => account).sort()).toEqual([alice.id, bob.id].sort());
  await server.core.db.updateTable("account_keys").set({ changed_at_ms: 1 }).execute();
  expect((await read(first.as_of_ms)).members).toEqual([]);
  await bob.call(endpoints.appendLog, { body: { entries: [bob.keys.encryptionEntry()] } });
  await carol.call(endpoints.appendLog, { body: { entries: [carol.keys.encryptionEntry()] } });
  expect((await read(first.as_of_ms)).members).toEqual([{ account: bob.id, log_n: 3, generation: 2 }]);
});

test("new keys are announced to everybody in a room with the account, once, and to nobody else", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol, dave } = people;
  const room = await createRoom(alice, {
    others: [
      [bob, "member"],
      [carol, "member"],
    ],
  });
  await createRoom(alice, { others: [[bob, "member"]] });
  await room.add(carol, { kind: "leave" });
  const [near, former, far] = await Promise.all([bob.connect(), carol.connect(), dave.connect()]);
  await alice.call(endpoints.appendLog, { body: { entries: [alice.keys.encryptionEntry()] } });
  expect(await near.next("changed")).toMatchObject({ what: "keys", account: alice.id });
  await Promise.all([near.settled(), former.settled(), far.settled()]);
  expect([near, former, far].map(({ all }) => all.filter(({ what }) => what === "keys").length)).toEqual([1, 0, 0]);
});

test("closed epochs are live while a message of theirs is left", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]] });
  const live = async () => (await alice.call(endpoints.liveEpochs, { params: { id: room.id } })).epochs;
  const say = async () => {
    const { id, text } = envelopeOf(room, alice);
    await alice.call(endpoints.seedRoomMessage, { body: { room: room.id, content: text } });
    return id;
  };
  const first = await say();
  expect(await live()).toEqual([]);
  await room.add(alice, room.renew());
  expect(await live()).toEqual([1]);
  // Epoch 2 has records without a new key, and nothing else.
  await room.add(alice, { kind: "role", account: bob.id, role: "admin" });
  await room.add(alice, room.renew());
  await say();
  await room.add(alice, { kind: "role", account: bob.id, role: "owner" });
  await say();
  await room.add(alice, room.renew());
  expect(await live()).toEqual([1, 3]);
  await alice.call(endpoints.erase, { params: { id: room.id }, body: { ids: [first] } });
  expect(await live()).toEqual([3]);
});

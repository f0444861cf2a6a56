import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { endpoints, type JoinRequest, type Signed, signedToJson } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { startWithPeople } from "../testing/test-people.ts";
import { createRoom, letterTo, openSettings, type TestRoom } from "../testing/test-room.ts";

const approval = { ...openSettings, join: "approval" } as const;

const ask = (account: TestAccount, room: TestRoom, request: Signed) =>
  account.attempt(endpoints.requestJoin, { params: { id: room.id }, body: { request: signedToJson(request) } });
const askSeals = (account: TestAccount, room: TestRoom, request: Signed) =>
  account.attempt(endpoints.requestSeals, { params: { id: room.id }, body: { request: signedToJson(request) } });
const waiting = async (account: TestAccount, room: TestRoom) =>
  (await account.call(endpoints.joinRequests, { params: { id: room.id } })).requests;

test("[P9.9] a request waits until it is answered; those who may let somebody in hear of it and see who it is", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol, dave } = people;
  const room = await createRoom(alice, {
    settings: approval,
    others: [
      [bob, "admin"],
      [carol, "member"],
    ],
  });
  const [owner, admin, member, own] = await Promise.all([alice, bob, carol, dave].map((account) => account.connect()));
  if (!owner || !admin || !member || !own) throw new Error("four sockets");
  const request = await room.ask(dave);
  for (const socket of [owner, admin, own])
    expect(await socket.next("changed", ({ what }) => what === "joins")).toMatchObject({ conversation: room.id });
  await member.settled();
  expect(member.all.filter(({ type }) => type === "changed" || type === "ask")).toEqual([]);
  expect(admin.all.filter(({ type }) => type === "ask")).toEqual([]);
  const [entry] = await waiting(bob, room);
  expect(entry).toMatchObject({ person: { id: dave.id, nickname: "dave", has_keys: true }, request: signedToJson(request) });
  expect(JSON.stringify(entry)).not.toContain(dave.email);
  expect(await waiting(carol, room)).toEqual([]);
  const pending = async (account: TestAccount) =>
    (await account.call(endpoints.conversation, { params: { id: room.id } })).room?.pending_joins;
  expect([await pending(bob), await pending(carol)]).toEqual([1, 0]);

  const { signature } = room.joinRequest(dave);
  expect(signature.length).toBe(64);
  await room.add(bob, room.admitting(dave, request));
  expect(await own.next("changed", ({ what }) => what === "conversations")).toMatchObject({ conversation: room.id });
  expect(await owner.next("changed", ({ what }) => what === "joins")).toMatchObject({ conversation: room.id });
  expect(await waiting(bob, room)).toEqual([]);
  expect((await dave.call(endpoints.conversation, { params: { id: room.id } })).state).toBe("active");
});

test("[P9.9] requests that are not what they say are refused", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { settings: openSettings });
  const other = await createRoom(alice, { settings: { ...openSettings, handle: "shed" } });
  const random = new Uint8Array(randomBytes(32));
  const wrong: [string, Partial<JoinRequest>, string][] = [
    ["another room", { conversation: other.id }, "malformed-structure"],
    ["another account", { account: carol.id }, "malformed-structure"],
    ["another device", { device: carol.device }, "malformed-structure"],
    ["a place in the log that is not there", { accountLog: [99, random] }, "malformed-structure"],
    ["another entry of the log", { accountLog: [2, random] }, "malformed-structure"],
    ["a record that is not there", { recordHash: random }, "malformed-structure"],
    ["another identity", { identityHash: random }, "malformed-structure"],
    ["another key", { generation: 2 }, "malformed-structure"],
    ["no key", { generation: 0 }, "malformed-structure"],
  ];
  for (const [what, fields, code] of wrong)
    expect([what, (await ask(bob, room, room.joinRequest(bob, fields))).body.code]).toEqual([what, code]);
  expect((await ask(bob, room, room.joinRequest(bob, {}, carol))).body.code).toBe("bad-signature");
  expect((await ask(bob, room, room.joinRequest(carol))).body.code).toBe("malformed-structure");
  const garbled = { payload: new Uint8Array([1, 2, 3]), signature: new Uint8Array(64) };
  expect((await ask(bob, room, garbled)).body.code).toBe("malformed-structure");
  expect(await waiting(alice, room)).toEqual([]);
  // The same by whoever would let them in: a member that makes such a record breaks nobody's room.
  for (const [what, fields] of wrong.filter(([, { generation }]) => generation === undefined)) {
    const answer = await room.attempt(alice, [room.admitting(bob, room.joinRequest(bob, fields))]);
    expect([what, answer.status]).not.toEqual([what, 201]);
  }
  expect((await room.attempt(alice, [room.admitting(bob, room.joinRequest(bob, {}, carol))])).body.code).toBe("bad-signature");
});

test("who is in, is banned, or wants into a closed room is told so, or nothing", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { settings: openSettings });
  expect((await ask(alice, room, room.joinRequest(alice))).body.code).toBe("room-joined");
  await room.ask(carol);
  await room.add(alice, { kind: "ban", account: carol.id });
  // The ban answers the request.
  expect(await waiting(alice, room)).toEqual([]);
  expect((await ask(carol, room, room.joinRequest(carol))).body).toMatchObject({ status_code: 403, code: "banned" });
  await room.ask(bob);
  using socket = await bob.connect();
  await room.add(alice, { kind: "settings", settings: { ...openSettings, join: "invitation" } });
  expect(await socket.next("changed")).toMatchObject({ what: "joins", conversation: room.id });
  for (const account of [bob, carol]) expect((await ask(account, room, room.joinRequest(account))).status).toBe(404);
  expect((await room.attempt(alice, [room.admitting(bob)])).body.code).toBe("not-allowed");
});

test("a request is withdrawn by who made it, and declined by an admin", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { settings: openSettings, others: [[bob, "member"]] });
  const params = { id: room.id };
  const decline = (account: TestAccount) => account.attempt(endpoints.declineJoin, { params: { ...params, account: carol.id } });
  expect((await carol.attempt(endpoints.withdrawJoin, { params })).status).toBe(404);
  await room.ask(carol);
  await carol.call(endpoints.withdrawJoin, { params });
  expect(await waiting(bob, room)).toEqual([]);
  await room.ask(carol);
  await room.ask(carol);
  expect((await waiting(bob, room)).length).toBe(1);
  expect((await decline(bob)).body).toMatchObject({ status_code: 403, code: "not-allowed" });
  using socket = await carol.connect();
  expect((await decline(alice)).status).toBe(200);
  expect(await socket.next("changed")).toMatchObject({ what: "joins", conversation: room.id });
  expect((await decline(alice)).status).toBe(404);
});

test("[P9.13] a request for lost keys is answered by one letter, to the newest key, from any member", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]] });
  const params = { id: room.id };
  const put = (account: TestAccount, fields: object = {}) =>
    account.attempt(endpoints.putLetter, { params, body: { ...letterTo(bob.id), record_index: 0, ...fields } });
  expect((await put(alice)).status).toBe(404);
  expect((await askSeals(bob, room, room.sealRequest(bob))).status).toBe(201);
  expect((await put(alice, { generation: 2 })).body.code).toBe("seal-missing");
  expect((await put(alice, { record_index: 7 })).status).toBe(404);
  expect((await put(alice, { recipient: carol.id })).status).toBe(404);
  expect((await put(carol)).status).toBe(404);
  using socket = await bob.connect();
  expect((await put(alice)).status).toBe(201);
  expect(await socket.next("changed")).toMatchObject({ what: "seals", conversation: room.id });
  expect((await put(alice)).status).toBe(404);
  const letters = async () => (await bob.call(endpoints.seals, { params })).letters;
  expect((await letters()).length).toBe(1);
  // Another answer of the same member takes the place of its first one, and of nobody else's.
  await room.add(alice, room.adding(carol));
  for (const author of [alice, carol]) {
    await askSeals(bob, room, room.sealRequest(bob));
    expect((await put(author)).status).toBe(201);
  }
  expect((await letters()).map(({ record_index }) => record_index)).toEqual([0, 0]);
});

test("[P9.13] requests for lost keys that are not what they say are refused", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]] });
  const random = new Uint8Array(randomBytes(32));
  for (const [what, request, code] of [
    ["another's", room.sealRequest(alice), "malformed-structure"],
    ["another's signature", room.sealRequest(bob, {}, alice), "bad-signature"],
    ["a join request", room.joinRequest(bob), "malformed-structure"],
    ["a record that is not there", room.sealRequest(bob, { recordHash: random }), "malformed-structure"],
    ["an old key", room.sealRequest(bob, { generation: 7 }), "malformed-structure"],
    ["no epochs", room.sealRequest(bob, { epochs: [] }), "malformed-structure"],
    ["another log", room.sealRequest(bob, { accountLog: [1, random] }), "malformed-structure"],
  ] as const)
    expect([what, (await askSeals(bob, room, request)).body.code]).toEqual([what, code]);
  expect((await askSeals(carol, room, room.sealRequest(carol))).status).toBe(404);
  // Who was there once may have lost its keys, too.
  await room.add(bob, { kind: "leave" });
  expect((await askSeals(bob, room, room.sealRequest(bob))).status).toBe(201);
});

test("a session without a device asks for nothing", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice, { settings: openSettings });
  await server.core.db.updateTable("sessions").set({ device: null }).where("account", "=", bob.id).execute();
  expect((await ask(bob, room, room.joinRequest(bob))).body.code).toBe("device-unknown");
});

test("asking is limited", async () => {
  const { server, people } = await startWithPeople({ config: { rateLimitScale: 1 } });
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice, { settings: openSettings });
  const request = room.joinRequest(bob);
  const answers: number[] = [];
  for (let count = 0; count < 100 && answers.at(-1) !== 429; count++) answers.push((await ask(bob, room, request)).status);
  expect([answers[0], answers.at(-1)]).toEqual([201, 429]);
});

test("[P9.9] whoever was away is told by the list that somebody waits to be let in, and that nobody does any more", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { settings: approval });
  const longAgo = Date.now() - 60_000;
  const waitingSince = async (act: () => Promise<unknown>) => {
    await server.core.db.updateTable("conversations").set({ changed_at_ms: longAgo }).execute();
    await act();
    const { conversations } = await alice.call(endpoints.conversations, { query: { changed_since_ms: String(longAgo + 1) } });
    return conversations.map((listed) => listed.room?.pending_joins);
  };
  const params = { id: room.id };
  expect(await waitingSince(() => room.ask(bob))).toEqual([1]);
  expect(await waitingSince(() => room.ask(carol))).toEqual([2]);
  expect(await waitingSince(() => bob.call(endpoints.withdrawJoin, { params }))).toEqual([1]);
  expect(await waitingSince(() => alice.call(endpoints.declineJoin, { params: { ...params, account: carol.id } }))).toEqual([0]);
});

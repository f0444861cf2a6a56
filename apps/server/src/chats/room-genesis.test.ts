import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { type AccountId, type Conversation, encodeMemberList, endpoints, type RoomChange, toBase64url } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { sealTo } from "../testing/test-chat.ts";
import { startWithPeople } from "../testing/test-people.ts";
import {
  closedSettings,
  createRoom,
  type GenesisParts,
  letterTo,
  memberOf,
  openSettings,
  roomGenesis,
  type TestRoom,
} from "../testing/test-room.ts";

const stateOf = async (account: TestAccount, room: TestRoom): Promise<Conversation["state"]> =>
  (await account.call(endpoints.conversation, { params: { id: room.id } })).state;

test("[P9.1] a first record makes the room, with its author as owner; the others look first, unless the author is a contact", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol, dave } = people;
  await bob.call(endpoints.addContact, { body: { email: alice.email } });
  await carol.call(endpoints.block, { body: { id: alice.id } });
  using socket = await dave.connect();
  const others = [
    [bob, "admin"],
    [carol, "member"],
    [dave, "member"],
  ] as const;
  const room = await createRoom(alice, { others, settings: openSettings });
  expect(await socket.next("changed")).toMatchObject({ what: "conversations", conversation: room.id });
  await socket.settled();
  expect(socket.all.filter(({ type }) => type === "entry")).toEqual([]);
  expect(await alice.call(endpoints.conversation, { params: { id: room.id } })).toMatchObject({
    kind: "room",
    state: "active",
    members: [],
    room: { handle: "garden", member_count: 4, pending_joins: 0, first_seq: 1, until_seq: null },
    last_seq: 1,
    record_index: 0,
    epoch: 1,
    unread: 0,
  });
  expect(await Promise.all([bob, carol, dave].map((account) => stateOf(account, room)))).toEqual([
    "active",
    "ignored",
    "request",
  ]);
  const [record] = (await bob.call(endpoints.records, { params: { id: room.id }, query: {} })).records;
  expect(record?.members).toBe(toBase64url(encodeMemberList(room.view.members)));
  const { profile } = await bob.call(endpoints.roomProfile, { params: { id: room.id } });
  expect(profile?.epoch).toBe(1);
});

test("[P9.1] the same first record sent again is a conflict that carries it", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { room, body } = roomGenesis(people.alice);
  const post = () => people.alice.attempt(endpoints.addRecord, { params: { id: room.id }, body });
  expect((await post()).status).toBe(201);
  const again = await post();
  expect(again).toMatchObject({ status: 409, body: { code: "record-conflict" } });
  expect(again.body.details.records[0].record).toEqual(body.record);
});

test("[P9.1] [P9.2] [P9.3] first records that are not what they say are refused, and make nothing", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const zeros = new Uint8Array(32);
  const create = (settings: typeof openSettings): RoomChange => ({ kind: "create-room", nonce: zeros, settings, profile: zeros });
  const wrong: [string, GenesisParts, string][] = [
    ["another's signature", { signer: bob }, "bad-signature"],
    ["two owners", { others: [[bob, "owner"]] }, "malformed-structure"],
    ["no list", { members: null }, "malformed-structure"],
    ["another list", { members: toBase64url(encodeMemberList([memberOf(bob, "owner")])) }, "malformed-structure"],
    ["another state", { after: { state: { isDeleted: true } } }, "malformed-structure"],
    ["a ban from the start", { after: { state: { bans: [carol.id] } } }, "malformed-structure"],
    ["no profile", { profile: null }, "malformed-structure"],
    ["a predecessor", { record: { prev: new Uint8Array(randomBytes(32)) } }, "malformed-structure"],
    ["epoch 2", { record: { epoch: 2 } }, "malformed-structure"],
    ["two changes", { record: { changes: [create(closedSettings), { kind: "leave" }] } }, "malformed-structure"],
    ["another id", { record: { conversation: toBase64url(zeros) as never } }, "malformed-structure"],
    ["a name with spaces around it", { settings: { ...openSettings, handle: " garden " } }, "malformed-structure"],
    ["a name that turns directions", { settings: { ...openSettings, handle: "a\u202eb" } }, "malformed-structure"],
    ["a name that is not composed", { settings: { ...openSettings, handle: "cafe\u0301" } }, "malformed-structure"],
    ["an open room without a name", { settings: { ...openSettings, handle: null } }, "malformed-structure"],
    ["no seal", { seals: [] }, "seal-missing"],
    ["a seal too few", { others: [[bob, "member"]], seals: [sealTo(alice)] }, "seal-missing"],
    ["a seal too many", { seals: [sealTo(alice), sealTo(bob)] }, "malformed-structure"],
    ["a seal twice", { seals: [sealTo(alice), sealTo(alice)] }, "malformed-structure"],
    ["a seal to an old key", { seals: [{ ...sealTo(alice), generation: 2 }] }, "seal-missing"],
    ["a letter", { letters: [letterTo(alice.id)] }, "malformed-structure"],
  ];
  for (const [what, parts, code] of wrong) {
    const answer = await attempt(alice, parts);
    expect([what, answer.body.code]).toEqual([what, code]);
  }
  expect((await alice.call(endpoints.conversations, { query: {} })).conversations).toEqual([]);
});

/** Some of them cannot even be encoded by the protocol's own encoder; those that can are sent. */
async function attempt(author: TestAccount, parts: GenesisParts) {
  const { room, body } = roomGenesis(author, parts);
  const id = parts.record?.conversation ?? room.id;
  return author.attempt(endpoints.addRecord, { params: { id }, body });
}

test("[P9.1] nobody makes a room with somebody who is not there, has no keys, or another identity", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const ghost = { ...carol, id: crypto.randomUUID() as AccountId, keys: carol.keys } as TestAccount;
  expect((await attempt(alice, { others: [[ghost, "member"]] })).status).toBe(404);
  await server.core.db.deleteFrom("account_keys").where("account", "=", carol.id).execute();
  expect((await attempt(alice, { others: [[carol, "member"]] })).body.code).toBe("no-keys");
  const swapped = { ...bob, id: bob.id, keys: carol.keys } as TestAccount;
  expect((await attempt(alice, { others: [[swapped, "member"]] })).body.code).toBe("malformed-structure");
});

test("[P9.3] a room's name is its own, whatever its case; a deleted room's is free again", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const garden = await createRoom(alice, { settings: openSettings });
  const other = { ...openSettings, handle: "GARDEN" };
  expect((await attempt(bob, { settings: other })).body).toMatchObject({ status_code: 400, code: "room-exists" });
  const shed = await createRoom(bob, { settings: { ...openSettings, handle: "shed" } });
  const renamed = await shed.attempt(bob, [{ kind: "settings", settings: other }]);
  expect(renamed.body.code).toBe("room-exists");
  await garden.add(alice, { kind: "delete" });
  await shed.add(bob, { kind: "settings", settings: other });
  // Its own name in another case is no other room's.
  await shed.add(bob, { kind: "settings", settings: openSettings });
});

test("whoever is not in a room learns nothing of it: every address answers as for one that does not exist", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]] });
  const absent = toBase64url(randomBytes(32));
  const keyring = { version: 1, ciphertext: "AAAA", prev_hash: toBase64url(new Uint8Array(32)), epochs: [1] };
  const letter = { ...letterTo(bob.id), record_index: 0 };
  const { payload, signature } = room.make(carol, [{ kind: "leave" }]).body.record;
  const request = { request: { payload, signature } };
  for (const [endpoint, body, params] of [
    [endpoints.conversation],
    [endpoints.entries],
    [endpoints.records],
    [endpoints.seals],
    [endpoints.keyring],
    [endpoints.putKeyring, keyring],
    [endpoints.erase, { all: true }],
    [endpoints.roomMembers],
    [endpoints.memberKeys],
    [endpoints.roomProfile],
    [endpoints.liveEpochs],
    [endpoints.forgetConversation],
    [endpoints.requestJoin, request],
    [endpoints.withdrawJoin],
    [endpoints.joinRequests],
    [endpoints.declineJoin, undefined, { account: bob.id }],
    [endpoints.requestSeals, request],
    [endpoints.putLetter, letter],
    [endpoints.leaseRotation],
  ] as const) {
    const foreign = await carol.attempt(endpoint, { params: { id: room.id, ...params }, body });
    const missing = await carol.attempt(endpoint, { params: { id: absent, ...params }, body });
    expect([endpoint.path, foreign]).toEqual([endpoint.path, missing]);
    expect([endpoint.path, foreign.status]).toEqual([endpoint.path, 404]);
  }
  for (const changes of [
    [{ kind: "leave" }],
    [room.joining(carol, { id: "A".repeat(22) as never, key: alice.keys.device, fields: {} as never })],
  ] as const)
    expect((await room.attempt(carol, changes)).status).toBe(404);
  const first = room.make(carol, [{ kind: "leave" }], { record: { index: 0 } }).body;
  expect((await carol.attempt(endpoints.addRecord, { params: { id: room.id }, body: first })).body.code).toBe(
    "malformed-structure",
  );
});

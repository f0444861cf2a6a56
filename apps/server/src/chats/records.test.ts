import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { type AccountId, decodeRecord, endpoints, fromBase64url, toBase64url } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { genesisOf, membersOf, type RecordParts, recordBody, rotationOf, sealTo, TestChat } from "../testing/test-chat.ts";
import { hashOf } from "../testing/test-keys.ts";
import { startTestServer } from "../testing/test-server.ts";

async function people() {
  const server = await startTestServer();
  const [alice, bob, carol] = await Promise.all([server.account("alice"), server.account("bob"), server.account("carol")]);
  return { server, alice, bob, carol };
}

const post = (account: TestAccount, chat: TestChat, body: unknown) =>
  account.attempt(endpoints.addRecord, { params: { id: chat.id }, body });

test("a genesis record makes the direct chat: active for its author, a request for the other", async () => {
  const { server, alice, bob } = await people();
  await using _ = server;
  using socket = await bob.connect();
  const chat = await alice.startChat(bob);
  expect(await socket.next("changed")).toMatchObject({ what: "conversations", conversation: chat.id });
  expect((await socket.next("entry")).entry).toMatchObject({ kind: "record", seq: 1, index: 0, epoch: 1 });
  const [mine, theirs] = await Promise.all(
    [alice, bob].map((account) => account.call(endpoints.conversation, { params: { id: chat.id } })),
  );
  expect(mine).toMatchObject({
    id: chat.id,
    kind: "direct",
    state: "active",
    last_seq: 1,
    record_index: 0,
    epoch: 1,
    unread: 0,
    last_message: null,
  });
  expect(theirs?.state).toBe("request");
  expect(mine?.members.map(({ nickname }) => nickname).sort()).toEqual(["alice", "bob"]);
});

test("somebody who has the author as a contact gets the chat as active; somebody who blocked the author, as blocked", async () => {
  const { server, alice, bob, carol } = await people();
  await using _ = server;
  await bob.call(endpoints.addContact, { body: { email: alice.email } });
  await carol.call(endpoints.block, { body: { id: alice.id } });
  const withBob = await alice.startChat(bob);
  const withCarol = await alice.startChat(carol);
  expect((await bob.call(endpoints.conversation, { params: { id: withBob.id } })).state).toBe("active");
  expect((await carol.call(endpoints.conversations, { query: {} })).conversations).toEqual([]);
  const blocked = await carol.call(endpoints.conversations, { query: { state: "blocked" } });
  expect(blocked.conversations.map(({ id }) => id)).toEqual([withCarol.id]);
});

test("the same two people starting at once meet in a 409 that carries the other's record", async () => {
  const { server, alice, bob } = await people();
  await using _ = server;
  const chat = await alice.startChat(bob);
  const answer = await post(bob, chat, genesisOf(new TestChat(alice, bob), bob));
  expect(answer).toMatchObject({ status: 409, body: { code: "record-conflict" } });
  const [record] = answer.body.details.records;
  expect(decodeRecord(fromBase64url(record.record.payload))).toMatchObject({ author: alice.id, index: 0 });
});

test("of many rotations at once exactly one wins; the others learn what they missed, and the numbers have no gap", async () => {
  const { server, alice, bob } = await people();
  await using _ = server;
  const chat = await alice.startChat(bob);
  const attempts = [alice, bob, alice, bob, alice].map((author) => rotationOf(chat, author).body);
  const answers = await Promise.all(attempts.map((body, index) => post(index % 2 === 0 ? alice : bob, chat, body)));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409]);
  const winner = attempts[answers.findIndex(({ status }) => status === 201)];
  for (const { status, body } of answers) if (status === 409) expect(body.details.records[0].record).toEqual(winner?.record);
  const { records } = await bob.call(endpoints.records, { params: { id: chat.id }, query: {} });
  expect(records.map(({ index, epoch, seq }) => [index, epoch, seq])).toEqual([
    [0, 1, 1],
    [1, 2, 2],
  ]);
  const from1 = await bob.call(endpoints.records, { params: { id: chat.id }, query: { from: "1" } });
  expect(from1.records).toEqual(records.slice(1));
});

test("a record that does not follow the newest one is refused", async () => {
  const { server, alice, bob } = await people();
  await using _ = server;
  const chat = await alice.startChat(bob);
  const fork = rotationOf(chat, alice, { record: { prev: new Uint8Array(randomBytes(32)) } }).body;
  const gap = rotationOf(chat, alice, { record: { index: 5 } }).body;
  for (const body of [fork, gap])
    expect(await post(alice, chat, body)).toMatchObject({ status: 409, body: { code: "record-conflict" } });
  const jump = rotationOf(chat, alice, { record: { epoch: 4 } }).body;
  expect(await post(alice, chat, jump)).toMatchObject({ status: 422, body: { code: "malformed-structure" } });
});

test("records that are not what they say are refused", async () => {
  const { server, alice, bob, carol } = await people();
  await using _ = server;
  const chat = new TestChat(alice, bob);
  const other = new TestChat(alice, carol);
  const [first, second] = membersOf(chat);
  if (!first || !second) throw new Error("a chat has two members");
  const zeros = new Uint8Array(32);
  const wrong: [string, RecordParts, string][] = [
    ["another's signature", { signer: bob }, "bad-signature"],
    ["another author", { record: { author: bob.id } }, "malformed-structure"],
    ["another device", { record: { device: bob.device } }, "malformed-structure"],
    ["another conversation", { record: { conversation: other.id } }, "malformed-structure"],
    ["another list than it names", { record: { memberListHash: zeros } }, "malformed-structure"],
    ["one member", { members: [first], seals: [sealTo(alice)] }, "malformed-structure"],
    [
      "three members",
      {
        members: [...membersOf(chat), ...membersOf(other)].sort(byAccount).filter(isFirst),
        seals: [alice, bob, carol].map(sealTo),
      },
      "malformed-structure",
    ],
    ["a member who owns nothing", { members: [first, { ...second, role: "member" }] }, "malformed-structure"],
    ["another identity", { members: [first, { ...second, identityHash: zeros }] }, "malformed-structure"],
    ["a place in the log that is not there", { record: { authorLog: [99, zeros] } }, "malformed-structure"],
    ["another entry of the log", { record: { authorLog: [2, zeros] } }, "malformed-structure"],
    ["a predecessor", { record: { prev: hashOf(zeros) } }, "malformed-structure"],
    ["epoch 2", { record: { epoch: 2 } }, "malformed-structure"],
    ["a change of rooms", { record: { changes: [{ kind: "leave" }] } }, "malformed-structure"],
    ["a rotation", { record: { changes: [{ kind: "rotate" }] } }, "malformed-structure"],
    ["no change", { record: { changes: [] } }, "malformed-structure"],
  ];
  for (const [what, parts, code] of wrong) {
    const { body } = recordBody(chat, alice, {}, parts);
    expect([what, (await post(alice, chat, body)).body.code]).toEqual([what, code]);
  }
  expect(await alice.attempt(endpoints.conversation, { params: { id: chat.id } })).toMatchObject({ status: 404 });
});

const byAccount = (x: { account: string }, y: { account: string }) => (x.account < y.account ? -1 : 1);
const isFirst = <T extends { account: string }>(item: T, index: number, all: T[]) =>
  all.findIndex(({ account }) => account === item.account) === index;

test("a record needs one seal for each member, to its newest encryption key", async () => {
  const { server, alice, bob, carol } = await people();
  await using _ = server;
  const chat = new TestChat(alice, bob);
  const [toAlice, toBob] = [sealTo(alice), sealTo(bob)];
  for (const seals of [
    [],
    [toAlice],
    [toAlice, toAlice],
    [toAlice, sealTo(carol)],
    [toAlice, toBob, sealTo(carol)],
    [toAlice, { ...toBob, generation: 2 }],
  ]) {
    expect((await post(alice, chat, recordBody(chat, alice, {}, { seals }).body)).body.code).toBe("seal-missing");
  }
  // Bob has rolled his key meanwhile: list and seals agree with each other, but not with his log.
  await server.core.db.updateTable("account_keys").set({ generation: 2 }).where("account", "=", bob.id).execute();
  expect((await post(alice, chat, genesisOf(chat, alice))).body.code).toBe("seal-missing");
  bob.keys.generation = 2;
  expect((await post(alice, chat, genesisOf(chat, alice))).status).toBe(201);
});

test("a session without an active certified device makes no records", async () => {
  const { server, alice, bob } = await people();
  await using _ = server;
  const chat = await alice.startChat(bob);
  await server.core.db.updateTable("devices").set({ state: "revoked" }).where("account", "=", alice.id).execute();
  expect(await post(alice, chat, rotationOf(chat, alice).body)).toMatchObject({ status: 403, body: { code: "device-unknown" } });
});

test("nobody starts a chat with an account without keys, or one that is not there", async () => {
  const { server, alice, bob } = await people();
  await using _ = server;
  const chat = new TestChat(alice, bob);
  await server.core.db.deleteFrom("account_keys").where("account", "=", bob.id).execute();
  expect((await post(alice, chat, genesisOf(chat, alice))).body.code).toBe("no-keys");
  const nobody = { ...bob, id: crypto.randomUUID() as AccountId, keys: bob.keys } as TestAccount;
  const ghost = new TestChat(alice, nobody);
  expect((await post(alice, ghost, genesisOf(ghost, alice))).status).toBe(404);
});

test("whoever is no member learns nothing of a conversation: every address answers as for one that does not exist", async () => {
  const { server, alice, bob, carol } = await people();
  await using _ = server;
  const chat = await alice.startChat(bob);
  const absent = toBase64url(randomBytes(32));
  const keyring = { version: 1, ciphertext: "AAAA", prev_hash: toBase64url(new Uint8Array(32)), epochs: [1] };
  for (const [endpoint, body] of [
    [endpoints.conversation],
    [endpoints.entries],
    [endpoints.records],
    [endpoints.seals],
    [endpoints.keyring],
    [endpoints.putKeyring, keyring],
    [endpoints.erase, { all: true }],
    [endpoints.addRecord, rotationOf(chat, carol).body],
  ] as const) {
    const foreign = await carol.attempt(endpoint, { params: { id: chat.id }, body });
    const missing = await carol.attempt(endpoint, {
      params: { id: absent },
      body: endpoint === endpoints.addRecord ? { ...(body as object) } : body,
    });
    if (endpoint !== endpoints.addRecord) expect(foreign).toEqual(missing);
    expect(foreign.status).toBe(404);
  }
  expect(await carol.attempt(endpoints.conversation, { params: { id: "no-id-at-all" } })).toMatchObject({
    status: 404,
    body: { code: "not-found" },
  });
});

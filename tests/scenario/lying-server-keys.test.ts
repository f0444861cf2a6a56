// A server that lies about keys, records and seals.
import { expect, setDefaultTimeout, test } from "bun:test";
import {
  appendEntry,
  createAccountLog,
  generateDevice,
  generateIdentity,
  generateSealKeyPair,
  randomBytes,
} from "@cychat/crypto";
import {
  type AccountId,
  decodeMemberList,
  encodeMemberList,
  fromBase64url,
  type RecordEntry,
  type SignedJson,
  signedToJson,
  toBase64url,
} from "@cychat/protocol";
import {
  type LiedRequest,
  type LiedTo,
  LyingServer,
  messageWith,
  online,
  problemOf,
  say,
  shownTexts,
  threePeople,
  view,
  waitForTexts,
} from "../support/lying-server.ts";
import { until } from "../support/people.ts";

// Each of them waits for conditions only; this is for a busy machine.
setDefaultTimeout(30_000);

type Chat = Parameters<typeof view>[1];

async function idOf({ client }: LiedTo): Promise<AccountId> {
  const session = await client.session();
  if (session.status !== "ready") throw new Error("nobody is signed in");
  return session.profile.id;
}

/** Another complete account log for the same account, under keys that the server made itself. */
async function forgedLog(account: AccountId): Promise<SignedJson[]> {
  const { identity } = await generateIdentity();
  const [encryption, device] = [await generateSealKeyPair(), await generateDevice()];
  const first = await createAccountLog(account, identity);
  const second = await appendEntry(first.state, identity, { kind: "encryption", generation: 1, publicKey: encryption.publicKey });
  const third = await appendEntry(second.state, identity, {
    kind: "device",
    deviceKey: device.publicKey,
    vaultVersion: 1,
    vaultHash: randomBytes(32),
  });
  return [first.entry, second.entry, third.entry].map(signedToJson);
}

/** Answers with this log whenever `account`'s is asked for. */
function showLog(person: LiedTo, account: AccountId, change: (log: SignedJson[], request: LiedRequest) => SignedJson[]): void {
  person.lies.answer = (request, body: { log?: SignedJson[] }) => {
    if (request.path !== `/keys/${account}` || body.log === undefined) return body;
    return { ...body, log: change(body.log, request) };
  };
  person.lies.push({ type: "changed", what: "keys", account });
}

async function otherGoesOn(alice: LiedTo, carol: LiedTo, other: Chat): Promise<void> {
  const [to, from] = [`to carol ${crypto.randomUUID()}`, `from carol ${crypto.randomUUID()}`];
  await say(alice, other, to);
  await waitForTexts(carol, other, to);
  await say(carol, other, from);
  await waitForTexts(alice, other, from);
  expect((await view(alice, other)).problem).toBeNull();
}

async function refused(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  return (error as { code?: string } | null)?.code ?? "not refused";
}

test("[P3.5] other keys of a known contact block sending until somebody looked, and nothing is sealed to them", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  await say(alice, chat, "before");
  await waitForTexts(bob, chat, "before");
  const id = await idOf(bob);
  const forged = await forgedLog(id);
  showLog(alice, id, () => forged);
  expect((await problemOf(alice, chat, "identity-changed")).sendingBlocked).toBe(true);
  expect(await refused(alice.client.sendText(chat, "not to be sent"))).toBe("sending-blocked");
  expect(await shownTexts(alice, chat)).toEqual(["before"]);
  await otherGoesOn(alice, carol, other);
  // Honest again: nothing was lost, nothing has to be accepted.
  alice.lies.stop();
  alice.lies.push({ type: "changed", what: "keys", account: id });
  await until(alice.client, async () => (await view(alice, chat)).problem === null);
  await say(alice, chat, "after");
  await waitForTexts(bob, chat, "before", "after");
});

test("[P3.17] other keys at first contact: the safety numbers differ, and the true keys are told as a change", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  const id = await idOf(bob);
  const forged = await forgedLog(id);
  showLog(alice, id, () => forged);
  await alice.client.addContact({ email: bob.email }).catch(() => {});
  const seen = await alice.client.safetyNumber(chat);
  expect(seen.groups).not.toEqual((await bob.client.safetyNumber(chat)).groups);
  // A message that waits in the outbox does not go out to the true keys unseen.
  alice.lies.instead = ({ method, path }) =>
    method === "POST" && path === `/conversations/${chat}/records` ? new Response("", { status: 503 }) : null;
  await alice.client.sendText(chat, "to the keys I know");
  alice.lies.answer = (_request, body) => body;
  alice.lies.push({ type: "changed", what: "keys", account: id });
  expect((await problemOf(alice, chat, "identity-changed")).sendingBlocked).toBe(true);
  alice.lies.stop();
  expect(await refused(alice.client.sendText(chat, "more"))).toBe("sending-blocked");
  await otherGoesOn(alice, carol, other);
  expect(await bob.client.conversations()).toEqual([]);
  await alice.client.acceptIdentityChange(chat);
  await waitForTexts(bob, chat, "to the keys I know");
  expect((await alice.client.safetyNumber(chat)).groups).toEqual((await bob.client.safetyNumber(chat)).groups);
  expect((await view(alice, chat)).problem).toBeNull();
});

test("[P3.5] the log of another account is refused", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  await say(alice, chat, "before");
  const [bobs, carols] = [await idOf(bob), await idOf(carol)];
  const rows = await liar.server.core.db
    .selectFrom("account_log")
    .selectAll()
    .where("account", "=", carols)
    .orderBy("n")
    .execute();
  const log = rows.map(({ payload, signature }) =>
    signedToJson({ payload: new Uint8Array(payload), signature: new Uint8Array(signature) }),
  );
  showLog(alice, bobs, () => log);
  const shown = await until(alice.client, async () => (await view(alice, chat)).problem);
  expect(["broken-chain", "identity-changed", "fork"]).toContain(shown.code);
  expect(shown.message.length).toBeGreaterThan(10);
  await otherGoesOn(alice, carol, other);
});

test("[P3.5] a shorter log of a contact is a rollback; the keys known so far serve", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  await say(alice, chat, "before");
  const id = await idOf(bob);
  showLog(alice, id, (log, { query }) => (query.has("after") ? [] : log.slice(0, 2)));
  expect((await problemOf(alice, chat, "rollback")).sendingBlocked).toBe(false);
  await say(bob, chat, "still readable");
  await waitForTexts(alice, chat, "still readable");
  await otherGoesOn(alice, carol, other);
});

test("[P3.3] a device that the server certifies itself is not believed", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  await say(alice, chat, "before");
  const id = await idOf(bob);
  const known = await liar.server.core.db.selectFrom("account_log").select("payload").where("account", "=", id).execute();
  const { identity } = await generateIdentity();
  const { state } = await createAccountLog(id, identity);
  const { publicKey } = await generateDevice();
  // As if it continued the true log, but signed by a key of the server's own.
  const head = {
    n: known.length - 1,
    hash: new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(known.at(-1)?.payload ?? []))),
  };
  const { entry } = await appendEntry({ ...state, head }, identity, {
    kind: "device",
    deviceKey: publicKey,
    vaultVersion: 1,
    vaultHash: randomBytes(32),
  });
  showLog(alice, id, (log) => [...log, signedToJson(entry)]);
  await problemOf(alice, chat, "bad-signature");
  await say(bob, chat, "still readable");
  await waitForTexts(alice, chat, "still readable");
  await otherGoesOn(alice, carol, other);
});

/** Changes the records of a conversation wherever they are shown. */
function showRecords(person: LiedTo, change: (record: RecordEntry) => RecordEntry): void {
  const changed = <T extends { kind?: string }>(entry: T): T =>
    entry.kind === "record" ? (change(entry as unknown as RecordEntry) as unknown as T) : entry;
  person.lies.frame = (frame) =>
    frame.type === "entry" ? { ...frame, entry: changed(frame.entry as { kind?: string }) } : frame;
  person.lies.answer = (_request, body: { records?: RecordEntry[]; entries?: { kind: string }[] }) => ({
    ...body,
    ...(body.records === undefined ? {} : { records: body.records.map(changed) }),
    ...(body.entries === undefined ? {} : { entries: body.entries.map(changed) }),
  });
}

test("[P4.6] a ghost in the member list is named, and nothing is sent to it", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  const ghost = await idOf(carol);
  showRecords(alice, (record) => {
    if (record.members === null) return record;
    const members = decodeMemberList(fromBase64url(record.members));
    const [first] = members;
    if (first === undefined) return record;
    return { ...record, members: toBase64url(encodeMemberList([...members, { ...first, account: ghost }])) };
  });
  await bob.client.sendText(chat, "hello");
  await problemOf(alice, chat, "member-list-mismatch");
  expect((await alice.client.history(chat)).messages.filter(({ kind }) => kind === "text")).toEqual([]);
  alice.lies.stop();
  alice.lies.reconnect();
  await waitForTexts(alice, chat, "hello");
  await otherGoesOn(alice, carol, other);
});

test("[P4.3] a record with an altered signature is named, and heals when the server is honest again", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  showRecords(alice, (record) => {
    const signature = fromBase64url(record.record.signature);
    signature[40] = (signature[40] ?? 0) ^ 1;
    return { ...record, record: { ...record.record, signature: toBase64url(signature) } };
  });
  await bob.client.sendText(chat, "hello");
  await problemOf(alice, chat, "bad-signature");
  expect(await refusedToSend(alice, chat)).toBe(true);
  alice.lies.stop();
  alice.lies.reconnect();
  await waitForTexts(alice, chat, "hello");
  await otherGoesOn(alice, carol, other);
});

/** A message waits in the outbox, and none of the requests carries it away. */
async function refusedToSend(person: LiedTo, chat: Chat): Promise<boolean> {
  const { id } = await person.client.sendText(chat, "waits");
  const shown = await until(person.client, async () =>
    (await person.client.history(chat)).messages.find((message) => message.id === id),
  );
  return shown.seq === null;
}

test("[P4.6] two different records at one place are a fork", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  // Both begin the conversation; the server tells Alice that hers was taken, and keeps Bob's.
  let hers: RecordEntry | null = null;
  let safe: unknown = null;
  alice.lies.instead = ({ method, path, query, body }) => {
    if (!path.startsWith(`/conversations/${chat}/`)) return null;
    if (method === "POST") {
      const { record, members } = body as Pick<RecordEntry, "record" | "members">;
      hers = { kind: "record", seq: 1, at_ms: Date.now(), index: 0, epoch: 1, record, members };
      return Response.json({ seq: 1, index: 0, at_ms: hers.at_ms, status_code: 201, message: "Done." }, { status: 201 });
    }
    if (method === "PUT") {
      safe = body;
      return Response.json({ status_code: 200, message: "Done." });
    }
    if (path.endsWith("/keyring")) return Response.json({ keyring: safe });
    const known = hers === null || Number(query.get("after") ?? 0) >= hers.seq ? [] : [hers];
    return Response.json(path.endsWith("/records") ? { records: known } : { entries: known, last_seq: 1 });
  };
  alice.lies.frame = (frame) => (frame.conversation === chat && frame.type !== "refused" ? null : frame);
  const { id } = await alice.client.sendText(chat, "into the fork");
  // The server knows no such conversation, so it cannot take what is written in it.
  await until(alice.client, async () =>
    (await alice.client.history(chat)).messages.find((message) => message.id === id && message.state === "failed"),
  );
  await say(bob, chat, "from the other side");
  alice.lies.stop();
  alice.lies.reconnect();
  await problemOf(alice, chat, "fork");
  expect(await shownTexts(alice, chat)).not.toContain("from the other side");
  await otherGoesOn(alice, carol, other);
});

test("[P4.5] swapped seals: the message says that its key is missing, and is readable once the true one comes", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  alice.lies.answer = (_request, body: { seals?: { encapsulated: string; ciphertext: string }[] }) => {
    if (body.seals === undefined) return body;
    return { ...body, seals: body.seals.map((seal) => ({ ...seal, ciphertext: toBase64url(randomBytes(48)) })) };
  };
  await say(bob, chat, "hello");
  expect(await messageWith(alice, chat, "undecryptable")).toMatchObject({ kind: "unreadable", text: "" });
  await otherGoesOnUnlessNew(alice, carol, other);
  alice.lies.stop();
  alice.lies.reconnect();
  await waitForTexts(alice, chat, "hello");
  expect((await view(alice, chat)).problem).toBeNull();
});

/** Alice begins, so that she needs no seal. */
async function otherGoesOnUnlessNew(alice: LiedTo, carol: LiedTo, other: Chat): Promise<void> {
  await say(alice, other, "to carol");
  await waitForTexts(carol, other, "to carol");
}

test("[P4.9] an older keyring is a rollback", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, carol, chat, other } = await threePeople(liar);
  await say(alice, chat, "one");
  await waitForTexts(bob, chat, "one");
  const { db } = liar.server.core;
  const old = await db
    .selectFrom("keyrings")
    .selectAll()
    .where("conversation", "=", chat)
    .where("account", "=", await idOf(alice))
    .executeTakeFirstOrThrow();
  // A new device of Bob's, a month later: his key is rolled, so a new epoch begins, and Alice's safe gets its second version.
  await rollKeyOf(liar, bob, alice, 1);
  await say(alice, chat, "two");
  // And its third; the server shows her the first one instead, and no letter.
  await rollKeyOf(liar, bob, alice, 2);
  alice.lies.answer = ({ method, path }, body) => {
    if (method === "GET" && path === `/conversations/${chat}/seals`) return { seals: [], letters: [] };
    if (method !== "GET" || path !== `/conversations/${chat}/keyring`) return body;
    const text = (bytes: Uint8Array) => toBase64url(new Uint8Array(bytes));
    return { keyring: { version: old.version, ciphertext: text(old.ciphertext), prev_hash: text(old.prev_hash) } };
  };
  await say(bob, chat, "three");
  expect(await messageWith(alice, chat, "rollback", "undecryptable")).toMatchObject({ kind: "unreadable", text: "" });
  alice.lies.stop();
  alice.lies.reconnect();
  await waitForTexts(alice, chat, "one", "two", "three");
  await otherGoesOn(alice, carol, other);
});

test("[P4.6] a new device to which the server shows fewer records than its account has seen names the rollback", async () => {
  await using liar = await LyingServer.start();
  const { alice, bob, chat } = await threePeople(liar);
  await say(alice, chat, "one");
  await waitForTexts(bob, chat, "one");
  await rollKeyOf(liar, bob, alice, 1);
  await say(alice, chat, "two");
  await waitForTexts(bob, chat, "two");
  const phone = await liar.device("alice");
  phone.lies.entries = (entries, id) => (id === chat ? entries.slice(0, 2) : entries);
  phone.lies.answer = (_request, body: { records?: RecordEntry[] }) =>
    body.records === undefined ? body : { records: body.records.slice(0, 1) };
  await phone.client.logIn({ email: alice.email, password: alice.password });
  await online(phone);
  await problemOf(phone, chat, "rollback");
});

/** Bob logs in on another machine, a month (and another one …) later: his encryption key is due. Both have heard of it. */
async function rollKeyOf(liar: LyingServer, bob: LiedTo, alice: LiedTo, times: number): Promise<void> {
  const device = await liar.device(bob.nickname, { aheadMs: times * 31 * 24 * 3600_000 });
  await device.client.logIn({ email: bob.email, password: bob.password });
  const account = await idOf(device);
  await device.client.close();
  for (const { client, store } of [alice, bob]) {
    await until(client, async () => {
      const known = (await store.read({ table: "accounts", group: "", key: account })) as { state: { newestGeneration: number } };
      return known.state.newestGeneration === times + 1;
    });
  }
}

// A server that drops, repeats, moves or alters what is said in a room, or exchanges the keys that it is said under.
import { expect, setDefaultTimeout, test } from "bun:test";
import {
  appendEntry,
  createAccountLog,
  createSealRequest,
  type Device,
  generateDevice,
  generateIdentity,
  generateSealKeyPair,
  randomBytes,
} from "@cychat/crypto";
import {
  type AccountId,
  type Entry,
  fromBase64url,
  type MessageEntry,
  type SignedJson,
  signedToJson,
  toBase64url,
} from "@cychat/protocol";
import { chainOf, has, hint, othersGoOn, renumbered, scene, showRoom, shows } from "../support/lying-rooms.ts";
import { type LiedTo, LyingServer, messageWith } from "../support/lying-server.ts";
import { until } from "../support/people.ts";
import {
  eventually,
  idOf,
  messageIn,
  people,
  problemsIn,
  reads,
  refusal,
  sees,
  stands,
  talk,
  viewOf,
  write,
} from "../support/rooms.ts";

// Each of them waits for conditions only; this is for a busy machine.
setDefaultTimeout(60_000);

const messagesOf = (entries: readonly Entry[]) => entries.filter((entry): entry is MessageEntry => entry.kind === "message");

test("[P5.5] a message of a room that the server leaves out is a gap before the next one of that device", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { bob, carol, room } = told;
  showRoom(carol, room, (entries) => {
    const dropped = messagesOf(entries)[2];
    return renumbered(entries.filter((entry) => entry !== dropped));
  });
  for (const text of ["one", "two", "three"]) await write(bob, room, text);
  expect((await messageWith(carol, room, "gap")).text).toBe("three");
  await reads(carol, room, "hello", "one", "three");
  await othersGoOn(told);
});

test("[P6.4] a hole in a room's numbers is named, and filled once the server is honest again", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { bob, carol, room } = told;
  showRoom(carol, room, (entries) => entries.filter((entry) => entry !== messagesOf(entries)[2]));
  for (const text of ["one", "two", "three"]) await write(bob, room, text);
  await shows(carol, room, "broken-chain");
  await othersGoOn(told);
  carol.lies.stop();
  carol.lies.reconnect();
  await reads(carol, room, "hello", "one", "two", "three");
  expect(await problemsIn(carol, room)).toEqual([]);
});

test("[P5.5] a message that is shown once more, or in another order, is named", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { bob, carol, room } = told;
  carol.lies.frame = (frame) => (frame.type === "entry" && frame.conversation === room ? null : frame);
  for (const text of ["one", "two", "three"]) await write(bob, room, text);
  showRoom(carol, room, (entries) => {
    const [, one, two, three] = messagesOf(entries);
    if (one === undefined || two === undefined || three === undefined) return entries;
    const moved = entries.map((entry) => (entry === one ? two : entry === two ? one : entry));
    return renumbered([...moved, one]);
  });
  carol.lies.reconnect();
  expect((await messageWith(carol, room, "reordered")).text).toBe("one");
  await shows(carol, room, "replayed");
  expect((await talk(carol, room)).filter((text) => text === "one")).toHaveLength(1);
  await othersGoOn(told);
});

test("[P5.4] a message under another member's name, from another room, or altered is not shown as genuine", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, carol, room, other } = told;
  await write(alice, other, "for the other room");
  const stored = await liar.server.core.db
    .selectFrom("entries")
    .selectAll()
    .where("conversation", "=", other)
    .where("kind", "=", "message")
    .executeTakeFirstOrThrow();
  const envelope = toBase64url(new Uint8Array(stored.envelope ?? []));
  const { message_id: id, sender, device, at_ms } = stored;
  const foreign: MessageEntry = { kind: "message", seq: 0, at_ms, id: id as never, sender, device, envelope };
  const alices = await idOf(alice);
  showRoom(carol, room, (entries) => {
    const [, one, two, three] = messagesOf(entries);
    if (three === undefined) return entries.filter(({ seq }) => seq <= 2);
    return entries.map((entry) => {
      if (entry === one) return { ...one, sender: alices };
      if (entry === two) return { ...foreign, seq: entry.seq };
      return entry === three ? { ...three, envelope: flipped(three.envelope) } : entry;
    });
  });
  for (const text of ["one", "two", "three"]) await write(bob, room, text);
  hint(carol, room);
  await messageIn(carol, room, ({ seq, kind }) => seq === 5 && kind === "unreadable");
  expect(await talk(carol, room)).toEqual(["hello", "?", "?", "?"]);
  for (const seq of [3, 4, 5]) {
    const { problem } = await messageIn(carol, room, (message) => message.seq === seq);
    expect(["not-a-message", "wrong-conversation", "wrong-key", "malformed-structure"]).toContain(problem?.code ?? "none");
  }
  await othersGoOn(told);
});

test("[P9.13] exchanged keys do not open; another member is asked to write them again, and if that is lost, too, it is told", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, carol, room } = told;
  const exchanged = (body: { seals?: { ciphertext: string }[] }) =>
    body.seals === undefined
      ? body
      : { ...body, letters: [], seals: body.seals.map((seal) => ({ ...seal, ciphertext: toBase64url(randomBytes(48)) })) };
  bob.lies.answer = ({ path }, body) => (path === `/conversations/${room}/seals` ? exchanged(body) : body);
  const asked: string[] = [];
  bob.lies.instead = ({ path }) => {
    if (!path.endsWith("/seal-requests")) return null;
    asked.push(path);
    return Response.json({ status_code: 201, message: "Done." }, { status: 201 });
  };
  await alice.client.removeFromRoom(room, await idOf(carol));
  await write(alice, room, "under the new key");
  expect(await messageWith(bob, room, "undecryptable")).toMatchObject({ kind: "unreadable", text: "" });
  await stands(bob, room, "keys");
  await eventually("somebody is asked", async () => asked.length > 0);
  await othersGoOn(told);
  bob.lies.stop();
  bob.lies.reconnect();
  await reads(bob, room, "hello", "under the new key");
  await stands(bob, room, "member");
  expect(await problemsIn(bob, room)).toEqual([]);
});

test("a room that is deleted while one waits for its key is over, and what could not be read is erased like the rest", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, carol, room } = told;
  bob.lies.answer = ({ path }, body: { seals?: unknown }) =>
    path === `/conversations/${room}/seals` && body.seals !== undefined ? { ...body, seals: [], letters: [] } : body;
  const asked: string[] = [];
  bob.lies.instead = ({ path }) => {
    if (!path.endsWith("/seal-requests")) return null;
    asked.push(path);
    return Response.json({ status_code: 503, code: "overloaded", message: "Later." }, { status: 503 });
  };
  await alice.client.removeFromRoom(room, await idOf(carol));
  await write(alice, room, "under the new key");
  expect(await messageWith(bob, room, "undecryptable")).toMatchObject({ kind: "unreadable", text: "" });
  await eventually("somebody is asked", async () => asked.length > 0);
  await alice.client.deleteRoom(room);
  await stands(bob, room, "deleted");
  bob.lies.stop();
  bob.lies.reconnect();
  await reads(bob, room, "hello", "-");
  expect(await problemsIn(bob, room)).toEqual([]);
  await othersGoOn(told);
  expect((await viewOf(bob, room)).problem).toBeNull();
});

test("[P9.10] a newcomer whose history letter was exchanged is told that keys are missing, and reads all once they come", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, room } = told;
  const dora = await liar.person("dora");
  dora.lies.answer = ({ path }, body: { letters?: { ciphertext: string }[] }) => {
    if (!path.endsWith("/seals") || body.letters === undefined) return body;
    return { ...body, letters: body.letters.map((letter) => ({ ...letter, ciphertext: toBase64url(randomBytes(120)) })) };
  };
  dora.lies.instead = ({ path }) =>
    path.endsWith("/seal-requests") ? Response.json({ status_code: 201, message: "Done." }, { status: 201 }) : null;
  await alice.client.addToRoom(room, { email: dora.email });
  await stands(dora, room, "keys");
  expect(await messageWith(dora, room, "undecryptable")).toMatchObject({ kind: "unreadable" });
  await othersGoOn(told);
  dora.lies.stop();
  dora.lies.reconnect();
  await reads(dora, room, "hello");
  await stands(dora, room, "member");
});

test("[P4.9] an older safe of a room is a rollback, and the keys known here stay in use", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, carol, room } = told;
  const me = await idOf(bob);
  const kept = await liar.server.core.db
    .selectFrom("keyrings")
    .selectAll()
    .where("conversation", "=", room)
    .where("account", "=", me)
    .executeTakeFirstOrThrow();
  await alice.client.removeFromRoom(room, await idOf(carol));
  await write(alice, room, "second key");
  await reads(bob, room, "hello", "second key");
  const text = (bytes: Uint8Array) => toBase64url(new Uint8Array(bytes));
  const old = { version: kept.version, ciphertext: text(kept.ciphertext), prev_hash: text(kept.prev_hash) };
  bob.lies.answer = ({ method, path }, body) => {
    if (method === "GET" && path.endsWith("/keyring")) return { keyring: old };
    return path.endsWith("/seals") ? { seals: [], letters: [] } : body;
  };
  await alice.client.updateRoomSettings(room, { history: "joined" });
  await write(alice, room, "third key");
  await messageWith(bob, room, "rollback", "undecryptable");
  await shows(bob, room, "rollback");
  await has(bob, room, "hello", "second key");
  await othersGoOn(told);
  bob.lies.stop();
  bob.lies.reconnect();
  await reads(bob, room, "hello", "second key", "third key");
});

/** Another complete account log for the same account, under keys that the server made itself. */
async function forgedAccount(account: AccountId) {
  const { identity } = await generateIdentity();
  const [encryption, device] = [await generateSealKeyPair(), await generateDevice()];
  const first = await createAccountLog(account, identity);
  const second = await appendEntry(first.state, identity, { kind: "encryption", generation: 1, publicKey: encryption.publicKey });
  const certified = { deviceKey: device.publicKey, vaultVersion: 1, vaultHash: randomBytes(32) };
  const third = await appendEntry(second.state, identity, { kind: "device", ...certified });
  return { log: [first.entry, second.entry, third.entry].map(signedToJson), state: third.state, device };
}

/** Wherever somebody asks for this account's log, they are shown that one. */
function showLog({ lies }: LiedTo, account: AccountId, log: readonly SignedJson[]): void {
  lies.answer = ({ path }, body: { log?: unknown; accounts?: { account: string }[] }) => {
    if (path === `/keys/${account}` && body.log !== undefined) return { ...body, log };
    if (body.accounts === undefined) return body;
    return { ...body, accounts: body.accounts.map((shown) => (shown.account === account ? { ...shown, log } : shown)) };
  };
}

/** Bob, an admin, has never met Dora, who is in the room, too. */
async function withStranger(liar: LyingServer) {
  const told = await scene(liar);
  const { alice, bob, room } = told;
  const dora = await liar.person("dora");
  await alice.client.addToRoom(room, { email: dora.email });
  await stands(dora, room, "member");
  await alice.client.setRole(room, await idOf(bob), "admin");
  await sees(bob, room, ({ myRole, memberCount }) => myRole === "admin" && memberCount === 4);
  return { told, dora, account: await idOf(dora) };
}

test("[P9.7] nothing is sealed to keys that the server put in a member's place, and that is told in the room", async () => {
  await using liar = await LyingServer.start();
  const { told, dora, account } = await withStranger(liar);
  const { bob, carol, room } = told;
  showLog(bob, account, (await forgedAccount(account)).log);
  const before = (await chainOf(bob, room)).epoch;
  expect(await refusal(bob.client.removeFromRoom(room, await idOf(carol)))).toBe("sending-blocked");
  expect((await shows(bob, room, "identity-changed")).sendingBlocked).toBe(true);
  expect((await chainOf(bob, room)).epoch).toBe(before);
  expect(await people(bob, room)).toHaveLength(4);
  await othersGoOn(told);
  bob.lies.stop();
  bob.lies.reconnect();
  await until(bob.client, async () => (await viewOf(bob, room)).problem === null);
  await bob.client.removeFromRoom(room, await idOf(carol));
  await write(bob, room, "without carol");
  await has(dora, room, "without carol");
});

test("[P3.5] exchanged keys of a contact are named at the member, and the room goes on under the keys that are pinned", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, carol, room } = told;
  const account = await idOf(bob);
  showLog(alice, account, (await forgedAccount(account)).log);
  alice.lies.push({ type: "changed", what: "keys", account });
  await until(alice.client, async () => {
    const { members } = await alice.client.roomPeople(room);
    return members.find(({ id }) => id === account)?.problem?.code === "identity-changed";
  });
  await alice.client.removeFromRoom(room, await idOf(carol));
  await write(alice, room, "for the true bob");
  await reads(bob, room, "hello", "for the true bob");
  await write(bob, room, "I am he");
  await has(alice, room, "I am he");
  await othersGoOn(told);
  alice.lies.stop();
  alice.lies.push({ type: "changed", what: "keys", account });
  await until(alice.client, async () => (await alice.client.roomPeople(room)).members.every(({ problem }) => problem === null));
});

test("[P9.15] a message of a member whose keys the server exchanged is not taken for theirs, and read once they are true", async () => {
  await using liar = await LyingServer.start();
  const { told, dora, account } = await withStranger(liar);
  const { bob, room } = told;
  showLog(bob, account, (await forgedAccount(account)).log);
  await write(dora, room, "from the true dora");
  expect(await messageWith(bob, room, "identity-changed", "unknown-device")).toMatchObject({ kind: "unreadable", text: "" });
  await othersGoOn(told);
  bob.lies.stop();
  bob.lies.reconnect();
  await has(bob, room, "hello", "from the true dora");
  expect(await problemsIn(bob, room)).toEqual([]);
});

test("[P9.13] epoch keys are not written to keys that the server put in a member's place", async () => {
  await using liar = await LyingServer.start();
  const { told, account } = await withStranger(liar);
  const { bob, room } = told;
  const forged = await forgedAccount(account);
  showLog(bob, account, forged.log);
  const { hash, epoch } = await chainOf(bob, room);
  const author = { account: forged.state, device: forged.device as Device };
  const request = signedToJson(await createSealRequest(author, room, hash, 1, [epoch]));
  bob.lies.push({ type: "ask", conversation: room, kind: "seals", account, request });
  await shows(bob, room, "request-forged");
  expect(bob.lies.asked.filter(({ path }) => path.endsWith("/letters"))).toEqual([]);
  await othersGoOn(told);
  bob.lies.stop();
  bob.lies.reconnect();
  await until(bob.client, async () => (await viewOf(bob, room)).problem === null);
  await write(bob, room, "all the same");
  await has(told.carol, room, "all the same");
});

function flipped(text: string): string {
  const bytes = fromBase64url(text);
  bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
  return toBase64url(bytes);
}

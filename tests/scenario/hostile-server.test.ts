// A server that lies, played by a proxy before the real one: what it does is noticed, named, and stays in its conversation.
import { expect, test } from "bun:test";
import { appendEntry, createAccountLog, generateDevice, generateIdentity, generateSealKeyPair, zeroHash } from "@cychat/crypto";
import { type AccountId, signedToJson } from "@cychat/protocol";
import { ClientError } from "@cychat/sdk/bun";
import { peerOf } from "../support/people.ts";
import { type Person, password, ShiftedClock, World } from "./world.ts";

type Json = Record<string, unknown>;

/** A log that an attacker makes for somebody else's account. */
async function forgedLog(account: AccountId) {
  const { identity } = await generateIdentity();
  const first = await createAccountLog(account, identity);
  const { publicKey } = await generateSealKeyPair();
  const second = await appendEntry(first.state, identity, { kind: "encryption", generation: 1, publicKey });
  const device = await generateDevice();
  const third = await appendEntry(second.state, identity, {
    kind: "device",
    deviceKey: device.publicKey,
    vaultVersion: 1,
    vaultHash: zeroHash(),
  });
  return [first.entry, second.entry, third.entry].map(signedToJson);
}

async function pair(world: World) {
  const [alice, bob] = [await world.person("alice"), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "first");
  await bob.texts(chat, 1);
  return { alice, bob, chat };
}

async function code(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => null,
    (reason: unknown) => reason,
  );
  return error instanceof ClientError ? error.code : String(error);
}

test("a swapped key is noticed, blocks sending, and leaves other conversations alone", async () => {
  await using world = await World.start();
  const { alice, bob, chat } = await pair(world);
  const carol = await world.person("carol");
  const other = await world.contacts(alice, carol);
  const peer = peerOf(await alice.conversation(chat));
  const log = await forgedLog(peer.id);
  const posted: string[] = [];
  alice.network.onRequest = (method, path) => void (method === "POST" && posted.push(path));
  alice.network.rewriteAnswer = (path, body) => (path.startsWith(`/keys/${peer.id}`) ? { account: peer.id, log } : body);
  alice.network.interrupt();
  await alice.online();
  await alice.client.sendText(chat, "for bob only");
  await alice.until("sees the change", async () => (await alice.conversation(chat)).problem?.code === "identity-changed");
  expect((await alice.conversation(chat)).sendingBlocked).toBe(true);
  expect(await code(alice.client.sendText(chat, "more"))).toBe("sending-blocked");
  expect((await alice.all(chat)).map((message) => message.seq)).toEqual([2, null]);
  expect(posted.filter((path) => path.includes(chat))).toEqual([]);

  await alice.client.sendText(other, "hello carol");
  expect(await carol.texts(other, 1)).toEqual(["hello carol"]);
  expect((await alice.conversation(other)).problem).toBeNull();

  // The lie ends: what was pinned is what the server shows again.
  alice.network.rewriteAnswer = (_path, body) => body;
  alice.network.interrupt();
  expect(await bob.texts(chat, 2)).toEqual(["first", "for bob only"]);
  await alice.until("is at ease again", async () => (await alice.conversation(chat)).problem === null);
});

test("a new device knows from the vault whom it talks to: a key swapped behind its back is noticed", async () => {
  await using world = await World.start();
  const { alice, bob, chat } = await pair(world);
  const peer = peerOf(await alice.conversation(chat));
  await alice.client.setVerified(chat, true);
  const log = await forgedLog(peer.id);
  const phone = await world.device("alice");
  phone.network.rewriteAnswer = (path, body) => (path.startsWith(`/keys/${peer.id}`) ? { account: peer.id, log } : body);
  await phone.client.logIn({ email: alice.email, password });
  await phone.until("sees the change", async () => (await phone.look(chat))?.problem?.code === "identity-changed");
  expect(await code(phone.client.sendText(chat, "hello"))).toBe("sending-blocked");
  phone.network.rewriteAnswer = (_path, body) => body;
  phone.network.interrupt();
  expect(await phone.texts(chat, 1)).toEqual(["first"]);
  await phone.until("is at ease again", async () => (await phone.conversation(chat)).problem === null);
  expect((await phone.conversation(chat)).verified).toBe(true);
  expect((await phone.client.safetyNumber(chat)).groups).toEqual((await bob.client.safetyNumber(chat)).groups);
});

test("records that are rolled back are noticed by a device that never saw them, and named in that conversation", async () => {
  await using world = await World.start();
  const clock = new ShiftedClock();
  const [alice, bob] = [await world.person("alice", { clock }), await world.person("bob")];
  const chat = await world.contacts(alice, bob);
  await alice.client.sendText(chat, "first epoch");
  await bob.texts(chat, 1);
  clock.aheadMs = 8 * 24 * 3600 * 1000;
  await alice.client.sendText(chat, "second epoch");
  await bob.texts(chat, 2);
  await bob.until("has the new key in the safe", async () => (await keyringVersion(world, bob)) >= 2);

  const phone = await world.device("bob");
  phone.network.rewriteAnswer = (path, body) => {
    const answer = body as Json;
    if (path.includes("/records"))
      return { ...answer, records: (answer.records as Json[]).filter((record) => record.index === 0) };
    // Everything from the second record on is gone.
    if (path.includes("/entries"))
      return { entries: (answer.entries as { seq: number }[]).filter((entry) => entry.seq <= 2), last_seq: 2 };
    return body;
  };
  await phone.client.logIn({ email: bob.email, password });
  const problem = await phone.until("notices", async () => (await phone.look(chat))?.problem);
  expect(problem.code).toBe("rollback");
  phone.network.rewriteAnswer = (_path, body) => body;
  phone.network.interrupt();
  expect(await phone.texts(chat, 2)).toEqual(["first epoch", "second epoch"]);
  await phone.until("is at ease again", async () => (await phone.conversation(chat)).problem === null);
});

async function keyringVersion(world: World, person: Person): Promise<number> {
  const session = await person.client.session();
  if (!("profile" in session)) return 0;
  const row = await world.server.core.db
    .selectFrom("keyrings")
    .select("version")
    .where("account", "=", session.profile.id)
    .executeTakeFirst();
  return Number(row?.version ?? 0);
}

test("another record in the place of a known one is a fork", async () => {
  await using world = await World.start();
  const { alice, bob, chat } = await pair(world);
  const genesis = await world.server.core.db.selectFrom("records").selectAll().executeTakeFirstOrThrow();
  const payload = new Uint8Array(genesis.payload);
  payload[payload.length - 1] = (payload.at(-1) ?? 0) ^ 1;
  bob.network.rewriteFrame = (frame) => {
    if (frame.type !== "entry") return frame;
    const { seq, at_ms } = frame.entry as Json;
    const record = { payload: base64url(payload), signature: base64url(new Uint8Array(genesis.signature)) };
    return {
      ...frame,
      entry: {
        kind: "record",
        seq,
        at_ms,
        index: 0,
        epoch: 1,
        record,
        members: base64url(new Uint8Array(genesis.member_list ?? [])),
      },
    };
  };
  await alice.client.sendText(chat, "second");
  await bob.until("notices", async () => (await bob.conversation(chat)).problem?.code === "fork");
  // Nothing stands in the message's place: asked for it by number, the server shows the truth.
  expect(await bob.texts(chat, 2)).toEqual(["first", "second"]);
});

test("a vault that is rolled back is noticed, and the newer one stays in use", async () => {
  await using world = await World.start();
  const { alice, chat } = await pair(world);
  const old = await world.server.core.db.selectFrom("account_keys").selectAll().execute();
  const session = await alice.client.session();
  const mine = old.find((row) => "profile" in session && row.account === session.profile.id);
  await alice.client.setMuted(chat, true);
  alice.network.rewriteAnswer = (path, body) => {
    if (path !== "/keys") return body;
    return {
      ...(body as Json),
      vault: { version: Number(mine?.vault_version), ciphertext: base64url(new Uint8Array(mine?.vault ?? [])) },
    };
  };
  alice.network.interrupt();
  await alice.until("notices", async () => {
    const now = await alice.client.session();
    return now.status === "ready" && now.problem?.code === "rollback";
  });
  expect((await alice.conversation(chat)).muted).toBe(true);
});

test("a message shown once more is hidden and named", async () => {
  await using world = await World.start();
  const { alice, bob, chat } = await pair(world);
  const { entry: first } = await lastEntry(world);
  bob.network.rewriteFrame = (frame) => {
    if (frame.type !== "entry") return frame;
    return { ...frame, entry: { ...(first as Json), seq: (frame.entry as Json).seq } };
  };
  await alice.client.sendText(chat, "second");
  await bob.until("notices", async () => (await bob.conversation(chat)).problem?.code === "replayed");
  expect(await bob.allTexts(chat)).toEqual(["first"]);
});

async function lastEntry(world: World) {
  const row = await world.server.core.db.selectFrom("entries").selectAll().orderBy("seq", "desc").executeTakeFirstOrThrow();
  const { seq, at_ms, message_id: id, sender, device } = row;
  return { entry: { kind: "message", seq, at_ms, id, sender, device, envelope: base64url(new Uint8Array(row.envelope ?? [])) } };
}

test("an altered message is unreadable and says so; those around it are not touched", async () => {
  await using world = await World.start();
  const { alice, bob, chat } = await pair(world);
  let altered = 0;
  bob.network.rewriteFrame = (frame) => {
    if (frame.type !== "entry" || altered > 0) return frame;
    altered += 1;
    const entry = frame.entry as { envelope: string };
    const envelope = Uint8Array.fromBase64(entry.envelope, { alphabet: "base64url" });
    envelope[envelope.length - 1] = (envelope.at(-1) ?? 0) ^ 1;
    return { ...frame, entry: { ...entry, envelope: base64url(envelope) } };
  };
  await alice.client.sendText(chat, "second");
  await alice.client.sendText(chat, "third");
  await bob.texts(chat, 3);
  expect((await bob.all(chat)).map(({ kind, text, problem }) => [kind, text, problem?.code])).toEqual([
    ["text", "first", undefined],
    ["unreadable", "", "wrong-key"],
    ["text", "third", undefined],
  ]);
  expect((await bob.conversation(chat)).problem).toBeNull();
});

test("a message that the server withholds as if it were deleted is missed", async () => {
  await using world = await World.start();
  const { alice, bob, chat } = await pair(world);
  let withheld = 0;
  bob.network.rewriteFrame = (frame) => {
    if (frame.type !== "entry" || withheld > 0) return frame;
    withheld += 1;
    const { envelope: _, ...entry } = frame.entry as Json;
    return { ...frame, entry: { ...entry, kind: "erased" } };
  };
  await alice.client.sendText(chat, "withheld");
  await alice.client.sendText(chat, "third");
  await bob.texts(chat, 3);
  expect((await bob.all(chat)).map(({ kind, problem }) => [kind, problem?.code])).toEqual([
    ["text", undefined],
    ["deleted", "unexplained-erasure"],
    ["text", "gap"],
  ]);
});

test("messages of one device in another order than it sent them are named", async () => {
  await using world = await World.start();
  const { alice, bob, chat } = await pair(world);
  bob.network.cut();
  await alice.client.sendText(chat, "second");
  await alice.client.sendText(chat, "third");
  await alice.until("has sent both", async () => (await alice.all(chat)).every((message) => message.seq !== null));
  bob.network.rewriteAnswer = (path, body) => {
    if (!path.includes("/entries?after")) return body;
    const answer = body as { entries: { seq: number }[] };
    const [a, b] = answer.entries;
    return a && b
      ? {
          ...answer,
          entries: [
            { ...b, seq: a.seq },
            { ...a, seq: b.seq },
          ],
        }
      : body;
  };
  bob.network.restore();
  await bob.texts(chat, 3);
  expect((await bob.all(chat)).map(({ text, problem }) => [text, problem?.code])).toEqual([
    ["first", undefined],
    ["third", undefined],
    ["second", "reordered"],
  ]);
});

test("a server that asks for weak password settings gets nothing", async () => {
  await using world = await World.start();
  await world.person("alice");
  const phone = await world.device("alice");
  const asked: string[] = [];
  phone.network.onRequest = (_method, path) => void asked.push(path);
  phone.network.rewriteAnswer = (path, body) =>
    path === "/auth/parameters" ? { ...(body as Json), memory_kib: 8, passes: 1 } : body;
  expect(await code(phone.client.logIn({ email: "alice@example.org", password }))).toBe("weak-parameters");
  expect(asked).toEqual(["/auth/parameters"]);
});

test("a clock that is a year off changes neither the order nor the shown time", async () => {
  await using world = await World.start();
  const [alice, bob] = [
    await world.person("alice", { clock: new ShiftedClock(-365 * 24 * 3600 * 1000) }),
    await world.person("bob"),
  ];
  const chat = await world.contacts(alice, bob);
  await bob.client.sendText(chat, "one");
  await alice.texts(chat, 1);
  await alice.client.sendText(chat, "two");
  await bob.texts(chat, 2);
  await bob.client.sendText(chat, "three");
  expect(await alice.texts(chat, 3)).toEqual(["one", "two", "three"]);
  await bob.until("has sent all", async () => (await bob.all(chat)).every((message) => message.atMs !== null));
  for (const message of await bob.all(chat)) expect(Math.abs(message.sentAtMs - (message.atMs ?? 0))).toBeLessThan(60_000);
});

function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

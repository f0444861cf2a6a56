// A server that lies to, or about, those who want into a room: invite links, join requests, and who is asked to let them in.
import { expect, setDefaultTimeout, test } from "bun:test";
import { createJoinRequest, deriveInvite, parseInvite, randomBytes, sha256, signGuest } from "@cychat/crypto";
import {
  type ConversationId,
  type RecordChange,
  type RecordEntry,
  type Signed,
  signedToJson,
  toBase64url,
} from "@cychat/protocol";
import {
  accountOf,
  chainOf,
  deviceOf,
  forged,
  has,
  nobodysDevice,
  othersGoOn,
  scene,
  showAlso,
  shows,
} from "../support/lying-rooms.ts";
import { assertPlain, type LiedTo, LyingServer } from "../support/lying-server.ts";
import { until } from "../support/people.ts";
import { idOf, lookAt, people, problemsIn, reads, refusal, roomOf, sees, stands, viewOf, write } from "../support/rooms.ts";

// Each of them waits for conditions only; this is for a busy machine.
setDefaultTimeout(60_000);

const hour = 3600_000;

async function isRefused(person: LiedTo, room: ConversationId, record: RecordEntry, ...codes: readonly string[]): Promise<void> {
  const before = await people(person, room);
  showAlso(person, room, record);
  await shows(person, room, ...codes);
  expect(await people(person, room)).toEqual(before);
  person.lies.stop();
  person.lies.reconnect();
  await until(person.client, async () => (await viewOf(person, room)).problem === null);
}

/** What somebody with a link would sign to come in after the newest record that `seenBy` knows. */
async function joining(guest: LiedTo, link: string, seenBy: LiedTo, room: ConversationId): Promise<RecordChange> {
  const invite = await deriveInvite(parseInvite(link).secret, room);
  const { account, identityHash, newestGeneration: generation } = await accountOf(guest);
  const { hash } = await chainOf(seenBy, room);
  const signature = await signGuest(invite, room, hash, account, identityHash);
  return { kind: "join", identityHash, generation, invite: invite.id, signature };
}

test("[P9.11] a guest whom the server lets in by a link that had ended, or was used up, is not let in by the members", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, room } = told;
  const [dora, emil] = [await liar.person("dora"), await liar.person("emil")];
  const ended = await alice.client.createInvite(room, { expiresInMs: hour, uses: 3 });
  const once = await alice.client.createInvite(room, { expiresInMs: hour, uses: 1 });
  await alice.client.endInvite(room, ended.id);
  await emil.client.joinByInvite(once.link ?? "");
  await stands(emil, room, "member");
  await sees(bob, room, ({ memberCount }) => memberCount === 4);
  for (const link of [ended.link, once.link]) {
    const changes = [await joining(dora, link ?? "", bob, room)];
    await isRefused(bob, room, await forged(room, { by: dora, seenBy: bob, changes }), "invite-ended");
  }
  await othersGoOn(told);
  await write(emil, room, "I was in time");
  await has(bob, room, "I was in time");
});

test("[P9.11] a guest comes in for themselves alone: what the link signed serves nobody else, and no other time", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, room } = told;
  const [dora, emil] = [await liar.person("dora"), await liar.person("emil")];
  const { link } = await alice.client.createInvite(room, { expiresInMs: hour, uses: 3 });
  await sees(bob, room, () => true);
  await write(alice, room, "there is a link");
  await has(bob, room, "there is a link");
  const emils = await joining(emil, link ?? "", bob, room);
  const { identityHash } = await accountOf(dora);
  // The server gives dora what the link signed for emil.
  await isRefused(
    bob,
    room,
    await forged(room, { by: dora, seenBy: bob, changes: [{ ...emils, identityHash } as never] }),
    "bad-signature",
  );
  // And later keeps what was signed after an earlier record.
  await alice.client.updateRoom(room, { topic: "a newer record" });
  await sees(bob, room, ({ topic }) => topic !== "");
  await isRefused(bob, room, await forged(room, { by: emil, seenBy: bob, changes: [emils] }), "bad-signature");
  await othersGoOn(told);
});

test("[P9.11] an invite whose keys the server exchanged opens nothing", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, room, other } = told;
  const dora = await liar.person("dora");
  const { link } = await alice.client.createInvite(room, { expiresInMs: hour, uses: 3 });
  const foreign = await alice.client.createInvite(other, { expiresInMs: hour, uses: 3 });
  const secrets = [link, foreign.link].map((text) => text?.split(".").at(-1) ?? "");
  type Opened = { letters?: { ciphertext: string }[]; records?: RecordEntry[]; conversation?: string };
  const lies: readonly (readonly [code: string, (body: Opened) => Opened])[] = [
    ["wrong-conversation", (body) => (body.conversation === undefined ? body : { ...body, conversation: other })],
    [
      "wrong-key",
      (body) =>
        body.letters === undefined
          ? body
          : { ...body, letters: body.letters.map((letter) => ({ ...letter, ciphertext: toBase64url(randomBytes(80)) })) },
    ],
    ["bad-signature", (body) => (body.records === undefined ? body : { records: body.records.map(altered) })],
    ["rollback", (body) => (body.records === undefined ? body : { records: [] })],
    ["broken-chain", (body) => (body.records === undefined ? body : { records: body.records.slice(1) })],
  ];
  for (const [code, lie] of lies) {
    dora.lies.answer = ({ path }, body) => (path.startsWith("/invites/") ? lie(body) : body);
    const error = await dora.client
      .joinByInvite(link ?? "")
      .catch((reason: unknown) => reason as { code: string; message: string });
    expect((error as { code: string }).code).toBe(code);
    assertPlain(error as { code: string; message: string });
    expect(await lookAt(dora, room)).toBeUndefined();
  }
  dora.lies.stop();
  await dora.client.joinByInvite(link ?? "");
  await reads(dora, room, "hello");
  expect(await problemsIn(dora, room)).toEqual([]);
  // The secret itself never went to the server.
  const sent = JSON.stringify([...alice.lies.asked, ...dora.lies.asked].map(({ path, body }) => [path, body]));
  for (const secret of secrets) expect(sent).not.toContain(secret);
});

test("[P9.11] two guests who are shown different rooms for one link: the fork is named when they meet", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, room } = told;
  const [dora, emil] = [await liar.person("dora"), await liar.person("emil")];
  const { link } = await alice.client.createInvite(room, { expiresInMs: hour, uses: 5 });
  await emil.client.joinByInvite(link ?? "");
  await stands(emil, room, "member");
  // Dora is shown the room as it was before, and her coming in is accepted there, where nobody else is.
  dora.lies.answer = ({ path }, body: { records?: RecordEntry[] }) =>
    path.endsWith("/records") && body.records !== undefined ? { records: body.records.slice(0, 2) } : body;
  dora.lies.instead = ({ method, path }) => {
    if (method === "POST" && path === `/conversations/${room}/records`)
      return Response.json({ seq: 4, index: 2, at_ms: Date.now(), status_code: 201, message: "Done." }, { status: 201 });
    if (!path.startsWith(`/conversations/${room}`)) return null;
    if (path.endsWith("/keyring")) return Response.json({ keyring: null, status_code: 200, message: "Done." });
    return Response.json({ status_code: 503, code: "overloaded", message: "The server is busy." }, { status: 503 });
  };
  await dora.client.joinByInvite(link ?? "").catch(() => {});
  dora.lies.stop();
  // What the others see goes on without her; by another link the server lets her look at their room.
  await alice.client.addToRoom(room, { email: dora.email });
  dora.lies.reconnect();
  await shows(dora, room, "fork", "rollback");
  await write(emil, room, "I am in the true one");
  await has(bob, room, "I am in the true one");
  await othersGoOn(told);
});

test("[P4.6] who comes in again by a link is shown no other past than the one that they have seen", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, carol, room } = told;
  const other = await forged(room, { by: alice, changes: [{ kind: "renew", generations: [] }] });
  await alice.client.removeFromRoom(room, await idOf(bob));
  await stands(bob, room, "removed");
  const { link } = await alice.client.createInvite(room, { expiresInMs: hour, uses: 5 });
  const lies: readonly (readonly [code: string, (records: readonly RecordEntry[]) => readonly RecordEntry[]])[] = [
    ["rollback", (records) => records.slice(0, 1)],
    ["fork", (records) => records.map((record) => (record.index === 1 ? { ...other, seq: record.seq } : record))],
  ];
  for (const [code, lie] of lies) {
    bob.lies.answer = (_request, body: { records?: RecordEntry[] }) =>
      body.records === undefined ? body : { records: lie(body.records) };
    expect(await refusal(bob.client.joinByInvite(link ?? ""))).toBe(code);
    expect(await refusal(bob.client.openInvite(link ?? ""))).toBe(code);
    expect((await roomOf(bob, room)).standing).toBe("removed");
  }
  bob.lies.stop();
  await bob.client.joinByInvite(link ?? "");
  await stands(bob, room, "member");
  await write(bob, room, "back");
  await has(carol, room, "back");
  await othersGoOn(told);
});

test("[P9.9] a join request that nobody signed: whoever is asked lets nobody in, and says so", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar, { name: "Open house", join: "open" });
  const { alice, room } = told;
  const dora = await liar.person("dora");
  const [account, device, { hash }] = [await accountOf(dora), await nobodysDevice(), await chainOf(alice, room)];
  const genuine = await createJoinRequest({ account, device: await deviceOf(dora) }, room, hash);
  const wrong: readonly Signed[] = [
    await createJoinRequest({ account, device }, room, hash),
    { ...genuine, signature: randomBytes(64) },
    await createJoinRequest({ account, device: await deviceOf(dora) }, told.other, hash),
  ];
  for (const request of wrong) {
    alice.lies.push({ type: "ask", conversation: room, kind: "admit", account: account.account, request: signedToJson(request) });
    await shows(alice, room, "request-forged");
    alice.lies.reconnect();
    await until(alice.client, async () => (await viewOf(alice, room)).problem === null);
  }
  expect(await people(alice, room)).toHaveLength(3);
  expect(await lookAt(dora, room)).toBeUndefined();
  await othersGoOn(told);
});

test("[P9.9] where admins decide, nobody is let in because the server asks for it, genuine as the wish may be", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar, { name: "Committee", join: "approval" });
  const { alice, bob, room } = told;
  const dora = await liar.person("dora");
  const author = { account: await accountOf(dora), device: await deviceOf(dora) };
  const request = await createJoinRequest(author, room, (await chainOf(alice, room)).hash);
  const ask = { type: "ask", conversation: room, kind: "admit", account: author.account.account };
  for (const { lies } of [alice, bob]) lies.asked.length = 0;
  for (const member of [alice, bob]) member.lies.push({ ...ask, request: signedToJson(request) });
  // What is asked next is done after it.
  const forgery = { ...request, signature: randomBytes(64) };
  for (const text of ["one", "two", "three"]) {
    alice.lies.push({ ...ask, request: signedToJson(forgery) });
    await write(alice, room, text);
    await has(bob, room, text);
  }
  const asked = [...alice.lies.asked, ...bob.lies.asked];
  expect(asked.filter(({ method, path }) => method === "POST" && path.endsWith("/records"))).toEqual([]);
  expect(await people(bob, room)).toHaveLength(3);
  await othersGoOn(told);
});

test("[P9.9] an admission with a forged, foreign or replayed request is refused by everybody else", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar, { name: "Open house", join: "open" });
  const { alice, bob, carol, room, other } = told;
  const dora = await liar.person("dora");
  const { account } = await accountOf(dora);
  const author = { account: await accountOf(dora), device: await deviceOf(dora) };
  const request = async (id: ConversationId = room, hash?: Uint8Array<ArrayBuffer>) =>
    createJoinRequest(author, id, hash ?? (await chainOf(bob, room)).hash);
  const genuine = await request();
  const admitted = async (wanted: Signed) =>
    forged(room, { by: bob, changes: [{ kind: "admit", request: wanted, generation: 1 }] });
  await isRefused(carol, room, await admitted({ ...genuine, signature: randomBytes(64) }), "bad-signature");
  await isRefused(carol, room, await admitted(await request(other)), "wrong-conversation");
  await isRefused(carol, room, await admitted(await request(room, await sha256(randomBytes(8)))), "fork");
  // She comes, and is removed; her old wish does not bring her in again.
  await dora.client.joinRoom("Open house");
  await stands(dora, room, "member");
  await alice.client.removeFromRoom(room, account);
  for (const person of [bob, carol]) await sees(person, room, ({ memberCount }) => memberCount === 3);
  await isRefused(carol, room, await admitted(genuine), "not-allowed");
  const before = await people(alice, room);
  alice.lies.push({ type: "ask", conversation: room, kind: "admit", account, request: signedToJson(genuine) });
  await write(alice, room, "nobody came");
  await has(carol, room, "nobody came");
  expect(await people(carol, room)).toEqual(before);
  await othersGoOn(told);
});

test("[P9.9] whoever is let into another room than the one that was shown before names the fork", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar, { name: "Open house", join: "open" });
  const { alice, room } = told;
  const dora = await liar.person("dora");
  // The server shows a newest record that the room never had, and keeps the wish to itself.
  dora.lies.answer = ({ path }, body: { result?: object[] }) =>
    path === "/rooms"
      ? { ...body, result: body.result?.map((found) => ({ ...found, record_hash: toBase64url(randomBytes(32)) })) }
      : body;
  dora.lies.instead = ({ method, path }) =>
    method === "POST" && path.endsWith("/join-requests")
      ? Response.json({ status_code: 201, message: "Done." }, { status: 201 })
      : null;
  await dora.client.joinRoom("Open house");
  expect((await roomOf(dora, room)).standing).toBe("pending");
  await alice.client.addToRoom(room, { email: dora.email });
  await shows(dora, room, "fork");
  await othersGoOn(told);
});

test("[P9.2] what the server says of an invite's uses and end counts for nobody", async () => {
  await using liar = await LyingServer.start();
  const told = await scene(liar);
  const { alice, bob, room } = told;
  const dora = await liar.person("dora");
  const { id, link } = await alice.client.createInvite(room, { expiresInMs: hour, uses: 2 });
  await liar.server.core.db.updateTable("room_invites").set({ uses_left: 99 }).where("invite", "=", id).execute();
  await dora.client.joinByInvite(link ?? "").catch(() => {});
  await liar.server.core.db.updateTable("room_invites").set({ uses_left: 2 }).where("invite", "=", id).execute();
  if ((await lookAt(dora, room)) === undefined) await dora.client.joinByInvite(link ?? "");
  await sees(alice, room, ({ memberCount }) => memberCount === 4);
  expect(await alice.client.invites(room)).toMatchObject([{ usesLeft: 1 }]);
  await write(dora, room, "in by the link");
  await has(bob, room, "in by the link");
  expect(await problemsIn(bob, room)).toEqual([]);
});

function altered(entry: RecordEntry): RecordEntry {
  return { ...entry, record: { ...entry.record, signature: toBase64url(randomBytes(64)) } };
}

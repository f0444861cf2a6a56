import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type BlobId, endpoints } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { envelopeOf, rotationOf, type TestConversation, type TestEnvelope } from "../testing/test-chat.ts";
import { startWithPeople } from "../testing/test-people.ts";
import { createRoom } from "../testing/test-room.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { createUpload, download, refusalOf, seededBytes, tus, upload } from "../testing/test-upload.ts";

async function aliceAndBob(options: Parameters<typeof startTestServer>[0] = {}) {
  const server = await startTestServer(options);
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  return { server, alice, bob, chat: await alice.startChat(bob) };
}

const isOnDisk = ({ core }: Pick<TestServer, "core">, id: BlobId) => existsSync(join(core.config.uploadDir, "blobs", id));
const statusOf = async (account: TestAccount, id: BlobId) => (await download(account, id)).status;

/** `stored`, or the code of the refusal. */
async function send(sender: TestAccount, chat: TestConversation, { id, text }: TestEnvelope): Promise<string> {
  using socket = await sender.connect();
  socket.send({ type: "send", conversation: chat.id, envelope: text });
  const answers = [
    socket.next("ack", (frame) => frame.id === id).then(() => "stored"),
    socket.next("refused").then(({ code }) => String(code)),
  ];
  // The one that does not come ends with the socket.
  for (const answer of answers) answer.catch(() => {});
  return await Promise.race(answers);
}

const sendBlobs = (sender: TestAccount, chat: TestConversation, ...blobs: BlobId[]) =>
  send(sender, chat, envelopeOf(chat, sender, { blobs }));

test("[P10.6] a file is read by its uploader at once, and by the others once a message refers to it", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const bytes = seededBytes(200_000);
  const id = await upload(alice, chat, bytes);
  expect(await (await download(alice, id)).bytes()).toEqual(bytes);
  expect(await refusalOf(download(bob, id))).toEqual([404, "not-found"]);
  expect(await sendBlobs(alice, chat, id)).toBe("stored");
  const answer = await download(bob, id);
  expect(await answer.bytes()).toEqual(bytes);
  expect(answer.status).toBe(200);
  const names = ["content-type", "content-length", "content-disposition", "cache-control", "accept-ranges"];
  expect(names.map((name) => answer.headers.get(name))).toEqual([
    "application/octet-stream",
    "200000",
    "attachment",
    "private, no-store",
    "bytes",
  ]);
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  expect(answer.headers.get("content-security-policy")).toBe("default-src 'none'; sandbox");
  const eve = await server.account("eve");
  expect(await refusalOf(download(eve, id))).toEqual([404, "not-found"]);
  for (const unknown of [`${"x".repeat(42)}A`, "x", "..%2f..%2fjwt-secret"])
    expect(await refusalOf(download(alice, unknown))).toEqual([404, "not-found"]);
});

test("[P10.6] byte ranges are answered as RFC 9110 has them", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  const bytes = seededBytes(150_000);
  const id = await upload(alice, chat, bytes);
  for (const [range, start, end] of [
    ["bytes=0-0", 0, 1],
    ["bytes=65536-131071", 65_536, 131_072],
    ["bytes=149999-", 149_999, 150_000],
    ["bytes=-1000", 149_000, 150_000],
    ["bytes=100-999999", 100, 150_000],
  ] as const) {
    const answer = await download(alice, id, { range });
    expect([answer.status, answer.headers.get("content-range")]).toEqual([206, `bytes ${start}-${end - 1}/150000`]);
    expect(answer.headers.get("content-length")).toBe(String(end - start));
    expect(await answer.bytes()).toEqual(bytes.slice(start, end));
  }
  const beyond = await download(alice, id, { range: "bytes=150000-" });
  expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, "bytes */150000"]);
  for (const range of ["bytes=0-1,5-6", "bytes=9-1", "lines=1-2"]) {
    const answer = await download(alice, id, { range });
    expect([answer.status, (await answer.bytes()).length]).toEqual([200, 150_000]);
  }
  const empty = await upload(alice, chat, new Uint8Array());
  expect((await (await download(alice, empty)).bytes()).length).toBe(0);
});

test("[P10.6] a download that goes on later is safe: one strong tag per file, and conditions on it are kept", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  const bytes = seededBytes(1000);
  const [id, other] = [await upload(alice, chat, bytes), await upload(alice, chat, bytes)];
  const etag = (await download(alice, id)).headers.get("etag") ?? "";
  expect(etag).toBe(`"${id}"`);
  const range = "bytes=900-";
  const partial = await download(alice, id, { range, "if-range": etag });
  expect([partial.status, partial.headers.get("etag")]).toEqual([206, etag]);
  expect(await partial.bytes()).toEqual(bytes.slice(900));
  for (const ifRange of [`"${other}"`, `W/${etag}`, new Date().toUTCString()]) {
    const whole = await download(alice, id, { range, "if-range": ifRange });
    expect([whole.status, (await whole.bytes()).length]).toEqual([200, 1000]);
  }
  const unchanged = await download(alice, id, { range, "if-none-match": `"x", ${etag}` });
  expect([unchanged.status, unchanged.headers.get("etag"), (await unchanged.bytes()).length]).toEqual([304, etag, 0]);
  expect((await download(alice, id, { "if-match": '"x"' })).status).toBe(412);
  // Whoever may not read a file learns nothing from its tag.
  const eve = await server.account("eve");
  for (const condition of ["if-none-match", "if-match"])
    expect(await refusalOf(download(eve, id, { [condition]: etag }))).toEqual([404, "not-found"]);
});

test("[P10.6] HEAD says of a file what GET would, without its bytes", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  const id = await upload(alice, chat, seededBytes(1000));
  const headers = { authorization: `Bearer ${alice.token}` };
  const head = await fetch((await download(alice, id)).url, { method: "HEAD", headers });
  expect([head.status, (await head.bytes()).length]).toEqual([200, 0]);
  const names = ["content-length", "etag", "accept-ranges", "content-type"];
  expect(names.map((name) => head.headers.get(name))).toEqual(["1000", `"${id}"`, "bytes", "application/octet-stream"]);
});

test("[P10.6] in a room, those read a file who may read its message: no former member, no late-comer to joined history", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol, dave } = people;
  const room = await createRoom(alice, {
    history: "joined",
    others: [
      [bob, "member"],
      [carol, "member"],
    ],
  });
  const early = await upload(alice, room, seededBytes(100));
  expect(await sendBlobs(alice, room, early)).toBe("stored");
  await room.add(alice, { kind: "remove", account: bob.id, ban: false }, room.renew());
  await room.add(alice, room.adding(dave), room.renew());
  const late = await upload(alice, room, seededBytes(100, 2));
  expect(await sendBlobs(alice, room, late)).toBe("stored");
  const seen = async (id: BlobId) => Promise.all([bob, carol, dave, people.erin].map((account) => statusOf(account, id)));
  // Bob was there for the first one, and Dave for the second.
  expect(await seen(early)).toEqual([200, 200, 404, 404]);
  expect(await seen(late)).toEqual([404, 200, 200, 404]);
  await bob.call(endpoints.forgetConversation, { params: { id: room.id } });
  expect(await seen(early)).toEqual([404, 200, 404, 404]);
});

test("[P10.5] a message names whole files of its own sender for its own conversation, each once", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol } = people;
  const [chat, other] = [await alice.startChat(bob), await alice.startChat(carol)];
  const [own, own2, hers, elsewhere, unfinished] = [
    await upload(alice, chat, seededBytes(10)),
    await upload(alice, chat, seededBytes(10)),
    await upload(bob, chat, seededBytes(10)),
    await upload(alice, other, seededBytes(10)),
    await createUpload(alice, chat.id, 10),
  ];
  for (const missing of [hers, elsewhere, unfinished, `${"x".repeat(42)}A` as BlobId]) {
    expect(await sendBlobs(alice, chat, missing)).toBe("blob-missing");
    // One that is missing refuses the whole message, and the others stay free.
    expect(await sendBlobs(alice, chat, own, missing)).toBe("blob-missing");
  }
  expect(await sendBlobs(alice, chat, own, own2)).toBe("stored");
  expect(await sendBlobs(alice, chat, own2)).toBe("blob-missing");
  const byRest = { receiver: bob.email, content: envelopeOf(chat, alice, { blobs: [own] }).text };
  expect(await alice.attempt(endpoints.sendMessage, { body: byRest })).toMatchObject({
    status: 422,
    body: { code: "blob-missing" },
  });
  expect((await alice.entries(chat.id)).map(({ seq }) => seq)).toEqual([1, 2]);
  const refs = await server.core.db.selectFrom("blob_refs").select(["blob", "seq"]).execute();
  expect(refs.map(({ blob, seq }) => [blob, seq] as const).sort()).toEqual([own, own2].sort().map((blob) => [blob, 2] as const));
});

test("[P10.5] the same message again is answered with its number, at once, later, and after its epoch", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  const blob = await upload(alice, chat, seededBytes(10));
  const envelope = envelopeOf(chat, alice, { blobs: [blob] });
  using socket = await alice.connect();
  const acks = async (times: number) => {
    for (let copy = 0; copy < times; copy++) socket.send({ type: "send", conversation: chat.id, envelope: envelope.text });
    const seqs: number[] = [];
    for (let copy = 0; copy < times; copy++) seqs.push((await socket.next("ack")).seq);
    return seqs;
  };
  expect(await acks(3)).toEqual([2, 2, 2]);
  expect(await acks(1)).toEqual([2]);
  const { body, accepted } = rotationOf(chat, alice);
  await alice.call(endpoints.addRecord, { params: { id: chat.id }, body });
  accepted();
  expect(await acks(1)).toEqual([2]);
});

test("[P10.5] of many messages at once that name one file, one is stored, and those beside them are not touched", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  using socket = await alice.connect();
  for (let round = 0; round < 10; round++) {
    const blob = await upload(alice, chat, seededBytes(10, round));
    const plain = [envelopeOf(chat, alice), envelopeOf(chat, alice)];
    const naming = Array.from({ length: 5 }, () => envelopeOf(chat, alice, { blobs: [blob] }));
    for (const { text } of [plain[0], ...naming, plain[1]] as TestEnvelope[])
      socket.send({ type: "send", conversation: chat.id, envelope: text });
    for (const { id } of plain) await socket.next("ack", (frame) => frame.id === id);
    await socket.next("ack");
    for (let refused = 0; refused < 4; refused++) expect((await socket.next("refused")).code).toBe("blob-missing");
  }
  const seqs = (await alice.entries(chat.id, { limit: "200" })).map(({ seq }) => seq);
  expect(seqs).toEqual(Array.from({ length: 31 }, (_, index) => index + 1));
});

test("[P10.6] a file that a message refers to is neither ended nor changed by its uploader", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const bytes = seededBytes(10);
  const id = await upload(alice, chat, bytes);
  await sendBlobs(alice, chat, id);
  expect(await refusalOf(tus(alice, "DELETE", id))).toEqual([403, "not-allowed"]);
  const headers = { "content-type": "application/offset+octet-stream" };
  expect(await refusalOf(tus(alice, "PATCH", id, { ...headers, "upload-offset": "0" }, bytes))).toEqual([
    409,
    "version-conflict",
  ]);
  expect(await refusalOf(tus(alice, "PATCH", id, { ...headers, "upload-offset": "10" }, bytes))).toEqual([413, "too-large"]);
  expect(await (await download(bob, id)).bytes()).toEqual(bytes);
});

test("[P10.6] with the message its files go, for its sender, a moderator and everybody, and the quota has room again", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]] });
  const [first, second, kept] = [
    await upload(bob, room, seededBytes(10)),
    await upload(bob, room, seededBytes(10)),
    await upload(bob, room, seededBytes(10)),
  ];
  const [own, others] = [envelopeOf(room, bob, { blobs: [first] }), envelopeOf(room, bob, { blobs: [second] })];
  for (const envelope of [own, others]) expect(await send(bob, room, envelope)).toBe("stored");
  expect(await sendBlobs(bob, room, kept)).toBe("stored");
  const erase = (account: TestAccount, { id }: TestEnvelope) =>
    account.call(endpoints.erase, { params: { id: room.id }, body: { ids: [id] } });
  await erase(bob, own);
  expect([first, second, kept].map((id) => isOnDisk(server, id))).toEqual([false, true, true]);
  await erase(alice, others);
  expect([first, second, kept].map((id) => isOnDisk(server, id))).toEqual([false, false, true]);
  for (const account of [alice, bob]) expect(await statusOf(account, first)).toBe(404);
  expect(await statusOf(alice, kept)).toBe(200);
  expect((await bob.call(endpoints.fileQuota, {})).used_bytes).toBe(10);
  // What was erased is still a repetition, and its file stays gone.
  expect(await send(bob, room, own)).toBe("stored");
  expect(isOnDisk(server, first)).toBe(false);
});

test("[P10.6] the files of a deleted room go with it", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]] });
  const id = await upload(bob, room, seededBytes(10));
  await sendBlobs(bob, room, id);
  await room.add(alice, { kind: "delete" });
  expect(isOnDisk(server, id)).toBe(false);
  expect(await server.core.db.selectFrom("blobs").selectAll().execute()).toEqual([]);
  expect(await server.core.db.selectFrom("blob_refs").selectAll().execute()).toEqual([]);
});

test("[P10.6] nobody's leftovers are in the folder: files stand under their ids alone", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  const id = await upload(alice, chat, seededBytes(10));
  expect(readdirSync(join(server.core.config.uploadDir, "blobs"))).toEqual([id]);
});

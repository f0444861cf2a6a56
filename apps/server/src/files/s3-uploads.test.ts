// Files from end to end with a bucket: the real server, and a real S3 server that is not ours.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type BlobId, endpoints } from "@cychat/protocol";
import { createLog } from "../log.ts";
import type { TestAccount } from "../testing/test-account.ts";
import { envelopeOf } from "../testing/test-chat.ts";
import { TestS3 } from "../testing/test-s3.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { renewToken } from "../testing/test-token.ts";
import {
  createUpload,
  creating,
  download,
  offsetOf,
  patch,
  refusalOf,
  seededBytes,
  upload,
  uploadsUrl,
} from "../testing/test-upload.ts";
import { startCollector } from "./collector.ts";

const mb = 1024 * 1024;
let s3: TestS3;
beforeAll(async () => {
  s3 = await TestS3.start();
});
afterAll(async () => s3[Symbol.asyncDispose]());

async function aliceAndBob(options: Parameters<typeof startTestServer>[0] = {}) {
  const server = await startTestServer({ ...options, config: { s3: s3.settings, ...options?.config } });
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  const chat = await alice.startChat(bob);
  const send = async (blob: BlobId) => {
    const envelope = envelopeOf(chat, alice, { blobs: [blob] });
    await alice.call(endpoints.sendMessage, { body: { receiver: bob.email, content: envelope.text } });
    return envelope;
  };
  return { server, alice, bob, chat, send };
}

const keysOf = async (id: BlobId) => (await s3.keys()).filter((key) => key.startsWith(`files/${id}/`));

test("[P10.4] a file is uploaded across a restart, named by a message, and read in ranges by the other one", async () => {
  const { server, alice, bob, chat, send } = await aliceAndBob();
  await using _ = server;
  const bytes = seededBytes(11 * mb + 3);
  const id = await createUpload(alice, chat.id, bytes.length);
  expect((await patch(alice, id, 0, bytes.slice(0, 8 * mb))).status).toBe(204);
  await server.stop();
  await using again = await startTestServer({ folder: server.folder, config: { s3: s3.settings } });
  for (const account of [alice, bob]) Object.assign(account, { server: again });
  expect(await offsetOf(alice, id)).toBe(8 * mb);
  expect(await refusalOf(download(alice, id))).toEqual([404, "not-found"]);
  expect((await patch(alice, id, 8 * mb, bytes.slice(8 * mb))).status).toBe(204);
  expect(await refusalOf(download(bob, id))).toEqual([404, "not-found"]);
  await send(id);
  const whole = await download(bob, id);
  expect(await whole.bytes()).toEqual(bytes);
  const range = await download(bob, id, { range: `bytes=${8 * mb - 5}-${8 * mb + 4}` });
  expect([range.status, range.headers.get("content-range")]).toEqual([206, `bytes ${8 * mb - 5}-${8 * mb + 4}/${bytes.length}`]);
  expect(await range.bytes()).toEqual(bytes.slice(8 * mb - 5, 8 * mb + 5));
  const headers = { authorization: `Bearer ${bob.token}` };
  const head = await fetch(whole.url, { method: "HEAD", headers });
  expect([head.status, head.headers.get("etag")]).toEqual([200, `"${id}"`]);
  // Nothing of it lies on this machine.
  expect(existsSync(join(server.core.config.uploadDir, "blobs"))).toBe(false);
  expect(readdirSync(join(server.core.config.uploadDir, "spool"))).toEqual([]);
});

test("[P10.6] with the last message that names a file its objects go, and with nobody's name for a day, too", async () => {
  const clock = { nowMs: Date.now() };
  const { server, alice, chat, send } = await aliceAndBob({ now: () => clock.nowMs });
  await using _ = server;
  const [sent, kept, abandoned] = [
    await upload(alice, chat, seededBytes(1000)),
    await upload(alice, chat, seededBytes(1000, 2)),
    await createUpload(alice, chat.id, 1000),
  ];
  await patch(alice, abandoned, 0, seededBytes(500));
  const envelope = await send(sent);
  await send(kept);
  expect([(await keysOf(sent)).length, (await keysOf(abandoned)).length]).toEqual([2, 2]);
  await alice.call(endpoints.erase, { params: { id: chat.id }, body: { ids: [envelope.id] } });
  expect(await keysOf(sent)).toEqual([]);
  const clocks = { now: () => clock.nowMs, steadyNow: () => clock.nowMs };
  const collector = startCollector({ ...server.core, log: createLog("silent"), ...clocks });
  clock.nowMs += 25 * 3600 * 1000;
  expect(await collector.run()).toBeGreaterThanOrEqual(1);
  expect([(await keysOf(abandoned)).length, (await keysOf(kept)).length]).toEqual([0, 2]);
  renewToken(server.core, alice, clock.nowMs);
  expect(await (await download(alice, kept)).bytes()).toEqual(seededBytes(1000, 2));
  await collector.stop();
});

test("[P10.4] where S3 goes away in the middle, uploads and downloads are refused for now, and go on when it is back", async () => {
  const { server, alice, bob, chat, send } = await aliceAndBob();
  await using _ = server;
  const bytes = seededBytes(300_000);
  const whole = await upload(alice, chat, bytes);
  const id = await createUpload(alice, chat.id, bytes.length);
  expect((await patch(alice, id, 0, bytes.slice(0, 100_000))).status).toBe(204);
  await s3.kill();
  for (const asked of [patch(alice, id, 100_000, bytes.slice(100_000)), download(alice, whole), creating(alice, chat.id, 10)])
    expect(await refusalOf(asked)).toEqual([503, "overloaded"]);
  // Messages do not need it.
  await send(whole);
  expect((await bob.entries(chat.id)).length).toBe(2);
  await s3.start();
  expect((await alice.call(endpoints.fileQuota, {})).used_bytes).toBe(600_000);
  expect(await offsetOf(alice, id)).toBe(100_000);
  expect((await patch(alice, id, 100_000, bytes.slice(100_000))).status).toBe(204);
  expect(await (await download(alice, id)).bytes()).toEqual(bytes);
  expect(await (await download(bob, whole)).bytes()).toEqual(bytes);
  const log = server.logged.join("\n");
  for (const secret of [id, whole, s3.settings.bucket, s3.settings.endpoint, "S3RVER"]) expect(log).not.toContain(secret);
});

test("[P10.6] a download during which S3 goes away breaks off, and is not taken for a whole file", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  // More than the sockets between the two ends hold.
  const bytes = seededBytes(40 * mb);
  const id = await createUpload(alice, chat.id, bytes.length);
  for (let at = 0; at < bytes.length; at += 8 * mb)
    expect((await patch(alice, id, at, bytes.slice(at, at + 8 * mb))).status).toBe(204);
  const { hostname, port, pathname } = new URL((await download(alice, id, { range: "bytes=0-0" })).url);
  const socket = connect(Number(port), hostname);
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${alice.token}\r\n\r\n`);
  let received: Buffer = Buffer.alloc(0);
  const ended = new Promise<void>((resolve) => socket.on("close", resolve));
  await new Promise<void>((resolve) => {
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length === chunk.length) {
        socket.pause();
        resolve();
      }
    });
  });
  await s3.kill();
  socket.resume();
  await ended;
  expect(received.length).toBeLessThan(bytes.length);
  // That is how a whole one ends.
  expect(received.subarray(-7).toString("latin1")).not.toBe("\r\n0\r\n\r\n");
  await s3.start();
  expect(await (await download(alice, id)).bytes()).toEqual(bytes);
});

test("[P10.6] of a file that has lost a part in the bucket, the unbroken beginning is given, and never a later part in its place", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  const bytes = seededBytes(3000);
  const id = await createUpload(alice, chat.id, bytes.length);
  for (const at of [0, 1000, 2000]) expect((await patch(alice, id, at, bytes.slice(at, at + 1000))).status).toBe(204);
  const [, , second] = await keysOf(id);
  await new Bun.S3Client(s3.settings).delete(second as string);
  expect(await (await download(alice, id)).bytes()).toEqual(bytes.slice(0, 1000));
  const beyond = await download(alice, id, { range: "bytes=1000-" });
  expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, "bytes */1000"]);
});

/** Sends the beginning of a PATCH on a connection of its own; resolves once the server has that much. */
async function beginPatch({ core }: TestServer, account: TestAccount, id: BlobId, length: number, sent: Uint8Array) {
  const { hostname, port, pathname } = new URL(uploadsUrl(account, id));
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  socket.write(
    `PATCH ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${account.token}\r\nTus-Resumable: 1.0.0\r\n` +
      `Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: ${length}\r\n\r\n`,
  );
  socket.write(sent);
  const spool = join(core.config.uploadDir, "spool");
  const spooled = () =>
    existsSync(spool) ? readdirSync(spool).reduce((sum, name) => sum + statSync(join(spool, name)).size, 0) : 0;
  while (spooled() < sent.length) await new Promise((resolve) => setImmediate(resolve));
  return socket;
}

test("[P10.4] after a connection that was cut, or that is half dead, the upload goes on from what had come", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  const bytes = seededBytes(500_000);
  for (const isCut of [true, false]) {
    const id = await createUpload(alice, chat.id, bytes.length);
    const socket = await beginPatch(server, alice, id, bytes.length, bytes.slice(0, 70_000));
    if (isCut) socket.destroy();
    expect(await offsetOf(alice, id)).toBe(70_000);
    expect((await patch(alice, id, 70_000, bytes.slice(70_000))).status).toBe(204);
    expect(await (await download(alice, id)).bytes()).toEqual(bytes);
    socket.destroy();
  }
});

test("[P10.4] one upload goes on through several servers at the same bucket and database, in turn", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  const bytes = seededBytes(90_000);
  const id = await createUpload(alice, chat.id, bytes.length);
  let running = server;
  for (let at = 0; at < bytes.length; at += 30_000) {
    expect((await patch(alice, id, at, bytes.slice(at, at + 30_000))).status).toBe(204);
    await running.stop();
    running = await startTestServer({ folder: server.folder, config: { s3: s3.settings } });
    Object.assign(alice, { server: running });
  }
  expect(await (await download(alice, id)).bytes()).toEqual(bytes);
  await running.stop();
});

test("[P10.4] a server that S3 refuses does not start", async () => {
  const settings = { ...s3.settings, secretAccessKey: "wrong" };
  const refused = startTestServer({ config: { s3: settings } }).then(
    () => "started",
    (error: Error) => error.message,
  );
  expect(await refused).toBe("S3_SECRET_ACCESS_KEY does not belong to S3_ACCESS_KEY_ID (SignatureDoesNotMatch).");
});

import { expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type BlobId, type ConversationId, endpoints, limits } from "@cychat/protocol";
import { envelopeOf } from "../testing/test-chat.ts";
import { startWithPeople } from "../testing/test-people.ts";
import { closedSettings, createRoom } from "../testing/test-room.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import {
  createUpload,
  creating,
  download,
  metadataOf,
  offsetOf,
  patch,
  refusalOf,
  seededBytes,
  tus,
  upload,
  uploadsUrl,
} from "../testing/test-upload.ts";

const mb = 1024 * 1024;

async function aliceAndBob(options: Parameters<typeof startTestServer>[0] = {}) {
  const server = await startTestServer(options);
  const [alice, bob] = await Promise.all([server.account("alice"), server.account("bob")]);
  return { server, alice, bob, chat: await alice.startChat(bob) };
}

const folderOf = ({ core }: Pick<TestServer, "core">) => join(core.config.uploadDir, "blobs");

test("[P10.4] an upload goes in parts, says how far it is, and is whole with the last byte", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  const bytes = seededBytes(9 * mb + 17);
  const made = await creating(alice, chat.id, bytes.length);
  expect(made.status).toBe(201);
  expect(made.headers.get("location")).toMatch(/^\/api\/v1\/uploads\/[\w-]{43}$/);
  const id = made.headers.get("location")?.split("/").at(-1) as BlobId;
  const parts = [bytes.slice(0, 8 * mb), bytes.slice(8 * mb)] as const;
  const first = await patch(alice, id, 0, parts[0]);
  expect([first.status, first.headers.get("upload-offset")]).toEqual([204, String(8 * mb)]);
  const head = await tus(alice, "HEAD", id);
  expect(head.status).toBe(200);
  expect(["upload-offset", "upload-length", "cache-control", "tus-resumable"].map((name) => head.headers.get(name))).toEqual([
    String(8 * mb),
    String(bytes.length),
    "no-store",
    "1.0.0",
  ]);
  expect(await refusalOf(download(alice, id))).toEqual([404, "not-found"]);
  expect((await patch(alice, id, 8 * mb, parts[1])).status).toBe(204);
  expect(await (await download(alice, id)).bytes()).toEqual(bytes);
  expect(statSync(join(folderOf(server), id)).mode & 0o777).toBe(0o600);
  expect(statSync(server.core.config.uploadDir).mode & 0o777).toBe(0o700);
  expect(server.logged.join("\n")).not.toContain(id);
});

test("[P10.4] an upload goes on where it was after a restart of the server", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  const bytes = seededBytes(300_000);
  const id = await createUpload(alice, chat.id, bytes.length);
  await patch(alice, id, 0, bytes.slice(0, 100_000));
  await server.stop();
  await using again = await startTestServer({ folder: server.folder });
  Object.assign(alice, { server: again });
  expect(await offsetOf(alice, id)).toBe(100_000);
  expect((await patch(alice, id, 100_000, bytes.slice(100_000))).status).toBe(204);
  expect(await (await download(alice, id)).bytes()).toEqual(bytes);
});

test("[P10.4] what the protocol does not know is refused, and changes nothing", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  const id = await createUpload(alice, chat.id, 10);
  const bytes = seededBytes(4);
  const octets = { "content-type": "application/offset+octet-stream" };
  const metadata = { "upload-metadata": metadataOf(chat.id) };
  const refused: [Promise<Response>, [number, string]][] = [
    [tus(alice, "POST", "", metadata), [422, "malformed-request"]],
    [tus(alice, "POST", "", { ...metadata, "upload-length": "-1" }), [422, "malformed-request"]],
    [tus(alice, "POST", "", { ...metadata, "upload-length": "1e3" }), [422, "malformed-request"]],
    [tus(alice, "POST", "", { ...metadata, "upload-defer-length": "1" }), [422, "malformed-request"]],
    [tus(alice, "POST", "", { "upload-length": "10" }), [422, "malformed-request"]],
    [tus(alice, "POST", "", { "upload-length": "10", "upload-metadata": "filename YQ==" }), [422, "malformed-request"]],
    [creating(alice, "no conversation", 10), [404, "not-found"]],
    [tus(alice, "PATCH", id, octets, bytes), [422, "malformed-request"]],
    [tus(alice, "PATCH", id, { "upload-offset": "0", "content-type": "text/plain" }, bytes), [422, "malformed-request"]],
    [patch(alice, id, 3, bytes), [409, "version-conflict"]],
    [patch(alice, id, 0, seededBytes(11)), [413, "too-large"]],
    [tus(alice, "PATCH", "x".repeat(43), { ...octets, "upload-offset": "0" }, bytes), [404, "not-found"]],
    [tus(alice, "PUT", id, {}, bytes), [405, "method-not-allowed"]],
    [tus(alice, "GET", id), [405, "method-not-allowed"]],
  ];
  for (const [response, refusal] of refused) {
    expect(await refusalOf(response)).toEqual(refusal);
    expect((await response).headers.get("tus-resumable")).toBe("1.0.0");
  }
  for (const version of ["", "0.2.2"]) {
    const response = await creating(alice, chat.id, 10, { "tus-resumable": version });
    expect([response.status, response.headers.get("tus-version")]).toEqual([412, "1.0.0"]);
  }
  expect(await offsetOf(alice, id)).toBe(0);
  expect(readdirSync(folderOf(server))).toEqual([id]);
});

test("[P10.4] only the uploader goes on with an upload or ends it; without a token nobody does anything", async () => {
  const { server, alice, bob, chat } = await aliceAndBob();
  await using _ = server;
  const id = await createUpload(alice, chat.id, 10);
  expect(await refusalOf(patch(bob, id, 0, seededBytes(10)))).toEqual([404, "not-found"]);
  expect(await refusalOf(tus(bob, "DELETE", id))).toEqual([404, "not-found"]);
  expect((await tus(bob, "HEAD", id)).status).toBe(404);
  for (const [authorization, code] of [
    ["", "not-authenticated"],
    ["Bearer abc", "token-invalid"],
  ] as const) {
    for (const method of ["POST", "PATCH", "DELETE"])
      expect(await refusalOf(tus(alice, method, id, { authorization }))).toEqual([401, code]);
    expect((await tus(alice, "HEAD", id, { authorization })).status).toBe(401);
  }
  expect((await tus(alice, "DELETE", id)).status).toBe(204);
  expect((await tus(alice, "HEAD", id)).status).toBe(404);
  expect(readdirSync(folderOf(server))).toEqual([]);
  expect((await alice.call(endpoints.fileQuota, {})).used_bytes).toBe(0);
});

test("[P10.4] one uploads for conversations that one may write to, and for no others", async () => {
  const { server, people } = await startWithPeople();
  await using _ = server;
  const { alice, bob, carol, dave } = people;
  const room = await createRoom(alice, {
    others: [
      [bob, "member"],
      [carol, "member"],
    ],
    settings: { ...closedSettings, post: "admin" },
  });
  await room.add(alice, { kind: "remove", account: carol.id, ban: false }, room.renew());
  expect((await creating(alice, room.id, 10)).status).toBe(201);
  expect(await refusalOf(creating(bob, room.id, 10))).toEqual([403, "not-allowed"]);
  for (const stranger of [carol, dave]) expect(await refusalOf(creating(stranger, room.id, 10))).toEqual([404, "not-found"]);
  const unknown = `${"x".repeat(42)}A` as ConversationId;
  expect(await refusalOf(creating(alice, unknown, 10))).toEqual([404, "not-found"]);
});

test("[P10.4] what is too large, or more than the quota leaves, is refused before a byte is stored", async () => {
  const config = { maxUploadBytes: 1000, userQuotaBytes: 1500, uploadsQuotaBytes: 2000 };
  const { server, alice, bob, chat } = await aliceAndBob({ config });
  await using _ = server;
  expect(await refusalOf(creating(alice, chat.id, 1001))).toEqual([413, "file-too-large"]);
  expect(await alice.call(endpoints.fileQuota, {})).toEqual({ max_upload_bytes: 1000, quota_bytes: 1500, used_bytes: 0 });
  const first = await createUpload(alice, chat.id, 1000);
  expect((await alice.call(endpoints.fileQuota, {})).used_bytes).toBe(1000);
  expect(await refusalOf(creating(alice, chat.id, 501))).toEqual([413, "quota-exceeded"]);
  await createUpload(alice, chat.id, 500);
  // The server's own: 500 are left for everybody.
  expect(await refusalOf(creating(bob, chat.id, 501))).toEqual([413, "quota-exceeded"]);
  await createUpload(bob, chat.id, 500);
  expect(readdirSync(folderOf(server)).length).toBe(3);
  await tus(alice, "DELETE", first);
  expect((await creating(bob, chat.id, 1000)).status).toBe(201);
});

test("[P10.4] one account cannot keep the room of everybody by announcing what it does not send", async () => {
  const config = { maxUploadBytes: 1000, uploadsQuotaBytes: 30_000 };
  const { server, alice, bob, chat } = await aliceAndBob({ config });
  await using _ = server;
  const ids: BlobId[] = [];
  for (let made = 0; made < 3; made++) ids.push(await createUpload(alice, chat.id, 1000));
  const refused = creating(alice, chat.id, 1);
  expect(await refusalOf(refused)).toEqual([413, "quota-exceeded"]);
  expect((await creating(bob, chat.id, 1000)).status).toBe(201);
  // What is ended, and what a message names, makes room.
  expect((await tus(alice, "DELETE", ids[0])).status).toBe(204);
  expect((await creating(alice, chat.id, 1000)).status).toBe(201);
  const [, named] = ids as [BlobId, BlobId, BlobId];
  await patch(alice, named, 0, seededBytes(1000));
  expect((await creating(alice, chat.id, 1)).status).toBe(413);
  const { text } = envelopeOf(chat, alice, { blobs: [named] });
  await alice.call(endpoints.sendMessage, { body: { receiver: bob.email, content: text } });
  expect((await creating(alice, chat.id, 1000)).status).toBe(201);
});

test("[P10.4] without a quota for everybody, one account may announce what fills a message, and no more", async () => {
  const { server, alice, chat } = await aliceAndBob({ config: { maxUploadBytes: 1000 } });
  await using _ = server;
  for (let made = 0; made < limits.filesPerMessage; made++) await createUpload(alice, chat.id, 1000);
  expect(await refusalOf(creating(alice, chat.id, 1))).toEqual([413, "quota-exceeded"]);
});

test("[P10.4] of two uploads at once that fit alone but not together, one is refused", async () => {
  const { server, alice, chat } = await aliceAndBob({ config: { userQuotaBytes: 1000 } });
  await using _ = server;
  const answers = await Promise.all(Array.from({ length: 6 }, () => creating(alice, chat.id, 600)));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 413, 413, 413, 413, 413]);
});

test("[P10.4] making uploads is limited per account", async () => {
  const { server, alice, bob, chat } = await aliceAndBob({ config: { rateLimitScale: 1 } });
  await using _ = server;
  const answers = await Promise.all(Array.from({ length: 110 }, () => creating(alice, chat.id, 0)));
  expect(answers.filter(({ status }) => status === 201).length).toBe(100);
  expect(await refusalOf(answers.find(({ status }) => status !== 201) as Response)).toEqual([429, "rate-limited"]);
  expect((await creating(bob, chat.id, 0)).status).toBe(201);
});

test("[P10.4] a full disk is said so, and the upload goes on from what reached it once there is room", async () => {
  let room = 100_000;
  const full = () => Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  const { server, alice, chat } = await aliceAndBob({
    async writeChunk(file, bytes, at) {
      if (room === 0) throw full();
      const { bytesWritten } = await file.write(bytes, 0, Math.min(bytes.length, room), at);
      room -= bytesWritten;
      return bytesWritten;
    },
  });
  await using _ = server;
  const bytes = seededBytes(8 * mb);
  const id = await createUpload(alice, chat.id, bytes.length);
  expect(await refusalOf(patch(alice, id, 0, bytes))).toEqual([507, "storage-full"]);
  expect(await offsetOf(alice, id)).toBe(100_000);
  expect(await refusalOf(patch(alice, id, 100_000, bytes.slice(100_000)))).toEqual([507, "storage-full"]);
  expect(await offsetOf(alice, id)).toBe(100_000);
  room = Number.POSITIVE_INFINITY;
  expect((await patch(alice, id, 100_000, bytes.slice(100_000))).status).toBe(204);
  expect(await (await download(alice, id)).bytes()).toEqual(bytes);
});

/** Sends the beginning of a PATCH, on a connection of its own; resolves once the server has written that much. */
async function beginPatch(server: TestServer, url: string, token: string, id: BlobId, length: number, sent: Uint8Array) {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  socket.write(
    `PATCH ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${token}\r\nTus-Resumable: 1.0.0\r\n` +
      `Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: ${length}\r\n\r\n`,
  );
  socket.write(sent);
  while (statSync(join(folderOf(server), id)).size < sent.length) await new Promise((resolve) => setImmediate(resolve));
  return socket;
}

test("[P10.4] after a connection that was cut, or that is half dead, the upload goes on from exactly what was stored", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  const bytes = seededBytes(500_000);
  for (const isCut of [true, false]) {
    const id = await createUpload(alice, chat.id, bytes.length);
    const url = uploadsUrl(alice, id);
    const socket = await beginPatch(server, url, alice.token, id, bytes.length, bytes.slice(0, 70_000));
    if (isCut) socket.destroy();
    expect(await offsetOf(alice, id)).toBe(70_000);
    expect((await patch(alice, id, 70_000, bytes.slice(70_000))).status).toBe(204);
    expect(await (await download(alice, id)).bytes()).toEqual(bytes);
    socket.destroy();
  }
});

test("[P10.4] of two that send the same part at once, one is told to ask where the upload stands", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  const bytes = seededBytes(2 * mb);
  const id = await createUpload(alice, chat.id, bytes.length);
  const answers = await Promise.all([patch(alice, id, 0, bytes), patch(alice, id, 0, bytes)]);
  expect(answers.map(({ status }) => status).sort()).toEqual([204, 409]);
  expect(await (await download(alice, id)).bytes()).toEqual(bytes);
});

test("[P10.4] an upload whose last byte came just before a crash is whole once it is asked for", async () => {
  const { server, alice, chat } = await aliceAndBob();
  await using _ = server;
  const id = await upload(alice, chat, seededBytes(10));
  await server.core.db.updateTable("blobs").set({ is_whole: 0 }).execute();
  expect(await refusalOf(download(alice, id))).toEqual([404, "not-found"]);
  expect(await offsetOf(alice, id)).toBe(10);
  expect((await download(alice, id)).status).toBe(200);
});

test("other origins upload only where the operator lists them, and the security headers are everywhere", async () => {
  const { server, alice, chat } = await aliceAndBob({ config: { corsOrigins: ["https://app.example.org"] } });
  await using _ = server;
  for (const [origin, allowed] of [
    ["https://app.example.org", "https://app.example.org"],
    ["https://evil.example", null],
  ] as const) {
    const asked = { origin, "access-control-request-method": "PATCH" };
    const preflight = await fetch(uploadsUrl(alice, "x"), { method: "OPTIONS", headers: asked });
    expect(preflight.headers.get("access-control-allow-origin")).toBe(allowed);
    for (const name of ["if-range", "range", "tus-resumable", "upload-length", "upload-metadata", "upload-offset"])
      expect(preflight.headers.get("access-control-allow-headers")?.includes(name) ?? false).toBe(allowed !== null);
    const answers = [await creating(alice, chat.id, 0, { origin }), await tus(alice, "OPTIONS", "", { origin })];
    answers.push(await creating(alice, chat.id, -1, { origin }), await download(alice, "none", { origin }));
    for (const { headers } of answers) {
      expect(headers.get("access-control-allow-origin")).toBe(allowed);
      for (const name of ["etag", "upload-offset"])
        expect(headers.get("access-control-expose-headers")?.includes(name) ?? false).toBe(allowed !== null);
      expect(headers.get("access-control-allow-credentials")).toBe(null);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    }
  }
});

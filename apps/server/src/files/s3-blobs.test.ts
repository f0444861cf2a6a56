// What only a bucket has: parts, pages, a spool, a network. What every place for blobs does is in blob-store-contract.ts.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BlobId, ProtocolError } from "@cychat/protocol";
import { createLog } from "../log.ts";
import { TestS3 } from "../testing/test-s3.ts";
import { seededBytes } from "../testing/test-upload.ts";
import { openBlobStore } from "./open-blob-store.ts";
import { S3Blobs } from "./s3-blobs.ts";
import { S3Bucket } from "./s3-bucket.ts";
import { partKey } from "./s3-parts.ts";
import { Spool } from "./spool.ts";

const root = mkdtempSync(join(tmpdir(), "cychat-s3-blobs-"));
let s3: TestS3;
beforeAll(async () => {
  s3 = await TestS3.start();
});
afterAll(async () => {
  await s3[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});

const id = `${"x".repeat(42)}A` as BlobId;
let ground = 0;

/** On empty ground. */
function createStore() {
  ground += 1;
  const logged: string[] = [];
  const bucket = new S3Bucket({ ...s3.settings, prefix: `ground/${ground}/` });
  const spoolFolder = join(root, String(ground));
  const log = createLog("debug", (line) => logged.push(line));
  return { bucket, spoolFolder, logged, store: new S3Blobs({ bucket, spool: new Spool(spoolFolder), log }) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "no refusal",
    (error: unknown) => (error instanceof ProtocolError ? error.code : String(error)),
  );

test("a blob of more parts than one listing holds is read, goes on and is removed as a whole", async () => {
  const { bucket, store } = createStore();
  await store.create(id);
  const count = 1100;
  const bytes = seededBytes(count);
  const starts = Array.from({ length: count }, (_, start) => start);
  while (starts.length > 0)
    await Promise.all(starts.splice(0, 20).map((at) => bucket.put(partKey(id, at, 1), new Blob([bytes.subarray(at, at + 1)]))));
  const blob = await store.open(id);
  expect(blob?.size).toBe(count);
  expect(await new Response(blob?.read(990, 1010)).bytes()).toEqual(bytes.subarray(990, 1010));
  expect(await store.append(id, count, once(seededBytes(10, 2)))).toBe(count + 10);
  const old: BlobId[] = [];
  for await (const found of store.olderThan(Date.now() + 3_600_000)) old.push(found);
  expect(old).toEqual([id]);
  await store.remove([id]);
  expect(await store.open(id)).toBe(null);
});

test("what comes late from a connection that was given up, or leaves a gap, changes nothing that was acknowledged", async () => {
  const { bucket, store } = createStore();
  await store.create(id);
  const bytes = seededBytes(1000);
  const put = (start: number, end: number) => bucket.put(partKey(id, start, end - start), new Blob([bytes.subarray(start, end)]));
  await store.append(id, 0, once(bytes.subarray(0, 100)));
  await put(0, 70);
  await put(0, 130);
  await put(200, 300);
  expect((await store.open(id))?.size).toBe(130);
  await put(100, 150);
  const blob = await store.open(id);
  expect(blob?.size).toBe(150);
  expect(await new Response(blob?.read(0, 150)).bytes()).toEqual(bytes.subarray(0, 150));
});

test("an object whose length is not the one it was put with is not part of a blob", async () => {
  const { bucket, store } = createStore();
  await store.create(id);
  await store.append(id, 0, once(seededBytes(100)));
  await bucket.put(partKey(id, 100, 100), new Blob([seededBytes(99)]));
  expect((await store.open(id))?.size).toBe(100);
});

test("one append of more than a part holds is several objects, and nothing is left on this machine", async () => {
  const { bucket, store, spoolFolder } = createStore();
  await store.create(id);
  const mb = 1024 * 1024;
  await store.append(id, 0, once(seededBytes(17 * mb)));
  const sizes: number[] = [];
  for await (const { size } of bucket.list(id)) sizes.push(size);
  expect(sizes).toEqual([0, 8 * mb, 8 * mb, mb]);
  expect(readdirSync(spoolFolder)).toEqual([]);
});

test("what a crash left in the spool is gone at the next start", async () => {
  ground += 1;
  const uploadDir = join(root, String(ground));
  mkdirSync(join(uploadDir, "spool"), { recursive: true });
  writeFileSync(join(uploadDir, "spool", "left"), "something");
  await openBlobStore({ uploadDir, s3: s3.settings }, createLog("silent"));
  expect(readdirSync(uploadDir)).toEqual([]);
});

test("where another process empties the spool under a request, that is refused for now, and the next one goes on", async () => {
  const { store, spoolFolder } = createStore();
  await store.create(id);
  async function* emptying() {
    yield seededBytes(1000);
    rmSync(spoolFolder, { recursive: true });
    yield seededBytes(1000);
  }
  expect(await codeOf(store.append(id, 0, emptying()))).toBe("overloaded");
  expect((await store.open(id))?.size).toBe(0);
  expect(await store.append(id, 0, once(seededBytes(10)))).toBe(10);
});

test("an object that is gone ends the download, and is not taken for its end", async () => {
  const { bucket, store, logged } = createStore();
  await store.create(id);
  for (const at of [0, 1000]) await store.append(id, at, once(seededBytes(1000)));
  const blob = await store.open(id);
  await bucket.delete(partKey(id, 1000, 1000));
  expect(await codeOf(new Response(blob?.read(0, 2000)).bytes())).toBe("overloaded");
  expect(logged.map((line) => JSON.parse(line))).toMatchObject([{ event: "s3-failed", operation: "get", code: "NoSuchKey" }]);
});

test("a service that does not answer is overloaded within the time, and in the log stands nothing but a code", async () => {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  const { port } = silent.address() as { port: number };
  const settings = { ...s3.settings, endpoint: `http://127.0.0.1:${port}`, secretAccessKey: "not-to-be-logged" };
  const logged: string[] = [];
  const log = createLog("debug", (line) => logged.push(line));
  const store = new S3Blobs({ bucket: new S3Bucket(settings, 100), spool: new Spool(join(root, "silent")), log });
  expect(await codeOf(store.open(id))).toBe("overloaded");
  expect(await codeOf(store.create(id))).toBe("overloaded");
  await store.remove([id]);
  expect(logged.map((line) => JSON.parse(line).code)).toEqual(["Timeout", "Timeout", "Timeout"]);
  for (const secret of [...Object.values(settings), id, String(port)]) expect(logged.join("\n")).not.toContain(secret || "\0");
  silent.close();
});

test("at start, a wrong key, a bucket that is not there and a service that is not there are each one line", async () => {
  const start = (changed: object) =>
    openBlobStore({ uploadDir: root, s3: { ...s3.settings, ...changed } }, createLog("silent")).then(
      () => "started",
      (error: Error) => `${error.name}: ${error.message}`,
    );
  expect(await start({ secretAccessKey: "wrong" })).toBe(
    "ConfigError: S3_SECRET_ACCESS_KEY does not belong to S3_ACCESS_KEY_ID (SignatureDoesNotMatch).",
  );
  expect(await start({ accessKeyId: "nobody" })).toBe(
    "ConfigError: S3_ACCESS_KEY_ID is not known to the service (InvalidAccessKeyId).",
  );
  expect(await start({ bucket: "another" })).toBe("ConfigError: S3_BUCKET names no bucket that is there (NoSuchBucket).");
  expect(await start({ endpoint: "http://127.0.0.1:1" })).toBe(
    "ConfigError: S3_ENDPOINT does not answer as an S3 service does (ConnectionRefused).",
  );
  expect(await start({})).toBe("started");
});

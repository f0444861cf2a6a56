import { afterAll, beforeAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "../log.ts";
import { TestS3 } from "../testing/test-s3.ts";
import { testBlobStore } from "./blob-store-contract.ts";
import { openBlobStore } from "./open-blob-store.ts";
import type { WriteChunk } from "./write-chunk.ts";

const root = mkdtempSync(join(tmpdir(), "cychat-blobs-"));
let s3: TestS3;
beforeAll(async () => {
  s3 = await TestS3.start();
});
afterAll(async () => {
  await s3[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});

let ground = 0;
const uploadDir = () => join(root, String(ground));
const log = createLog("silent");

const inFolder = (write?: WriteChunk) => openBlobStore({ uploadDir: uploadDir(), s3: null }, log, write);
const inBucket = (write?: WriteChunk) =>
  openBlobStore({ uploadDir: uploadDir(), s3: { ...s3.settings, prefix: `ground/${ground}/` } }, log, write);

for (const [name, open] of [
  ["folder", inFolder],
  ["S3", inBucket],
] as const) {
  testBlobStore(name, {
    create(write) {
      ground += 1;
      return open(write);
    },
    reopen: open,
  });
}

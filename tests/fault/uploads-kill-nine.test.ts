import { expect, test } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type BlobId, endpoints } from "@cychat/protocol";
import { envelopeOf } from "../../apps/server/src/testing/test-chat.ts";
import { TestS3 } from "../../apps/server/src/testing/test-s3.ts";
import { createUpload, download, offsetOf, patch, seededBytes } from "../../apps/server/src/testing/test-upload.ts";
import { randomFrom } from "../support/random.ts";
import { startUploaders, type Uploaders } from "../support/uploaders.ts";

const seed = 20261202;
const kills = 6;
const uploads = 3;
const mb = 1024 * 1024;
const uploadBytes = 12 * mb + 345;

/** Everything that lies in a folder, in bytes. */
function bytesIn(folder: string): number {
  if (!existsSync(folder)) return 0;
  let bytes = 0;
  // What is removed between the two looks is nothing.
  for (const name of readdirSync(folder)) bytes += statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  return bytes;
}

/** Kills the server whenever so much has come in altogether, in the middle of a request. */
async function uploadThroughKills({ server, alice, bob, chat, uploadDir }: Uploaders): Promise<void> {
  const random = randomFrom(seed);
  const acknowledged = new Map<BlobId, number>();
  const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);
  let running = Promise.resolve();
  let isDone = false;
  let cutOff = 0;

  async function uploadAll(id: BlobId, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    for (;;) {
      try {
        const offset = await offsetOf(alice, id);
        if (offset === null) throw new Error("the upload is not known any more");
        expect(offset).toBeGreaterThanOrEqual(acknowledged.get(id) ?? 0);
        acknowledged.set(id, offset);
        if (offset === bytes.length) return;
        const part = bytes.slice(offset, offset + 1 + Math.floor(random() * 4 * mb));
        const answer = await patch(alice, id, offset, part);
        expect(answer.status).toBe(204);
        acknowledged.set(id, offset + part.length);
      } catch (error) {
        // Whatever is no lost connection is a failure of the test.
        if (!isLostConnection(error)) throw error;
        cutOff += 1;
        await running;
      }
    }
  }

  /** In the folder lies everything; from the spool it goes to the bucket, and is acknowledged. */
  const arrived = () =>
    Math.max(bytesIn(join(uploadDir, "blobs")), sum(acknowledged.values()) + bytesIn(join(uploadDir, "spool")));

  async function killAgainAndAgain(): Promise<void> {
    const total = uploads * uploadBytes;
    for (let kill = 1; kill <= kills; kill++) {
      const moment = Math.floor((total * (kill - 1 + random())) / (kills + 1));
      while (arrived() < moment && !isDone) await new Promise((resolve) => setImmediate(resolve));
      running = server.killHard().then(() => server.start());
      await running;
    }
  }

  const files = Array.from({ length: uploads }, (_, n) => seededBytes(uploadBytes, seed + n));
  const ids = await Promise.all(files.map(() => createUpload(alice, chat.id, uploadBytes)));
  const uploading = Promise.all(ids.map((id, n) => uploadAll(id, files[n] as (typeof files)[number]))).finally(() => {
    isDone = true;
  });
  await Promise.all([uploading, killAgainAndAgain()]);

  expect(cutOff).toBeGreaterThanOrEqual(kills / 2);
  expect((await alice.call(endpoints.fileQuota, {})).used_bytes).toBe(uploads * uploadBytes);
  const { text } = envelopeOf(chat, alice, { blobs: ids });
  await alice.call(endpoints.sendMessage, { body: { receiver: bob.email, content: text } });
  for (const [n, id] of ids.entries()) {
    const received = await (await download(bob, id)).bytes();
    expect(Buffer.compare(received, files[n] as Uint8Array)).toBe(0);
  }
  expect(bytesIn(join(uploadDir, "spool"))).toBe(0);
}

function isLostConnection(error: unknown): boolean {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return code === "ECONNRESET" || code === "ConnectionRefused" || code === "ConnectionClosed" || code === "ECONNREFUSED";
}

test("after kill -9 in the middle of uploads, they go on from at least what was acknowledged, and end byte for byte", async () => {
  await using uploaders = await startUploaders();
  await uploadThroughKills(uploaders);
  expect(readdirSync(join(uploaders.uploadDir, "blobs"))).toHaveLength(uploads);
}, 120_000);

test("the same with files in a bucket: only what was on its way is sent again", async () => {
  await using s3 = await TestS3.start();
  const { endpoint, bucket, accessKeyId, secretAccessKey } = s3.settings;
  const key = { S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey };
  await using uploaders = await startUploaders({ env: { S3_ENDPOINT: endpoint, S3_BUCKET: bucket, ...key } });
  await uploadThroughKills(uploaders);
}, 120_000);

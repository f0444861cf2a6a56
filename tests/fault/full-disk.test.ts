import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpoints } from "@cychat/protocol";
import { envelopeOf } from "../../apps/server/src/testing/test-chat.ts";
import { createUpload, download, offsetOf, patch, refusalOf, seededBytes } from "../../apps/server/src/testing/test-upload.ts";
import { startUploaders, type Uploaders } from "../support/uploaders.ts";

const mb = 1024 * 1024;

/** An upload of 8 MiB meets a disk with no room for it, which `makeRoom` gives it later. */
async function uploadToFullDisk({ alice, bob, chat }: Uploaders, makeRoom: () => Promise<void>): Promise<void> {
  const bytes = seededBytes(8 * mb);
  const id = await createUpload(alice, chat.id, bytes.length);
  const half = 4 * mb;
  expect((await patch(alice, id, 0, bytes.slice(0, mb))).status).toBe(204);
  expect(await refusalOf(patch(alice, id, mb, bytes.slice(mb)))).toEqual([507, "storage-full"]);
  const offset = (await offsetOf(alice, id)) ?? 0;
  expect(offset).toBeGreaterThanOrEqual(mb);
  expect(offset).toBeLessThanOrEqual(half);
  expect(await refusalOf(patch(alice, id, offset, bytes.slice(offset)))).toEqual([507, "storage-full"]);

  // Nothing that is half there counts as whole; it counts for the quota as what was announced; and people go on talking.
  expect(await refusalOf(download(alice, id))).toEqual([404, "not-found"]);
  const send = (blobs: (typeof id)[]) =>
    alice.attempt(endpoints.sendMessage, { body: { receiver: bob.email, content: envelopeOf(chat, alice, { blobs }).text } });
  expect((await send([id])).body.code).toBe("blob-missing");
  expect((await alice.call(endpoints.fileQuota, {})).used_bytes).toBe(bytes.length);
  expect((await send([])).status).toBe(201);
  expect((await bob.entries(chat.id)).length).toBe(2);

  await makeRoom();
  const left = (await offsetOf(alice, id)) ?? 0;
  expect(left).toBeGreaterThanOrEqual(offset);
  expect((await patch(alice, id, left, bytes.slice(left))).status).toBe(204);
  expect((await send([id])).status).toBe(201);
  expect(Buffer.compare(await (await download(bob, id)).bytes(), bytes)).toBe(0);
}

const run = (command: string, ...args: string[]) => spawnSync(command, args).status === 0;

/** A disk of 12 MiB, most of which is taken; null where this process may mount nothing. */
function mountSmallDisk() {
  const folder = mkdtempSync(join(tmpdir(), "cychat-disk-"));
  if (!run("mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", folder)) {
    rmSync(folder, { recursive: true });
    return null;
  }
  const filler = join(folder, "filler");
  writeFileSync(filler, new Uint8Array(9 * mb));
  return {
    folder,
    makeRoom: async () => rmSync(filler),
    [Symbol.dispose]() {
      run("umount", folder);
      rmSync(folder, { recursive: true });
    },
  };
}

const disk = mountSmallDisk();
const isMountable = disk !== null;
disk?.[Symbol.dispose]();

test.skipIf(!isMountable)(
  "a disk that is full refuses uploads as storage-full and nothing else, and they go on once there is room",
  async () => {
    using small = mountSmallDisk();
    if (!small) throw new Error("could not mount");
    await using uploaders = await startUploaders({ env: { UPLOAD_DIR: join(small.folder, "uploads") } });
    await uploadToFullDisk(uploaders, small.makeRoom);
  },
  60_000,
);

// Needs no rights, so that there is always one of the two.
test("files that may not get larger refuse uploads as storage-full and nothing else, and they go on once they may", async () => {
  await using uploaders = await startUploaders({ maxFileKb: 4096 });
  await uploadToFullDisk(uploaders, () => uploaders.server.liftFileLimit());
}, 60_000);

// What every place for blobs has to do. Run for each of them by blob-store.test.ts.
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { type BlobId, ProtocolError } from "@cychat/protocol";
import { seededBytes } from "../testing/test-upload.ts";
import type { BlobStore } from "./blob-store.ts";
import { type WriteChunk, writeChunk } from "./write-chunk.ts";

export interface BlobStoreUnderTest {
  /** One on empty ground. */
  create(write?: WriteChunk): Promise<BlobStore>;
  /** Another on the ground of the last one, as a process that starts later has it. */
  reopen(write?: WriteChunk): Promise<BlobStore>;
}

const kb = 1024;
const mb = 1024 * kb;
/** Ids end in a letter that stands for whole bytes. */
const idOf = (name: string) => `${name.padStart(42, "b")}A` as BlobId;
const [one, two, unknown] = [idOf("one"), idOf("two"), idOf("unknown")];

async function* inPieces(bytes: Uint8Array<ArrayBuffer>, pieceBytes: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** Gives the beginning, and then fails as a lost connection does. */
async function* cutOff(bytes: Uint8Array<ArrayBuffer>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield* inPieces(bytes, 1000);
  throw new Error("the connection was lost");
}

const sizeOf = async (store: BlobStore, id: BlobId) => (await store.open(id))?.size ?? null;

async function readOf(store: BlobStore, id: BlobId, start = 0, end?: number): Promise<Uint8Array> {
  const blob = await store.open(id);
  if (!blob) throw new Error("no such blob");
  return new Response(blob.read(start, end ?? blob.size)).bytes();
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "no refusal",
    (error: unknown) => (error instanceof ProtocolError ? error.code : String(error)),
  );

async function idsOf(ids: AsyncIterable<BlobId>): Promise<BlobId[]> {
  const all: BlobId[] = [];
  for await (const id of ids) all.push(id);
  return all.sort();
}

export function testBlobStore(name: string, { create, reopen }: BlobStoreUnderTest): void {
  const rule = (text: string, run: () => Promise<void>) => test(`${name}: ${text}`, run);

  rule("a blob that was made is empty, and one that was not is none", async () => {
    const store = await create();
    await store.create(one);
    expect([await sizeOf(store, one), await sizeOf(store, unknown)]).toEqual([0, null]);
    expect((await readOf(store, one)).length).toBe(0);
    expect(await store.append(one, 0, inPieces(new Uint8Array(), 1))).toBe(0);
    expect(await sizeOf(store, one)).toBe(0);
  });

  rule("what is appended is read back byte for byte, and any range of it across the borders of appends", async () => {
    const store = await create();
    await store.create(one);
    const bytes = seededBytes(300 * kb);
    const borders = [0, 10, 11, 70 * kb, 70 * kb + 1, 200 * kb, bytes.length];
    for (const [index, end] of borders.slice(1).entries()) {
      const start = borders[index] as number;
      expect(await store.append(one, start, inPieces(bytes.subarray(start, end), 7000))).toBe(end);
      await store.sync(one);
      expect(await sizeOf(store, one)).toBe(end);
    }
    expect(await readOf(store, one)).toEqual(bytes);
    for (const start of [1, ...borders, 150 * kb])
      for (const end of [1, ...borders, 1000, bytes.length - 1])
        if (start <= end) expect(await readOf(store, one, start, end)).toEqual(bytes.subarray(start, end));
  });

  rule("one goes on only where a blob ends, and only with one that is there", async () => {
    const store = await create();
    await store.create(one);
    await store.append(one, 0, inPieces(seededBytes(100), 10));
    for (const at of [0, 99, 101, 5000])
      expect(await codeOf(store.append(one, at, inPieces(seededBytes(10), 10)))).toBe("version-conflict");
    expect(await codeOf(store.append(unknown, 0, inPieces(seededBytes(10), 10)))).toBe("not-found");
    expect([await sizeOf(store, one), await sizeOf(store, unknown)]).toEqual([100, null]);
    expect(await readOf(store, one)).toEqual(seededBytes(100));
  });

  rule("after a source that failed, the blob has what it gave, and goes on there, also in another process", async () => {
    let store = await create();
    await store.create(one);
    const bytes = seededBytes(50_000);
    expect(await codeOf(store.append(one, 0, cutOff(bytes.subarray(0, 20_000))))).toBe("Error: the connection was lost");
    expect(await sizeOf(store, one)).toBe(20_000);
    expect(await codeOf(store.append(one, 20_000, cutOff(bytes.subarray(0, 0))))).toBe("Error: the connection was lost");
    store = await reopen();
    await store.sync(one);
    expect(await sizeOf(store, one)).toBe(20_000);
    expect(await store.append(one, 20_000, inPieces(bytes.subarray(20_000), 999))).toBe(50_000);
    expect(await readOf(store, one)).toEqual(bytes);
  });

  rule("a full disk is said so, and the blob goes on from what reached it once there is room", async () => {
    let room = 30_000;
    const write: WriteChunk = async (file, bytes, at) => {
      if (room === 0) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      const written = await writeChunk(file, bytes.subarray(0, room), at);
      room -= written;
      return written;
    };
    const store = await create(write);
    await store.create(one);
    const bytes = seededBytes(100_000);
    expect(await codeOf(store.append(one, 0, inPieces(bytes, 7000)))).toBe("storage-full");
    expect(await sizeOf(store, one)).toBe(30_000);
    expect(await codeOf(store.append(one, 30_000, inPieces(bytes.subarray(30_000), 7000)))).toBe("storage-full");
    expect(await sizeOf(store, one)).toBe(30_000);
    room = Number.MAX_SAFE_INTEGER;
    expect(await store.append(one, 30_000, inPieces(bytes.subarray(30_000), 7000))).toBe(100_000);
    expect(await readOf(store, one)).toEqual(bytes);
  });

  rule("twenty megabytes go in and out in streams", async () => {
    const store = await create();
    await store.create(one);
    const [written, read] = [createHash("sha256"), createHash("sha256")];
    let at = 0;
    for (const part of [9 * mb, 3 * mb, 8 * mb]) {
      const bytes = seededBytes(part, at + 1);
      written.update(bytes);
      at = await store.append(one, at, inPieces(bytes, 64 * kb));
    }
    expect(at).toBe(20 * mb);
    const blob = await store.open(one);
    let largest = 0;
    for await (const chunk of blob?.read(0, blob.size) ?? []) {
      read.update(chunk);
      largest = Math.max(largest, chunk.length);
    }
    expect(read.digest("hex")).toBe(written.digest("hex"));
    expect(largest).toBeLessThanOrEqual(2 * mb);
  });

  rule("who reads while another appends gets the beginning that was there", async () => {
    const store = await create();
    await store.create(one);
    const bytes = seededBytes(200_000);
    await store.append(one, 0, inPieces(bytes.subarray(0, 100_000), 9000));
    const before = await store.open(one);
    const reading = Array.from({ length: 4 }, () => new Response(before?.read(0, 100_000)).bytes());
    const appending = store.append(one, 100_000, inPieces(bytes.subarray(100_000), 1000));
    for (const read of await Promise.all(reading)) expect(read).toEqual(bytes.subarray(0, 100_000));
    await appending;
    expect(await readOf(store, one)).toEqual(bytes);
  });

  rule("a reader that stops early harms nobody", async () => {
    const store = await create();
    await store.create(one);
    const bytes = seededBytes(4 * mb);
    await store.append(one, 0, inPieces(bytes, 64 * kb));
    for (let reader = 0; reader < 20; reader++) {
      const stream = (await store.open(one))?.read(1, bytes.length).getReader();
      if (reader % 2 === 0) await stream?.read();
      await stream?.cancel();
    }
    expect(await readOf(store, one)).toEqual(bytes);
  });

  rule("what is removed is gone, and nothing else is", async () => {
    const store = await create();
    for (const id of [one, two]) {
      await store.create(id);
      await store.append(id, 0, inPieces(seededBytes(1000), 100));
      await store.append(id, 1000, inPieces(seededBytes(1000, 2), 100));
    }
    await store.remove([one, unknown]);
    await store.remove([one]);
    expect([await sizeOf(store, one), await sizeOf(store, two)]).toEqual([null, 2000]);
    expect(await codeOf(store.append(one, 2000, inPieces(seededBytes(10), 10)))).toBe("not-found");
    expect(await idsOf(store.olderThan(Date.now() + 3_600_000))).toEqual([two]);
  });

  rule("those that were last written before a moment are told, each once", async () => {
    const store = await create();
    for (const id of [one, two]) await store.create(id);
    for (const at of [0, 100]) await store.append(two, at, inPieces(seededBytes(100), 10));
    expect(await idsOf(store.olderThan(Date.now() + 3_600_000))).toEqual([one, two].sort());
    expect(await idsOf(store.olderThan(Date.now() - 3_600_000))).toEqual([]);
  });
}

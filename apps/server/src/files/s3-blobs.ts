// Uploaded files in a bucket. A blob is the run of its parts (s3-parts.ts): what one append brought is put as one object or a few,
// and a put is atomic, so that nothing is ever half stored. Any process with the same bucket and database goes on with an upload;
// only what is on its way lies on this machine.
import { type BlobId, ProtocolError } from "@cychat/protocol";
import { WorkGate } from "../auth/service.ts";
import type { Log } from "../log.ts";
import type { BlobStore, StoredBlob } from "./blob-store.ts";
import { asDiskRefusal } from "./disk-refusal.ts";
import type { S3Bucket } from "./s3-bucket.ts";
import { asS3Failure, asS3Refusal, S3Failure } from "./s3-failure.ts";
import { type Part, partKey, readPart, unbrokenRun } from "./s3-parts.ts";
import type { Spool, SpoolFile } from "./spool.ts";

/** What clients send in one request: then that is one object. */
const maxPartBytes = 8 * 1024 * 1024;
/** A part is in memory while it is put; so many of them are at most. */
const puts = { maxRunning: 4, maxWaiting: 1000 };
const deletesAtOnce = 8;

export interface S3BlobsDeps {
  readonly bucket: S3Bucket;
  readonly spool: Spool;
  readonly log: Log;
}

export class S3Blobs implements BlobStore {
  readonly #bucket: S3Bucket;
  readonly #spool: Spool;
  readonly #log: Log;
  readonly #puts = new WorkGate(puts);

  constructor({ bucket, spool, log }: S3BlobsDeps) {
    this.#bucket = bucket;
    this.#spool = spool;
    this.#log = log;
  }

  /** The empty part says that the blob is there. */
  async create(id: BlobId): Promise<void> {
    await this.#refusing("put", () => this.#bucket.put(partKey(id, 0, 0), new Blob()));
  }

  async open(id: BlobId): Promise<StoredBlob | null> {
    const parts: Part[] = [];
    await this.#refusing("list", async () => {
      for await (const { key, size } of this.#bucket.list(`${id}/`)) {
        const part = readPart(key, size);
        if (part) parts.push(part);
      }
    });
    if (parts.length === 0) return null;
    const run = unbrokenRun(parts);
    return { size: run.at(-1)?.end ?? 0, read: (start, end) => streamOf(this.#read(run, start, end)) };
  }

  async append(id: BlobId, from: number, chunks: AsyncIterable<Uint8Array>): Promise<number> {
    const blob = await this.open(id);
    if (blob === null) throw new ProtocolError("not-found");
    if (blob.size !== from) throw new ProtocolError("version-conflict");
    return this.#refusing("put", async () => {
      await using file = await this.#spool.open();
      let at = from;
      const store = async () => {
        if (file.size > 0) at += await this.#put(id, at, file);
      };
      try {
        for await (const chunk of chunks) {
          for (let taken = 0; taken < chunk.length; ) {
            if (file.size === maxPartBytes) await store();
            const piece = chunk.subarray(taken, taken + maxPartBytes - file.size);
            await file.add(piece);
            taken += piece.length;
          }
        }
      } catch (error) {
        // The connection was lost, or the disk is full: the upload goes on after what came before that.
        if (!(error instanceof S3Failure)) await store();
        throw error;
      }
      await store();
      return at;
    });
  }

  /** A put that was answered is durable, and one that was not has left a whole part or none. */
  async sync(): Promise<void> {}

  async remove(ids: readonly BlobId[]): Promise<void> {
    for (const id of ids) {
      try {
        await this.#removeAll(id);
      } catch (error) {
        this.#log.warn("file-not-removed", { code: asS3Failure(error).code });
      }
    }
  }

  /** Buckets are listed in the order of their keys, so that the parts of a blob come together. */
  async *olderThan(beforeMs: number): AsyncGenerator<BlobId> {
    let current = null as { readonly id: BlobId; writtenMs: number } | null;
    try {
      for await (const { key, size, modifiedMs } of this.#bucket.list("")) {
        const part = readPart(key, size);
        if (!part) continue;
        if (current?.id === part.id) {
          current.writtenMs = Math.max(current.writtenMs, modifiedMs);
          continue;
        }
        if (current && current.writtenMs < beforeMs) yield current.id;
        current = { id: part.id, writtenMs: modifiedMs };
      }
    } catch (error) {
      throw this.#refusal("list", error);
    }
    if (current && current.writtenMs < beforeMs) yield current.id;
  }

  /** How many bytes that were. */
  async #put(id: BlobId, at: number, file: SpoolFile): Promise<number> {
    const { size } = file;
    await this.#puts.run(() => this.#bucket.put(partKey(id, at, size), Bun.file(file.path)));
    await file.empty();
    return size;
  }

  async *#read(run: readonly Part[], start: number, end: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    try {
      for (const part of run) {
        const [first, last] = [Math.max(start, part.start), Math.min(end, part.end)];
        if (first < last) yield* this.#bucket.read(part.key, first - part.start, last - part.start);
      }
    } catch (error) {
      throw this.#refusal("get", error);
    }
  }

  async #removeAll(id: BlobId): Promise<void> {
    const keys: string[] = [];
    for await (const { key } of this.#bucket.list(`${id}/`)) keys.push(key);
    while (keys.length > 0) await Promise.all(keys.splice(0, deletesAtOnce).map((key) => this.#bucket.delete(key)));
  }

  async #refusing<T>(operation: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw this.#refusal(operation, error);
    }
  }

  #refusal(operation: string, error: unknown): unknown {
    if (!(error instanceof S3Failure)) return asDiskRefusal(error);
    this.#log.error("s3-failed", { operation, code: error.code });
    return asS3Refusal(error);
  }
}

/** Asks for a chunk only when one is wanted. */
function streamOf(chunks: AsyncGenerator<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await chunks.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

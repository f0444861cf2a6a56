// Uploaded files on disk: `blobs/<id>`.
import { mkdirSync } from "node:fs";
import { type FileHandle, open, opendir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { BlobId, ProtocolError } from "@cychat/protocol";
import * as v from "valibot";
import { WorkGate } from "../auth/service.ts";
import type { Log } from "../log.ts";
import { syncFolder } from "../sync-folder.ts";
import type { BlobStore, StoredBlob } from "./blob-store.ts";
import { asDiskRefusal, codeOf } from "./disk-refusal.ts";
import { type WriteChunk, writeAll, writeChunk } from "./write-chunk.ts";

/** What is not on the disk yet of one upload is at most so much: whoever waits for the disk behind it waits a moment. */
const flushBytes = 4 * 1024 * 1024;

export class BlobFiles implements BlobStore {
  readonly #folder: string;
  readonly #syncs = new WorkGate({ maxRunning: 1, maxWaiting: 10_000 });
  readonly #log: Log;
  readonly #write: WriteChunk;

  constructor(uploadDir: string, log: Log, write: WriteChunk = writeChunk) {
    this.#folder = join(uploadDir, "blobs");
    this.#log = log;
    this.#write = write;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  async create(id: BlobId): Promise<void> {
    try {
      await (await open(this.#path(id), "wx", 0o600)).close();
      await syncFolder(this.#folder);
    } catch (error) {
      throw asDiskRefusal(error);
    }
  }

  async open(id: BlobId): Promise<StoredBlob | null> {
    const path = this.#path(id);
    try {
      const { size } = await stat(path);
      return { size, read: (start, end) => Bun.file(path).slice(start, end).stream() };
    } catch (error) {
      if (codeOf(error) === "ENOENT") return null;
      throw error;
    }
  }

  async append(id: BlobId, from: number, chunks: AsyncIterable<Uint8Array>): Promise<number> {
    let file: FileHandle | null = null;
    let at = from;
    try {
      file = await open(this.#path(id), "r+");
      // Beyond the end there would be a hole, and before it what was acknowledged.
      if ((await file.stat()).size !== from) throw new ProtocolError("version-conflict");
      let synced = from;
      for await (const chunk of chunks) {
        at = await writeAll(this.#write, file, chunk, at);
        if (at - synced < flushBytes) continue;
        await this.#synced(file);
        synced = at;
      }
      await this.#synced(file);
      return at;
    } catch (error) {
      throw asDiskRefusal(error);
    } finally {
      await file?.close();
    }
  }

  async sync(id: BlobId): Promise<void> {
    const file = await open(this.#path(id), "r+");
    try {
      await this.#synced(file);
    } finally {
      await file.close();
    }
  }

  async remove(ids: readonly BlobId[]): Promise<void> {
    for (const id of ids) {
      try {
        await rm(this.#path(id), { force: true });
      } catch (cause) {
        this.#log.warn("file-not-removed", { cause });
      }
    }
  }

  async *olderThan(beforeMs: number): AsyncGenerator<BlobId> {
    for await (const { name } of await opendir(this.#folder)) {
      const id = v.safeParse(BlobId, name);
      if (!id.success) continue;
      const writtenMs = await stat(this.#path(id.output)).then(
        ({ mtimeMs }) => mtimeMs,
        () => Number.POSITIVE_INFINITY,
      );
      if (writtenMs < beforeMs) yield id.output;
    }
  }

  /** One after another: a message waits for the disk behind one of them, and not behind fifty. */
  #synced(file: FileHandle): Promise<void> {
    return this.#syncs.run(() => file.sync());
  }

  #path(id: BlobId): string {
    return join(this.#folder, id);
  }
}

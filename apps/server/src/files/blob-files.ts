// Uploaded files on disk: `blobs/<id>`, written from front to back and never changed. What lies there is ciphertext.
import { mkdirSync } from "node:fs";
import { type FileHandle, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { BlobId, ProtocolError } from "@cychat/protocol";
import * as v from "valibot";
import type { Log } from "../log.ts";
import { syncFolder } from "../sync-folder.ts";

/** Writes the beginning of `bytes` at a place in the file; how many of them that were. */
export type WriteChunk = (file: FileHandle, bytes: Uint8Array, at: number) => Promise<number>;

const writeChunk: WriteChunk = async (file, bytes, at) => (await file.write(bytes, 0, bytes.length, at)).bytesWritten;

export class BlobFiles {
  readonly #folder: string;
  readonly #log: Log;
  readonly #write: WriteChunk;

  constructor(uploadDir: string, log: Log, write: WriteChunk = writeChunk) {
    this.#folder = join(uploadDir, "blobs");
    this.#log = log;
    this.#write = write;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  path(id: BlobId): string {
    return join(this.#folder, id);
  }

  /** An empty one, whose name is durable when it resolves. Throws `storage-full`. */
  async create(id: BlobId): Promise<void> {
    try {
      await (await open(this.path(id), "wx", 0o600)).close();
      await syncFolder(this.#folder);
    } catch (error) {
      throw asRefusal(error);
    }
  }

  /** Null: there is none. */
  async size(id: BlobId): Promise<number | null> {
    try {
      return (await stat(this.path(id))).size;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return null;
      throw error;
    }
  }

  /**
   * Writes on from `from`, which is where the file ends; its new size, durable when it resolves. Where it rejects, what was
   * written until then stays, and the file's size says how much that was. Throws `storage-full` or `not-found`.
   */
  async append(id: BlobId, from: number, chunks: AsyncIterable<Uint8Array>): Promise<number> {
    let file: FileHandle | null = null;
    let at = from;
    try {
      file = await open(this.path(id), "r+");
      for await (const chunk of chunks) {
        for (let done = 0; done < chunk.length; ) {
          const written = await this.#write(file, chunk.subarray(done), at);
          done += written;
          at += written;
        }
      }
      await file.sync();
      return at;
    } catch (error) {
      throw asRefusal(error);
    } finally {
      await file?.close();
    }
  }

  async sync(id: BlobId): Promise<void> {
    const file = await open(this.path(id), "r+");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Never rejects: what cannot be removed now, the collector finds later. */
  async remove(ids: readonly BlobId[]): Promise<void> {
    for (const id of ids) {
      try {
        await rm(this.path(id), { force: true });
      } catch (cause) {
        this.#log.warn("file-not-removed", { cause });
      }
    }
  }

  /** Those last written before `beforeMs`. */
  async olderThan(beforeMs: number): Promise<BlobId[]> {
    const old: BlobId[] = [];
    for (const name of await readdir(this.#folder)) {
      const id = v.safeParse(BlobId, name);
      if (!id.success) continue;
      const writtenMs = await stat(this.path(id.output)).then(
        ({ mtimeMs }) => mtimeMs,
        () => Number.POSITIVE_INFINITY,
      );
      if (writtenMs < beforeMs) old.push(id.output);
    }
    return old;
  }
}

function asRefusal(error: unknown): unknown {
  const code = codeOf(error);
  if (code === "ENOSPC" || code === "EDQUOT") return new ProtocolError("storage-full");
  return code === "ENOENT" ? new ProtocolError("not-found") : error;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code;
}

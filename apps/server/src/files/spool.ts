// Temporary files for what is on its way to a bucket, so that a slow upload takes no memory. Nothing here outlives its request:
// what a crash leaves behind is not stored yet, was not acknowledged, and goes at the next start.
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { type WriteChunk, writeAll, writeChunk } from "./write-chunk.ts";

export class Spool {
  readonly #folder: string;
  readonly #write: WriteChunk;

  /** Deletes what is in the folder. */
  constructor(folder: string, write: WriteChunk = writeChunk) {
    this.#folder = folder;
    this.#write = write;
    rmSync(folder, { recursive: true, force: true });
  }

  async open(): Promise<SpoolFile> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, randomUUID());
    return new SpoolFile(path, await open(path, "wx", 0o600), this.#write);
  }
}

/** Gone at the end of its `using` block. */
export class SpoolFile implements AsyncDisposable {
  #size = 0;

  constructor(
    readonly path: string,
    readonly handle: FileHandle,
    readonly write: WriteChunk,
  ) {}

  /** Bytes. */
  get size(): number {
    return this.#size;
  }

  async add(bytes: Uint8Array): Promise<void> {
    try {
      this.#size = await writeAll(this.write, this.handle, bytes, this.#size);
    } catch (error) {
      // A part of them may be there.
      this.#size = (await this.handle.stat()).size;
      throw error;
    }
  }

  async empty(): Promise<void> {
    await this.handle.truncate(0);
    this.#size = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.handle.close();
    await rm(this.path, { force: true });
  }
}

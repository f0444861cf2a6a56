// Writing to a file on disk; a seam for tests of a disk that is full.
import type { FileHandle } from "node:fs/promises";

/** Writes the beginning of `bytes` at a place in the file; how many of them that were. */
export type WriteChunk = (file: FileHandle, bytes: Uint8Array, at: number) => Promise<number>;

export const writeChunk: WriteChunk = async (file, bytes, at) => (await file.write(bytes, 0, bytes.length, at)).bytesWritten;

/** All of `bytes` from `at` on; where they end. What was written when it rejects stays. */
export async function writeAll(write: WriteChunk, file: FileHandle, bytes: Uint8Array, at: number): Promise<number> {
  let done = 0;
  while (done < bytes.length) done += await write(file, bytes.subarray(done), at + done);
  return at + done;
}

// What a file's blob looks like from outside (PROTOCOL.md P10.1): its key, its chunks, its length. Needed wherever files are named;
// encrypting them is a part of its own, which pages load with the first file.
import { limits } from "@cychat/protocol";
import { padmeLength } from "./padding.ts";
import { type Bytes, keyBytes, randomBytes } from "./primitives.ts";

/** In bytes. */
export const filePrefixBytes = 7;
export const tagBytes = 16;
export const chunkBytes = limits.fileChunkBytes;
export const sealedChunkBytes = chunkBytes + tagBytes;
export const chunksPerSegment = 16;

/** What a file is read and written by: about 1 MiB of its blob. */
export const fileSegmentBytes = chunksPerSegment * sealedChunkBytes;

/** Of one upload: a file that is sent again gets another one. */
export interface FileSecret {
  /** 32 bytes. */
  readonly key: Bytes;
  /** 7 bytes: the beginning of every chunk's IV. */
  readonly prefix: Bytes;
}

export function generateFileSecret(): FileSecret {
  return { key: randomBytes(keyBytes), prefix: randomBytes(filePrefixBytes) };
}

/** How long the blob of a file is. */
export function blobLength(size: number): number {
  return padmeLength(size) + chunkCount(size) * tagBytes;
}

export const chunkCount = (size: number): number => Math.max(1, Math.ceil(padmeLength(size) / chunkBytes));

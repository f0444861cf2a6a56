// Files that wait to be sent, encrypted already, in segments: they outlive the page, and the disk never sees them in clear.
import { blobLength, type FileSecret, type ReadBytes, sealFile } from "@cychat/crypto";
import { limits, type MessageId } from "@cychat/protocol";
import type { Store, Write } from "../store/store.ts";
import { type OutboxRecord, tables } from "../store/tables.ts";

/** About 1 MiB: sixteen chunks with their tags. */
const chunksPerSegment = 16;
const segmentBytes = chunksPerSegment * (limits.fileChunkBytes + 16);

const groupOf = (id: MessageId, index: number): string => `${id}/${index}`;

function segmentCount(size: number): number {
  return Math.ceil(blobLength(size) / segmentBytes);
}

/** What takes the segments of a message's files away. */
export function segmentDeletes({ id, content }: Pick<OutboxRecord, "id" | "content">): Write[] {
  if (content.kind !== "files") return [];
  return deletesOf(
    id,
    content.files.map(({ size }) => segmentCount(size)),
  );
}

function deletesOf(id: MessageId, counts: readonly number[]): Write[] {
  return counts.flatMap((count, index) =>
    Array.from({ length: count }, (_, segment) => tables.fileSegments.delete(groupOf(id, index), segment)),
  );
}

/** Says which message's files are being encrypted, so that what a crash leaves of them can be found. */
export async function beginFiles(store: Store, id: MessageId, sizes: readonly number[]): Promise<void> {
  await store.write([tables.unfinishedFiles.put("", id, sizes.map(segmentCount))]);
}

/** To be written together with the message. */
export const endFiles = (id: MessageId): Write => tables.unfinishedFiles.delete("", id);

export async function dropFiles(store: Store, id: MessageId, sizes: readonly number[]): Promise<void> {
  await store.write([...deletesOf(id, sizes.map(segmentCount)), endFiles(id)]);
}

/** Deletes what was being encrypted when this client ended. */
export async function dropUnfinishedFiles(store: Store): Promise<void> {
  for (const { key, value } of await tables.unfinishedFiles.list(store))
    await store.write([...deletesOf(key as MessageId, value), endFiles(key as MessageId)]);
}

/** Encrypts one file into the store, a segment at a time; gives the blob's hash. `progress`: bytes that are done. */
export async function keepFile(
  store: Store,
  place: { readonly id: MessageId; readonly index: number },
  secret: FileSecret,
  size: number,
  read: ReadBytes,
  progress: (bytes: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const sealing = sealFile(secret, size, read);
  const group = groupOf(place.id, place.index);
  let parts: Uint8Array<ArrayBuffer>[] = [];
  let segment = 0;
  for (;;) {
    const step = await sealing.next();
    if (step.done !== true) parts.push(step.value);
    if (parts.length === chunksPerSegment || (step.done === true && parts.length > 0)) {
      await store.write([tables.fileSegments.put(group, segment, new Uint8Array(await new Blob(parts).arrayBuffer()))]);
      segment += 1;
      parts = [];
      progress(Math.min(size, segment * chunksPerSegment * limits.fileChunkBytes));
    }
    if (step.done === true) return step.value;
  }
}

/** Bytes of a kept file's blob; fewer than asked for where a segment is gone. */
export function keptBytes(store: Store, id: MessageId, index: number): ReadBytes {
  let known: { readonly segment: number; readonly bytes: Uint8Array } | null = null;
  const segmentAt = async (segment: number) => {
    if (known?.segment !== segment) {
      const bytes = (await tables.fileSegments.read(store, groupOf(id, index), segment)) ?? new Uint8Array(0);
      known = { segment, bytes };
    }
    return known.bytes;
  };
  return async (from, to) => {
    const bytes = new Uint8Array(to - from);
    let at = from;
    while (at < to) {
      const segment = Math.floor(at / segmentBytes);
      const start = at - segment * segmentBytes;
      const piece = (await segmentAt(segment)).subarray(start, start + to - at);
      if (piece.length === 0) break;
      bytes.set(piece, at - from);
      at += piece.length;
    }
    return bytes.subarray(0, at - from);
  };
}

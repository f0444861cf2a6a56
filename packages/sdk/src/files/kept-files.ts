// Files that wait to be sent, encrypted already, in segments: they outlive the page, and the disk never sees them in clear.
import { blobLength, fileSegmentBytes } from "@cychat/crypto";
import { limits, type MessageId } from "@cychat/protocol";
import type { Store, Write } from "../store/store.ts";
import { type OutboxRecord, tables } from "../store/tables.ts";
import { piecedTogether, type ReadBlob } from "./growing-file.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const plainSegmentBytes = (fileSegmentBytes / (limits.fileChunkBytes + 16)) * limits.fileChunkBytes;
/** A write waits for the disk. */
const segmentsPerWrite = 2;

const groupOf = (id: MessageId, index: number): string => `${id}/${index}`;

function segmentCount(size: number): number {
  return Math.ceil(blobLength(size) / fileSegmentBytes);
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

/**
 * Takes an encrypted file into the store, a few segments at a time; gives the blob's hash. `onSegment`: a segment is stored,
 * and its file is encrypted up to these bytes.
 */
export async function keepFile(
  store: Store,
  place: { readonly id: MessageId; readonly index: number },
  sealing: AsyncGenerator<Blob, Bytes>,
  size: number,
  onSegment: (segment: Blob, encryptedBytes: number) => void,
): Promise<Bytes> {
  const group = groupOf(place.id, place.index);
  let stored = 0;
  let waiting: Blob[] = [];
  const keep = async () => {
    const segments = waiting;
    waiting = [];
    await store.write(segments.map((segment, n) => tables.fileSegments.put(group, stored + n, segment)));
    for (const segment of segments) {
      stored += 1;
      onSegment(segment, Math.min(size, stored * plainSegmentBytes));
    }
  };
  for (;;) {
    const step = await sealing.next();
    if (step.done === true) {
      if (waiting.length > 0) await keep();
      return step.value;
    }
    waiting.push(step.value);
    if (waiting.length === segmentsPerWrite) await keep();
  }
}

/** Bytes of a kept file's blob; fewer than asked for where a segment is gone. */
export function keptFile(store: Store, id: MessageId, index: number): ReadBlob {
  return (from, to) => piecedTogether(from, to, (segment) => tables.fileSegments.read(store, groupOf(id, index), segment));
}

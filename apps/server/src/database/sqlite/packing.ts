// Batches on their way between the threads: one text and one buffer that changes hands, because cloning an object for
// every message costs several times its insert.
import type { AccountId, BlobId, ConversationId, DeviceId, MessageId } from "@cychat/protocol";
import type { MessageBatch, MessageOutcome, PendingMessage } from "../batches.ts";

export interface PackedMessages {
  /** JSON of {@link Fields} for each message, one after the other. */
  readonly text: string;
  /** The envelopes, one after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The blobs of those few messages that name some, by their place in the batch. */
  readonly blobs: ReadonlyMap<number, readonly BlobId[]>;
}

type Fields = [ConversationId, AccountId, DeviceId, MessageId, epoch: number, envelopeBytes: number];
const fieldCount = 6;
const noBlobs: readonly BlobId[] = [];

export function packMessages(batch: MessageBatch): PackedMessages {
  let size = 0;
  for (const { envelope } of batch) size += envelope.length;
  const bytes = new Uint8Array(size);
  const fields: Fields[number][] = [];
  const named = new Map<number, readonly BlobId[]>();
  let at = 0;
  for (const { conversation, account, device, messageId, epoch, envelope, blobs } of batch) {
    if (blobs.length > 0) named.set(fields.length / fieldCount, blobs);
    fields.push(conversation, account, device, messageId, epoch, envelope.length);
    bytes.set(envelope, at);
    at += envelope.length;
  }
  return { text: JSON.stringify(fields), bytes, blobs: named };
}

export function unpackMessages({ text, bytes, blobs: named }: PackedMessages): PendingMessage[] {
  const fields = JSON.parse(text) as Fields[number][];
  const batch: PendingMessage[] = [];
  let at = 0;
  for (let next = 0; next < fields.length; next += fieldCount) {
    const [conversation, account, device, messageId, epoch, envelopeBytes] = fields.slice(next, next + fieldCount) as Fields;
    const envelope = bytes.subarray(at, at + envelopeBytes);
    const blobs = named.get(next / fieldCount) ?? noBlobs;
    batch.push({ conversation, account, device, messageId, epoch, envelope, blobs });
    at += envelopeBytes;
  }
  return batch;
}

export function packOutcomes(outcomes: readonly MessageOutcome[]): string {
  return JSON.stringify(outcomes);
}

export function unpackOutcomes(text: string): MessageOutcome[] {
  return JSON.parse(text) as MessageOutcome[];
}

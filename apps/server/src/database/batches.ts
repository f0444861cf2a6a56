// The batched writes of the hot path, as plain data: they cross a thread boundary.
import type { AccountId, BlobId, ConversationId, DeviceId, MessageId } from "@cychat/protocol";
import type { MemberState } from "./schema.ts";

/** One message that was decoded and belongs to its sender; the database checks the rest. */
export interface PendingMessage {
  readonly conversation: ConversationId;
  readonly account: AccountId;
  readonly device: DeviceId;
  readonly messageId: MessageId;
  readonly epoch: number;
  readonly envelope: Uint8Array<ArrayBuffer>;
  /** The uploaded files that it refers to. */
  readonly blobs: readonly BlobId[];
}

export type MessageBatch = readonly PendingMessage[];

export type MessageOutcome =
  /** `repeated`: this very message was stored before, under this number. */
  | { readonly kind: "stored"; readonly seq: number; readonly atMs: number; readonly repeated: boolean }
  | { readonly kind: "epoch-closed"; readonly epoch: number; readonly recordIndex: number }
  | { readonly kind: "refused"; readonly code: CommitRefusal };

type CommitRefusal =
  | "not-found"
  | "device-unknown"
  | "not-allowed"
  | "rotation-due"
  | "message-id-reused"
  | "blob-missing"
  | "overloaded";

export interface PendingReceipt {
  readonly conversation: ConversationId;
  readonly account: AccountId;
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

export type ReceiptBatch = readonly PendingReceipt[];

/** Null: no such membership, or nothing moved. */
export type ReceiptOutcome = { readonly state: MemberState; readonly deliveredSeq: number; readonly readSeq: number } | null;

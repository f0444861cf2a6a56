// What the main thread and the database thread say to each other.
import type { ReceiptBatch, ReceiptOutcome } from "../batches.ts";
import type { DatabaseErrorKind } from "../engine.ts";
import type { PackedMessages } from "./packing.ts";

export type SqlValue = string | number | bigint | boolean | null | Uint8Array;

export interface QueryAnswer {
  readonly rows: unknown[];
  readonly changes: number;
}

/** Every call of the database thread: what goes in and what comes out. */
export interface Calls {
  open: [path: string, answer: null];
  query: [statement: { readonly sql: string; readonly parameters: readonly SqlValue[] }, answer: QueryAnswer];
  /** Undoes an open transaction, if there is one. */
  rollback: [nothing: null, answer: null];
  messages: [batch: PackedMessages, outcomes: string];
  receipts: [batch: ReceiptBatch, outcomes: ReceiptOutcome[]];
  scrub: [nothing: null, answer: null];
  close: [nothing: null, answer: null];
}

export type CallName = keyof Calls;

export interface Request<N extends CallName = CallName> {
  readonly id: number;
  readonly call: N;
  /** The main thread's clock: the server has one. */
  readonly nowMs: number;
  readonly input: Calls[N][0];
}

export type Answer =
  | { readonly id: number; readonly output: unknown }
  | { readonly id: number; readonly error: { readonly message: string; readonly kind: DatabaseErrorKind } };

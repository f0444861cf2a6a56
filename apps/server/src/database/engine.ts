// What every database engine offers, and how it reports errors.
import type { Kysely } from "kysely";
import type { MessageBatch, MessageOutcome, ReceiptBatch, ReceiptOutcome } from "./batches.ts";
import type { Database } from "./schema.ts";

export type Db = Kysely<Database>;

export interface Engine {
  readonly kysely: Db;
  /** Checks, numbers and stores messages in one transaction. Resolves after the commit: one outcome per message, in order. */
  commitMessages(batch: MessageBatch): Promise<MessageOutcome[]>;
  /** Moves receipts forward in one transaction; the outcomes tell which of them moved, and where to. */
  commitReceipts(batch: ReceiptBatch): Promise<ReceiptOutcome[]>;
  /** Makes sure that erased bytes are gone from the files, journals included. */
  scrub(): Promise<void>;
  close(): Promise<void>;
}

export type DatabaseErrorKind = "unique" | "foreign-key" | "full" | "other";

/** A database error as every engine reports it. The message never holds values. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
  constructor(
    message: string,
    readonly kind: DatabaseErrorKind,
  ) {
    super(message);
  }
}

/** Two requests wanted to make the same row: the second one sees this. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof DatabaseError && error.kind === "unique";
}

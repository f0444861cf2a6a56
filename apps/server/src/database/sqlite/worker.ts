// The database thread: the one that waits for the disk. One connection, one request at a time.
import { Database, SQLiteError } from "bun:sqlite";
import type { DatabaseErrorKind } from "../engine.ts";
import { MessageCommit } from "./commit-messages.ts";
import { ReceiptCommit } from "./commit-receipts.ts";
import { packOutcomes, unpackMessages } from "./packing.ts";
import type { Answer, CallName, Calls, QueryAnswer, Request, SqlValue } from "./rpc.ts";

declare const self: Worker;

type Handlers = { readonly [N in CallName]: (input: Calls[N][0]) => Calls[N][1] };

let db: Database;
let messages: MessageCommit | undefined;
let receipts: ReceiptCommit | undefined;
/** Of the request that is being answered. */
let nowMs = 0;
const now = () => nowMs;

const handlers: Handlers = {
  open(path) {
    db = new Database(path, { create: true });
    db.run("pragma busy_timeout = 5000");
    db.run("pragma journal_mode = wal");
    // An acknowledged message survives a power cut.
    db.run("pragma synchronous = full");
    db.run("pragma foreign_keys = on");
    // What is erased is overwritten, not only unlinked.
    db.run("pragma secure_delete = on");
    // 32 MB between checkpoints: pages that many batches touch are copied back once.
    db.run("pragma wal_autocheckpoint = 8000");
    db.run("pragma cache_size = -32768");
    db.run("pragma temp_store = memory");
    return null;
  },
  query({ sql, parameters }) {
    if (!isRead(sql)) messages?.forget();
    return query(sql, parameters);
  },
  rollback() {
    if (db.inTransaction) db.run("rollback");
    return null;
  },
  messages(batch) {
    messages ??= new MessageCommit(db, now);
    return packOutcomes(messages.run(unpackMessages(batch)));
  },
  receipts(batch) {
    receipts ??= new ReceiptCommit(db, now);
    return receipts.run(batch);
  },
  scrub() {
    // The write-ahead log still holds pages as they were before.
    db.run("pragma wal_checkpoint(truncate)");
    return null;
  },
  close() {
    db.close();
    return null;
  },
};

/** Whether what batches remember stays true. */
function isRead(sql: string): boolean {
  return sql.startsWith("select ") || sql === "begin immediate" || sql === "commit";
}

function query(sql: string, parameters: readonly SqlValue[]): QueryAnswer {
  const statement = db.query<unknown, SqlValue[]>(sql);
  if (statement.columnNames.length > 0) {
    const rows = statement.all(...parameters);
    return { rows, changes: rows.length };
  }
  return { rows: [], changes: statement.run(...parameters).changes };
}

function errorKind(error: unknown): DatabaseErrorKind {
  if (!(error instanceof SQLiteError)) return "other";
  if (error.code === "SQLITE_CONSTRAINT_UNIQUE" || error.code === "SQLITE_CONSTRAINT_PRIMARYKEY") return "unique";
  if (error.code === "SQLITE_CONSTRAINT_FOREIGNKEY") return "foreign-key";
  return error.code === "SQLITE_FULL" ? "full" : "other";
}

self.onmessage = ({ data }: MessageEvent<Request>) => {
  let answer: Answer;
  nowMs = data.nowMs;
  try {
    const handler = handlers[data.call] as (input: unknown) => unknown;
    answer = { id: data.id, output: handler(data.input) };
  } catch (error) {
    answer = { id: data.id, error: { message: error instanceof Error ? error.message : "unknown", kind: errorKind(error) } };
  }
  self.postMessage(answer);
};

// Reading a conversation's numbered entries.
import {
  type ConversationId,
  type Entry,
  type ErasedEntry,
  type MessageEntry,
  type MessageId,
  type RecordEntry,
  toBase64url,
} from "@cychat/protocol";
import type { Selectable } from "kysely";
import type { Db } from "../database/engine.ts";
import type { Database } from "../database/schema.ts";
import type { Membership } from "./membership.ts";

export interface Page {
  readonly after?: number | undefined;
  readonly before?: number | undefined;
  readonly limit: number;
}

/** Ascending: the oldest after `after`, or the newest before `before`, or the newest. */
export async function readEntries(db: Db, { conversation }: Membership, page: Page): Promise<Entry[]> {
  const rows = await readRows(db, conversation, page);
  const recordSeqs = rows.filter(({ kind }) => kind === "record").map(({ seq }) => seq);
  const records = new Map((await readRecordsAt(db, conversation, recordSeqs)).map((record) => [record.seq, record]));
  return rows.flatMap((row): Entry[] => {
    if (row.kind !== "record") return [messageOf(row)];
    const record = records.get(row.seq);
    return record ? [record] : [];
  });
}

/** The newest messages of a page, as {@link readEntries}, without records and erased ones. */
export async function readMessages(db: Db, { conversation }: Membership, page: Page): Promise<MessageEntry[]> {
  const rows = await readRows(db, conversation, page, "message");
  return rows.map(messageOf).filter((entry) => entry.kind === "message");
}

type EntryRow = Selectable<Database["entries"]>;

async function readRows(
  db: Db,
  conversation: ConversationId,
  { after, before, limit }: Page,
  kind?: EntryRow["kind"],
): Promise<EntryRow[]> {
  const isForward = after !== undefined;
  let query = db.selectFrom("entries").selectAll().where("conversation", "=", conversation);
  if (kind !== undefined) query = query.where("kind", "=", kind);
  if (after !== undefined) query = query.where("seq", ">", after);
  if (before !== undefined) query = query.where("seq", "<", before);
  const rows = await query
    .orderBy("seq", isForward ? "asc" : "desc")
    .limit(limit)
    .execute();
  return isForward ? rows : rows.reverse();
}

async function readRecordsAt(db: Db, conversation: ConversationId, seqs: readonly number[]): Promise<RecordEntry[]> {
  if (seqs.length === 0) return [];
  const rows = await db
    .selectFrom("records")
    .selectAll()
    .where("conversation", "=", conversation)
    .where("seq", "in", seqs)
    .execute();
  return rows.map(recordOf);
}

const recordsPage = 100;

export async function readRecords(db: Db, { conversation }: Membership, from: number): Promise<RecordEntry[]> {
  const rows = await db
    .selectFrom("records")
    .selectAll()
    .where("conversation", "=", conversation)
    .where("idx", ">=", from)
    .orderBy("idx")
    .limit(recordsPage)
    .execute();
  return rows.map(recordOf);
}

export function messageOf(row: Omit<EntryRow, "envelope_hash" | "conversation">): MessageEntry | ErasedEntry {
  const { seq, at_ms, sender, device, envelope } = row;
  const id = row.message_id as MessageId;
  if (envelope === null) return { kind: "erased", seq, at_ms, id, sender, device };
  return { kind: "message", seq, at_ms, id, sender, device, envelope: toBase64url(envelope) };
}

export function recordOf(row: Selectable<Database["records"]>): RecordEntry {
  return {
    kind: "record",
    seq: row.seq,
    at_ms: row.at_ms,
    index: row.idx,
    epoch: row.epoch,
    record: { payload: toBase64url(row.payload), signature: toBase64url(row.signature) },
    members: toBase64url(row.member_list),
  };
}

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
export async function readEntries(db: Db, membership: Membership, page: Page): Promise<Entry[]> {
  const rows = await readRows(db, membership, page);
  const recordSeqs = rows.filter(({ kind }) => kind === "record").map(({ seq }) => seq);
  const records = new Map((await readRecordsAt(db, membership.conversation, recordSeqs)).map((record) => [record.seq, record]));
  return rows.flatMap((row): Entry[] => {
    if (row.kind !== "record") return [messageOf(row)];
    const record = records.get(row.seq);
    return record ? [record] : [];
  });
}

/** The newest messages of a page, as {@link readEntries}, without records and erased ones. */
export async function readMessages(db: Db, membership: Membership, page: Page): Promise<MessageEntry[]> {
  const rows = await readRows(db, membership, page, "message");
  return rows.map(messageOf).filter((entry) => entry.kind === "message");
}

type EntryRow = Selectable<Database["entries"]>;

async function readRows(
  db: Db,
  { conversation, firstSeq, until }: Membership,
  { after, before, limit }: Page,
  kind?: EntryRow["kind"],
): Promise<EntryRow[]> {
  const isForward = after !== undefined;
  let query = db.selectFrom("entries").selectAll().where("conversation", "=", conversation);
  if (kind !== undefined) query = query.where("kind", "=", kind);
  if (firstSeq > 1) query = query.where("seq", ">=", firstSeq);
  if (until !== null) query = query.where("seq", "<=", until.seq);
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

/** From index 0 on for everybody who may read, because only a whole chain can be verified; to `untilIndex` and with it. */
export async function readRecords(
  db: Db,
  conversation: ConversationId,
  from: number,
  untilIndex: number | null,
): Promise<RecordEntry[]> {
  let query = db.selectFrom("records").selectAll().where("conversation", "=", conversation).where("idx", ">=", from);
  if (untilIndex !== null) query = query.where("idx", "<=", untilIndex);
  const rows = await query.orderBy("idx").limit(recordsPage).execute();
  return rows.map(recordOf);
}

export function messageOf(row: Omit<EntryRow, "envelope_hash" | "conversation">): MessageEntry | ErasedEntry {
  const { seq, at_ms, sender, device, envelope } = row;
  const id = row.message_id as MessageId;
  if (envelope === null) return { kind: "erased", seq, at_ms, id, sender, device };
  return { kind: "message", seq, at_ms, id, sender, device, envelope: toBase64url(envelope) };
}

export function recordOf(row: Omit<Selectable<Database["records"]>, "hash">): RecordEntry {
  return {
    kind: "record",
    seq: row.seq,
    at_ms: row.at_ms,
    index: row.idx,
    epoch: row.epoch,
    record: { payload: toBase64url(row.payload), signature: toBase64url(row.signature) },
    members: row.member_list && toBase64url(row.member_list),
  };
}

// Writes a record that was accepted, and what is sealed beside it.
import { type ConversationId, ProtocolError, type RecordEntry } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import { readRecords, recordOf } from "./entries.ts";
import type { SealRow, SubmittedRecord } from "./read-submission.ts";
import type { ConversationRow } from "./room-state.ts";
import { insertMany } from "./statements.ts";

export interface Placing {
  readonly seq: number;
  readonly atMs: number;
}

/** The next number and a time that never goes back. */
export function nextPlacing(place: ConversationRow | undefined): Placing {
  return { seq: (place?.last_seq ?? 0) + 1, atMs: Math.max(Date.now(), place?.changed_at_ms ?? 0) };
}

export function findPlace(db: Db, conversation: ConversationId): Promise<ConversationRow | undefined> {
  return db.selectFrom("conversations").selectAll().where("id", "=", conversation).executeTakeFirst();
}

/** Carries what the author missed. */
export async function recordConflict(
  db: Db,
  conversation: ConversationId,
  from: number,
  untilIndex: number | null = null,
): Promise<ProtocolError> {
  return new ProtocolError("record-conflict", undefined, { records: await readRecords(db, conversation, from, untilIndex) });
}

export async function storeRecord(trx: Db, submitted: SubmittedRecord, { seq, atMs }: Placing): Promise<RecordEntry> {
  const { record, signed, hash, memberList, seals } = submitted;
  const { conversation, index: idx, epoch, author: sender, device } = record;
  const place = { conversation, seq, at_ms: atMs };
  const row = { ...place, idx, epoch, payload: signed.payload, signature: signed.signature, member_list: memberList };
  await trx
    .insertInto("records")
    .values({ ...row, hash })
    .execute();
  await trx
    .insertInto("entries")
    .values({ ...place, kind: "record", message_id: `record:${idx}`, sender, device, envelope: null, envelope_hash: hash })
    .execute();
  await insertSeals(trx, conversation, epoch, seals);
  return recordOf(row);
}

async function insertSeals(trx: Db, conversation: ConversationId, epoch: number, seals: readonly SealRow[]): Promise<void> {
  await insertMany(
    seals.map((seal) => ({ conversation, epoch, ...seal })),
    (some) => trx.insertInto("seals").values(some).execute(),
  );
}

// Erasing messages: one's own, those that a moderator names, those that are too old, those of a deleted room. The number
// stays as a tombstone, the ciphertext goes, and the rows of the files with it: the files themselves are the caller's to remove.
import type { BlobId, ConversationId, MessageId } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import { dropBlobs } from "./entry-blobs.ts";
import { touch } from "./member-states.ts";
import { findMembership, type Membership } from "./membership.ts";

/** Rows of one transaction: everybody else waits for it. */
const rowsPerTransaction = 500;

/** What one commit has erased. */
export interface Erased {
  readonly seqs: readonly number[];
  /** Files that nothing refers to any more. */
  readonly blobs: readonly BlobId[];
}

const nothing: Erased = { seqs: [], blobs: [] };

/**
 * Erases those named, or all of one's own; calls back after each commit with what is erased now. Of those that
 * an admin or owner of a room names, anybody's: in a room an id names one message, whoever uses it again (migration 0002).
 */
export async function eraseMessages(
  db: Db,
  membership: Membership,
  ids: readonly MessageId[] | null,
  onErased: (erased: Erased) => Promise<void>,
): Promise<number> {
  let total = 0;
  for (;;) {
    const erased = await eraseSome(db, membership, ids);
    if (erased.seqs.length > 0) await onErased(erased);
    total += erased.seqs.length;
    if (erased.seqs.length < rowsPerTransaction) return total;
  }
}

function eraseSome(db: Db, membership: Membership, ids: readonly MessageId[] | null): Promise<Erased> {
  const { conversation, account, firstSeq } = membership;
  return db.transaction().execute(async (trx) => {
    let query = trx
      .selectFrom("entries")
      .select("seq")
      .where("conversation", "=", conversation)
      .where("seq", ">=", firstSeq)
      .where("kind", "=", "message");
    if (ids === null || !(await moderates(trx, membership))) query = query.where("sender", "=", account);
    if (ids) query = query.where("message_id", "in", ids);
    const seqs = (await query.orderBy("seq").limit(rowsPerTransaction).execute()).map(({ seq }) => seq);
    return seqs.length === 0 ? nothing : leaveTombstones(trx, conversation, seqs);
  });
}

/** Read inside the transaction, because a role may have gone meanwhile. */
async function moderates(trx: Db, { conversation, account }: Membership): Promise<boolean> {
  const now = await findMembership(trx, account, conversation);
  return now?.kind === "room" && now.until === null && now.role !== "member";
}

async function leaveTombstones(trx: Db, conversation: ConversationId, seqs: readonly number[]): Promise<Erased> {
  await trx
    .updateTable("entries")
    .set({ kind: "erased", envelope: null })
    .where("conversation", "=", conversation)
    .where("seq", "in", seqs)
    .execute();
  const blobs = await dropBlobs(trx, conversation, seqs);
  await touch(trx, conversation);
  return { seqs, blobs };
}

const conversationsPerPage = 200;

/** Erases every message that is older than `beforeMs`, everywhere. */
export async function eraseBefore(
  db: Db,
  beforeMs: number,
  onErased: (conversation: ConversationId, erased: Erased) => Promise<void>,
): Promise<number> {
  let total = 0;
  let after = "" as ConversationId;
  for (;;) {
    const page = await db
      .selectFrom("conversations")
      .select("id")
      .where("id", ">", after)
      .whereRef("retained_from_seq", "<=", "last_seq")
      .orderBy("id")
      .limit(conversationsPerPage)
      .execute();
    for (const { id } of page) {
      total += await eraseOldIn(db, id, beforeMs, (erased) => onErased(id, erased));
    }
    const last = page.at(-1);
    if (last === undefined) return total;
    after = last.id;
  }
}

async function eraseOldIn(
  db: Db,
  conversation: ConversationId,
  beforeMs: number,
  onErased: (erased: Erased) => Promise<void>,
): Promise<number> {
  let total = 0;
  for (;;) {
    const { erased, isDone } = await eraseOldest(db, conversation, beforeMs);
    if (erased.seqs.length > 0) await onErased(erased);
    total += erased.seqs.length;
    if (isDone) return total;
  }
}

/** Entries are in the order of their times, so that those that are too old come first. */
function eraseOldest(db: Db, conversation: ConversationId, beforeMs: number): Promise<{ erased: Erased; isDone: boolean }> {
  return db.transaction().execute(async (trx) => {
    const rows = await trx
      .selectFrom("entries")
      .innerJoin("conversations", "conversations.id", "entries.conversation")
      .select(["entries.seq", "entries.kind"])
      .where("entries.conversation", "=", conversation)
      .whereRef("entries.seq", ">=", "conversations.retained_from_seq")
      .where("entries.at_ms", "<", beforeMs)
      .orderBy("entries.seq")
      .limit(rowsPerTransaction)
      .execute();
    const last = rows.at(-1);
    if (last === undefined) return { erased: nothing, isDone: true };
    const seqs = rows.filter(({ kind }) => kind === "message").map(({ seq }) => seq);
    const erased = seqs.length === 0 ? nothing : await leaveTombstones(trx, conversation, seqs);
    await trx
      .updateTable("conversations")
      .set({ retained_from_seq: last.seq + 1 })
      .where("id", "=", conversation)
      .execute();
    return { erased, isDone: rows.length < rowsPerTransaction };
  });
}

/** Every message of a deleted room. Safe to be called again after having been cut off. */
export async function eraseRoom(
  db: Db,
  conversation: ConversationId,
  onErased: (erased: Erased) => Promise<void>,
): Promise<void> {
  for (;;) {
    const erased = await db.transaction().execute(async (trx) => {
      const rows = await trx
        .selectFrom("entries")
        .select("seq")
        .where("conversation", "=", conversation)
        .where("kind", "=", "message")
        .limit(rowsPerTransaction)
        .execute();
      const seqs = rows.map(({ seq }) => seq);
      return seqs.length === 0 ? nothing : leaveTombstones(trx, conversation, seqs);
    });
    await onErased(erased);
    if (erased.seqs.length < rowsPerTransaction) break;
  }
  await db
    .updateTable("conversations")
    .set((eb) => ({ retained_from_seq: eb("last_seq", "+", 1) }))
    .where("id", "=", conversation)
    .execute();
}

/** Deleted rooms whose messages are not all erased: the server was cut off meanwhile. */
export async function halfDeletedRooms(db: Db): Promise<ConversationId[]> {
  const rows = await db
    .selectFrom("conversations")
    .select("id")
    .where("is_deleted", "=", 1)
    .whereRef("retained_from_seq", "<=", "last_seq")
    .execute();
  return rows.map(({ id }) => id);
}

// Erasing messages: one's own, those that a moderator names, those that are too old, those of a deleted room. The number
// stays as a tombstone, the ciphertext goes.
import type { ConversationId, MessageId } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import { touch } from "./member-states.ts";
import { findMembership, type Membership } from "./membership.ts";

/** Rows of one transaction: everybody else waits for it. */
const rowsPerTransaction = 500;

/**
 * Erases those named, or all of one's own; calls back after each commit with the numbers that are erased now. Of those that
 * an admin or owner of a room names, anybody's: in a room an id names one message, whoever uses it again (migration 0002).
 */
export async function eraseMessages(
  db: Db,
  membership: Membership,
  ids: readonly MessageId[] | null,
  onErased: (seqs: number[]) => void,
): Promise<number> {
  let total = 0;
  for (;;) {
    const seqs = await eraseSome(db, membership, ids);
    if (seqs.length > 0) onErased(seqs);
    total += seqs.length;
    if (seqs.length < rowsPerTransaction) return total;
  }
}

function eraseSome(db: Db, membership: Membership, ids: readonly MessageId[] | null): Promise<number[]> {
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
    if (seqs.length === 0) return seqs;
    await leaveTombstones(trx, conversation, seqs);
    return seqs;
  });
}

/** Read inside the transaction, because a role may have gone meanwhile. */
async function moderates(trx: Db, { conversation, account }: Membership): Promise<boolean> {
  const now = await findMembership(trx, account, conversation);
  return now?.kind === "room" && now.until === null && now.role !== "member";
}

async function leaveTombstones(trx: Db, conversation: ConversationId, seqs: readonly number[]): Promise<void> {
  await trx
    .updateTable("entries")
    .set({ kind: "erased", envelope: null })
    .where("conversation", "=", conversation)
    .where("seq", "in", seqs)
    .execute();
  await touch(trx, conversation);
}

const conversationsPerPage = 200;

/** Erases every message that is older than `beforeMs`, everywhere. */
export async function eraseBefore(
  db: Db,
  beforeMs: number,
  onErased: (conversation: ConversationId, seqs: number[]) => void,
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
      const erased = await eraseOldIn(db, id, beforeMs, (seqs) => onErased(id, seqs));
      total += erased;
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
  onErased: (seqs: number[]) => void,
): Promise<number> {
  let total = 0;
  for (;;) {
    const { seqs, isDone } = await eraseOldest(db, conversation, beforeMs);
    if (seqs.length > 0) onErased(seqs);
    total += seqs.length;
    if (isDone) return total;
  }
}

/** Entries are in the order of their times, so that those that are too old come first. */
function eraseOldest(db: Db, conversation: ConversationId, beforeMs: number): Promise<{ seqs: number[]; isDone: boolean }> {
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
    if (last === undefined) return { seqs: [], isDone: true };
    const seqs = rows.filter(({ kind }) => kind === "message").map(({ seq }) => seq);
    if (seqs.length > 0) await leaveTombstones(trx, conversation, seqs);
    await trx
      .updateTable("conversations")
      .set({ retained_from_seq: last.seq + 1 })
      .where("id", "=", conversation)
      .execute();
    return { seqs, isDone: rows.length < rowsPerTransaction };
  });
}

/** Every message of a deleted room. Safe to be called again after having been cut off. */
export async function eraseRoom(db: Db, conversation: ConversationId): Promise<void> {
  for (;;) {
    const erased = await db.transaction().execute(async (trx) => {
      const rows = await trx
        .selectFrom("entries")
        .select("seq")
        .where("conversation", "=", conversation)
        .where("kind", "=", "message")
        .limit(rowsPerTransaction)
        .execute();
      if (rows.length > 0)
        await leaveTombstones(
          trx,
          conversation,
          rows.map(({ seq }) => seq),
        );
      return rows.length;
    });
    if (erased < rowsPerTransaction) break;
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

// The rows of uploaded files, and how much room they take.
import { type AccountId, type BlobId, type ConversationId, ProtocolError } from "@cychat/protocol";
import type { Selectable } from "kysely";
import type { Db } from "../database/engine.ts";
import type { BlobsTable } from "../database/schema.ts";

export type BlobRow = Selectable<BlobsTable>;

export interface NewBlob {
  readonly id: BlobId;
  readonly account: AccountId;
  readonly conversation: ConversationId;
  readonly bytes: number;
  readonly nowMs: number;
}

export interface Quotas {
  /** Null: as much as there is. */
  readonly userBytes: number | null;
  readonly serverBytes: number | null;
  /** Of what one account has declared and no message refers to. */
  readonly unnamedBytes: number;
}

/** What was declared counts, from the beginning of an upload on. Throws `quota-exceeded`. */
export async function insertBlob(db: Db, { nowMs, ...blob }: NewBlob, quotas: Quotas): Promise<void> {
  const { userBytes, serverBytes, unnamedBytes } = quotas;
  await db.transaction().execute(async (trx) => {
    const exceeds = async (quota: number | null, account: AccountId | null) =>
      quota !== null && (await usedBytes(trx, account)) + blob.bytes > quota;
    if ((await exceeds(userBytes, blob.account)) || (await exceeds(serverBytes, null))) throw new ProtocolError("quota-exceeded");
    if ((await unnamedBytesOf(trx, blob.account)) + blob.bytes > unnamedBytes) {
      const message = "You have uploaded too much that was not sent. Send it, cancel it, or wait a day.";
      throw new ProtocolError("quota-exceeded", message);
    }
    const is_whole = blob.bytes === 0 ? 1 : 0;
    await trx
      .insertInto("blobs")
      .values({ ...blob, is_whole, created_at_ms: nowMs, touched_at_ms: nowMs })
      .execute();
  });
}

/** Of one account, or (null) of all. */
export async function usedBytes(db: Db, account: AccountId | null): Promise<number> {
  let query = db.selectFrom("blobs").select(({ fn }) => fn.sum<number | string | null>("bytes").as("used"));
  if (account !== null) query = query.where("account", "=", account);
  return Number((await query.executeTakeFirst())?.used ?? 0);
}

async function unnamedBytesOf(db: Db, account: AccountId): Promise<number> {
  const row = await db
    .selectFrom("blobs")
    .leftJoin("blob_refs", "blob_refs.blob", "blobs.id")
    .select(({ fn }) => fn.sum<number | string | null>("bytes").as("used"))
    .where("account", "=", account)
    .where("blob_refs.blob", "is", null)
    .executeTakeFirst();
  return Number(row?.used ?? 0);
}

export async function blobOf(db: Db, id: BlobId): Promise<BlobRow | undefined> {
  return db.selectFrom("blobs").selectAll().where("id", "=", id).executeTakeFirst();
}

/** The upload went on; false where it was deleted meanwhile. */
export async function touchBlob(db: Db, id: BlobId, nowMs: number, isWhole: boolean): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("blobs")
    .set(isWhole ? { touched_at_ms: nowMs, is_whole: 1 } : { touched_at_ms: nowMs })
    .where("id", "=", id)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** False where a message refers to it: then it stays. */
export async function deleteUnnamed(db: Db, id: BlobId): Promise<boolean> {
  return db.transaction().execute((trx) => deleteUnlessNamed(trx, id));
}

async function deleteUnlessNamed(trx: Db, id: BlobId): Promise<boolean> {
  const ref = await trx.selectFrom("blob_refs").select("blob").where("blob", "=", id).executeTakeFirst();
  if (ref) return false;
  await trx.deleteFrom("blobs").where("id", "=", id).execute();
  return true;
}

/** So many rows are looked at in one statement: everybody else waits for it. */
const rowsPerPage = 1000;
const idsPerStatement = 100;

/** Deletes the rows that no message refers to and that were last touched before `beforeMs`; calls back after each commit. */
export async function deleteAbandoned(
  db: Db,
  beforeMs: number,
  onDeleted: (blobs: readonly BlobId[]) => Promise<void>,
): Promise<void> {
  let after = "" as BlobId;
  for (;;) {
    const page = await db
      .selectFrom("blobs")
      .leftJoin("blob_refs", "blob_refs.blob", "blobs.id")
      .select(["blobs.id", "touched_at_ms", "blob_refs.blob"])
      .where("blobs.id", ">", after)
      .orderBy("blobs.id")
      .limit(rowsPerPage)
      .execute();
    const found = page.filter(({ blob, touched_at_ms }) => blob === null && touched_at_ms < beforeMs).map(({ id }) => id);
    for (let at = 0; at < found.length; at += idsPerStatement)
      await onDeleted(await deleteStillAbandoned(db, found.slice(at, at + idsPerStatement), beforeMs));
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.id;
  }
}

/** Looks again: an upload may have gone on, and a message may have named it. */
function deleteStillAbandoned(db: Db, ids: readonly BlobId[], beforeMs: number): Promise<BlobId[]> {
  return db.transaction().execute(async (trx) => {
    const rows = await trx
      .selectFrom("blobs")
      .leftJoin("blob_refs", "blob_refs.blob", "blobs.id")
      .select("blobs.id")
      .where("blobs.id", "in", ids)
      .where("touched_at_ms", "<", beforeMs)
      .where("blob_refs.blob", "is", null)
      .execute();
    const abandoned = rows.map(({ id }) => id);
    if (abandoned.length > 0) await trx.deleteFrom("blobs").where("id", "in", abandoned).execute();
    return abandoned;
  });
}

/** Those that no message refers to and that were last touched after `afterMs`. */
export async function touchedAfter(db: Db, afterMs: number): Promise<{ id: BlobId; touched_at_ms: number }[]> {
  return db
    .selectFrom("blobs")
    .leftJoin("blob_refs", "blob_refs.blob", "blobs.id")
    .select(["blobs.id", "touched_at_ms"])
    .where("touched_at_ms", ">", afterMs)
    .where("blob_refs.blob", "is", null)
    .execute();
}

/** False where the upload has gone on since, or a message refers to it. */
export async function deleteIfUntouched(db: Db, id: BlobId, touchedAtMs: number): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const row = await trx.selectFrom("blobs").select("touched_at_ms").where("id", "=", id).executeTakeFirst();
    return row?.touched_at_ms === touchedAtMs && deleteUnlessNamed(trx, id);
  });
}

/** Those of `ids` that have no row. */
export async function withoutRow(db: Db, ids: readonly BlobId[]): Promise<BlobId[]> {
  const unknown: BlobId[] = [];
  for (let at = 0; at < ids.length; at += idsPerStatement) {
    const some = ids.slice(at, at + idsPerStatement);
    const rows = await db.selectFrom("blobs").select("id").where("id", "in", some).execute();
    const known = new Set(rows.map(({ id }) => id));
    unknown.push(...some.filter((id) => !known.has(id)));
  }
  return unknown;
}

// The files that entries refer to.
import type { AccountId, BlobId, ConversationId } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import { findMembership, type Membership } from "./membership.ts";

/** Inside the transaction that erases the entries: forgets their files. What it returns is to be removed after the commit. */
export async function dropBlobs(trx: Db, conversation: ConversationId, seqs: readonly number[]): Promise<BlobId[]> {
  const rows = await trx
    .selectFrom("blob_refs")
    .select("blob")
    .where("conversation", "=", conversation)
    .where("seq", "in", seqs)
    .execute();
  const blobs = rows.map(({ blob }) => blob);
  for (const blob of blobs) {
    await trx.deleteFrom("blob_refs").where("blob", "=", blob).execute();
    await trx.deleteFrom("blobs").where("id", "=", blob).execute();
  }
  return blobs;
}

/** Whether the account may read, now, the entry that refers to the blob. */
export async function mayReadBlob(db: Db, account: AccountId, blob: BlobId): Promise<boolean> {
  const ref = await db.selectFrom("blob_refs").select(["conversation", "seq"]).where("blob", "=", blob).executeTakeFirst();
  const membership = ref && (await findMembership(db, account, ref.conversation));
  return !!membership && isWithin(membership, ref.seq);
}

/** The bounds of `readRows` in entries.ts. */
function isWithin({ firstSeq, until }: Membership, seq: number): boolean {
  return seq >= firstSeq && (until === null || seq <= until.seq);
}

// Sealed epoch keys (letters) and the keyring (the safe): once a key is in the safe, durably, its letter is deleted.
import {
  type AccountId,
  type ConversationId,
  equalBytes,
  fromBase64url,
  type InviteId,
  ProtocolError,
  toBase64url,
} from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import { sha256 } from "../keys/service.ts";
import { touch } from "./member-states.ts";
import type { Membership } from "./membership.ts";
import { inChunks } from "./statements.ts";

export async function readSeals(db: Db, conversation: ConversationId, recipient: AccountId | InviteId) {
  const rows = await db
    .selectFrom("seals")
    .select(["epoch", "generation", "encapsulated", "ciphertext"])
    .where("conversation", "=", conversation)
    .where("recipient", "=", recipient)
    .orderBy("epoch")
    .execute();
  return rows.map((row) => ({ ...row, encapsulated: toBase64url(row.encapsulated), ciphertext: toBase64url(row.ciphertext) }));
}

export async function readLetters(db: Db, conversation: ConversationId, recipient: AccountId | InviteId) {
  const rows = await db
    .selectFrom("history_letters")
    .select(["record_index", "generation", "encapsulated", "ciphertext"])
    .where("conversation", "=", conversation)
    .where("recipient", "=", recipient)
    .orderBy("record_index")
    .orderBy("author")
    .execute();
  return rows.map((row) => ({ ...row, encapsulated: toBase64url(row.encapsulated), ciphertext: toBase64url(row.ciphertext) }));
}

export async function readKeyring(db: Db, { conversation, account }: Membership) {
  const row = await findKeyring(db, { conversation, account });
  return row ? { version: row.version, ciphertext: toBase64url(row.ciphertext), prev_hash: toBase64url(row.prev_hash) } : null;
}

export interface NewKeyring {
  readonly version: number;
  readonly ciphertext: string;
  readonly prev_hash: string;
  readonly epochs: readonly number[];
  /** Record indices of history letters. */
  readonly letters: readonly number[];
}

/** Compare and set: the version is the stored one plus one, and `prev_hash` that of the stored ciphertext. */
export async function putKeyring(db: Db, membership: Membership, keyring: NewKeyring): Promise<void> {
  const { conversation, account } = membership;
  const row = {
    version: keyring.version,
    ciphertext: fromBase64url(keyring.ciphertext),
    prev_hash: fromBase64url(keyring.prev_hash),
  };
  await db.transaction().execute(async (trx) => {
    const stored = await findKeyring(trx, membership);
    const prevHash = stored ? sha256(stored.ciphertext) : new Uint8Array(32);
    const isNext = row.version === (stored?.version ?? 0) + 1 && equalBytes(row.prev_hash, prevHash);
    if (!isNext) throw new ProtocolError("version-conflict", undefined, { version: stored?.version ?? 0 });
    if (stored) {
      await trx
        .updateTable("keyrings")
        .set(row)
        .where("conversation", "=", conversation)
        .where("account", "=", account)
        .execute();
    } else {
      await trx
        .insertInto("keyrings")
        .values({ conversation, account, ...row })
        .execute();
    }
    await deleteSeals(trx, membership, keyring.epochs);
    await deleteLetters(trx, membership, keyring.letters);
    await touchFor(trx, membership);
  });
}

async function deleteSeals(trx: Db, { conversation, account }: Membership, epochs: readonly number[]): Promise<void> {
  await inChunks(epochs, (some) =>
    trx
      .deleteFrom("seals")
      .where("conversation", "=", conversation)
      .where("recipient", "=", account)
      .where("epoch", "in", some)
      .execute(),
  );
}

async function deleteLetters(trx: Db, { conversation, account }: Membership, indices: readonly number[]): Promise<void> {
  await inChunks(indices, (some) =>
    trx
      .deleteFrom("history_letters")
      .where("conversation", "=", conversation)
      .where("recipient", "=", account)
      .where("record_index", "in", some)
      .execute(),
  );
}

/** What a former member keeps is of no concern to the others, and must not tell when they are active. */
async function touchFor(trx: Db, { conversation, account, until }: Membership): Promise<void> {
  if (until === null) return touch(trx, conversation);
  await trx
    .updateTable("members")
    .set({ former_changed_at_ms: Date.now() })
    .where("conversation", "=", conversation)
    .where("account", "=", account)
    .execute();
}

function findKeyring(db: Db, { conversation, account }: Pick<Membership, "conversation" | "account">) {
  return db
    .selectFrom("keyrings")
    .selectAll()
    .where("conversation", "=", conversation)
    .where("account", "=", account)
    .executeTakeFirst();
}

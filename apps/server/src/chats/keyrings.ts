// Sealed epoch keys (letters) and the keyring (the safe): once a key is in the safe, durably, its letter is deleted.
import { equalBytes, fromBase64url, ProtocolError, toBase64url } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import { sha256 } from "../keys/service.ts";
import { touch } from "./member-states.ts";
import type { Membership } from "./membership.ts";

export async function readSeals(db: Db, { conversation, account }: Membership) {
  const rows = await db
    .selectFrom("seals")
    .select(["epoch", "generation", "encapsulated", "ciphertext"])
    .where("conversation", "=", conversation)
    .where("recipient", "=", account)
    .orderBy("epoch")
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
    await touch(trx, conversation);
  });
}

/** Statements stay below every engine's limit of parameters. */
const epochsPerStatement = 500;

async function deleteSeals(trx: Db, { conversation, account }: Membership, epochs: readonly number[]): Promise<void> {
  for (let next = 0; next < epochs.length; next += epochsPerStatement) {
    await trx
      .deleteFrom("seals")
      .where("conversation", "=", conversation)
      .where("recipient", "=", account)
      .where("epoch", "in", epochs.slice(next, next + epochsPerStatement))
      .execute();
  }
}

function findKeyring(db: Db, { conversation, account }: Pick<Membership, "conversation" | "account">) {
  return db
    .selectFrom("keyrings")
    .selectAll()
    .where("conversation", "=", conversation)
    .where("account", "=", account)
    .executeTakeFirst();
}

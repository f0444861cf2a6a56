import type { AccountId } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import type { AccountsTable, Bytes } from "../database/schema.ts";

export interface Credentials {
  readonly account: AccountId;
  readonly email: string;
  readonly passwordHash: string;
  readonly salt: Bytes;
  readonly hasVault: boolean;
}

export async function credentialsOf(
  db: Db,
  who: { readonly email: string } | { readonly account: AccountId },
): Promise<Credentials | null> {
  const row = await db
    .selectFrom("accounts")
    .leftJoin("account_keys", "account_keys.account", "accounts.id")
    .select(["accounts.id", "email", "password_hash", "password_salt", "account_keys.account as keys_of"])
    .$if("email" in who, (query) => query.where("email", "=", "email" in who ? who.email : ""))
    .$if("account" in who, (query) => query.where("accounts.id", "=", "account" in who ? who.account : ("" as AccountId)))
    .executeTakeFirst();
  if (!row) return null;
  const { id, email, password_hash, password_salt, keys_of } = row;
  return { account: id, email, passwordHash: password_hash, salt: password_salt, hasVault: keys_of !== null };
}

/** Of an account that may not exist: then the query is the same and finds nothing. */
export async function recoveryVerifiersOf(db: Db, account: AccountId | null): Promise<string[]> {
  const rows = await db
    .selectFrom("unlock_methods")
    .select("auth_hash")
    .where("account", "=", account ?? ("" as AccountId))
    .where("kind", "=", "recovery")
    .execute();
  return rows.flatMap(({ auth_hash }) => (auth_hash === null ? [] : [auth_hash]));
}

/** False when the password was changed meanwhile. */
export async function setPassword(
  trx: Db,
  { account, passwordHash }: Credentials,
  next: { readonly passwordHash: string; readonly salt: Bytes },
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable("accounts")
    .set({ password_hash: next.passwordHash, password_salt: next.salt })
    .where("id", "=", account)
    .where("password_hash", "=", passwordHash)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

export async function anyAccount(db: Db): Promise<boolean> {
  const { count } = await db
    .selectFrom("accounts")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  return Number(count) > 0;
}

export async function isEmailTaken(trx: Db, email: string): Promise<boolean> {
  return (await trx.selectFrom("accounts").select("id").where("email", "=", email).executeTakeFirst()) !== undefined;
}

export type NewAccount = Pick<
  AccountsTable,
  | "id"
  | "email"
  | "nickname"
  | "nickname_key"
  | "phone_number"
  | "user_role"
  | "password_hash"
  | "password_salt"
  | "created_at_ms"
>;

export async function insertAccount(trx: Db, account: NewAccount): Promise<void> {
  await trx
    .insertInto("accounts")
    .values({ ...account, picture_type: null, last_seen_ms: null })
    .execute();
}

export async function isAdmin(db: Db, account: AccountId): Promise<boolean> {
  const row = await db.selectFrom("accounts").select("user_role").where("id", "=", account).executeTakeFirst();
  return row?.user_role === "admin";
}

export interface InviteRow {
  readonly code_hash: string;
  readonly uses_left: number;
  readonly expires_at_ms: number;
  readonly created_by: AccountId;
}

export async function insertInvite(trx: Db, invite: InviteRow, nowMs: number): Promise<void> {
  await trx.deleteFrom("invites").where("expires_at_ms", "<=", nowMs).execute();
  await trx.insertInto("invites").values(invite).execute();
}

export async function isInviteOpen(db: Db, codeHash: string, nowMs: number): Promise<boolean> {
  const row = await db
    .selectFrom("invites")
    .select("code_hash")
    .where("code_hash", "=", codeHash)
    .where("uses_left", ">", 0)
    .where("expires_at_ms", ">", nowMs)
    .executeTakeFirst();
  return row !== undefined;
}

/** Takes one use. False when none is left. */
export async function useInvite(trx: Db, codeHash: string, nowMs: number): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable("invites")
    .set((eb) => ({ uses_left: eb("uses_left", "-", 1) }))
    .where("code_hash", "=", codeHash)
    .where("uses_left", ">", 0)
    .where("expires_at_ms", ">", nowMs)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

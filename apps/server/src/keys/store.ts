import type { AccountId, DeviceId, UnlockMethodKind } from "@cychat/protocol";
import type { Insertable, Selectable } from "kysely";
import type { Db } from "../database/engine.ts";
import type { AccountKeysTable, Bytes, DevicesTable, UnlockMethodsTable } from "../database/schema.ts";

export interface LogRow {
  readonly n: number;
  readonly payload: Bytes;
  readonly signature: Bytes;
}

export async function keysOf(db: Db, account: AccountId): Promise<Selectable<AccountKeysTable> | null> {
  return (await db.selectFrom("account_keys").selectAll().where("account", "=", account).executeTakeFirst()) ?? null;
}

export interface LogHead {
  readonly log_n: number;
  readonly log_hash: Bytes;
  readonly generation: number;
  readonly wraps_version: number;
}

export async function logHeadOf(db: Db, account: AccountId): Promise<LogHead | null> {
  const row = await db
    .selectFrom("account_keys")
    .select(["log_n", "log_hash", "generation", "wraps_version"])
    .where("account", "=", account)
    .executeTakeFirst();
  return row ?? null;
}

export async function hasKeys(db: Db, account: AccountId): Promise<boolean> {
  return (await logHeadOf(db, account)) !== null;
}

export async function accountExists(db: Db, account: AccountId): Promise<boolean> {
  return (await db.selectFrom("accounts").select("id").where("id", "=", account).executeTakeFirst()) !== undefined;
}

export function insertKeys(trx: Db, row: Insertable<AccountKeysTable>) {
  return trx.insertInto("account_keys").values(row).execute();
}

/** False when the log has grown from `fromN` meanwhile. */
export async function moveLogHead(
  trx: Db,
  account: AccountId,
  fromN: number,
  to: Omit<LogHead, "wraps_version">,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable("account_keys")
    .set({ log_n: to.log_n, log_hash: to.log_hash, generation: to.generation, changed_at_ms: Date.now() })
    .where("account", "=", account)
    .where("log_n", "=", fromN)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** Entries whose number is `n` or greater, in order. */
export function logFrom(db: Db, account: AccountId, n: number): Promise<LogRow[]> {
  return db
    .selectFrom("account_log")
    .select(["n", "payload", "signature"])
    .where("account", "=", account)
    .where("n", ">=", n)
    .orderBy("n")
    .execute();
}

export async function logEntry(db: Db, account: AccountId, n: number): Promise<LogRow | null> {
  const row = await db
    .selectFrom("account_log")
    .select(["n", "payload", "signature"])
    .where("account", "=", account)
    .where("n", "=", n)
    .executeTakeFirst();
  return row ?? null;
}

export function logsOf(db: Db, accounts: readonly AccountId[]): Promise<(LogRow & { readonly account: AccountId })[]> {
  return db
    .selectFrom("account_log")
    .select(["account", "n", "payload", "signature"])
    .where("account", "in", accounts)
    .orderBy("account")
    .orderBy("n")
    .execute();
}

export async function insertLogEntries(trx: Db, account: AccountId, entries: readonly LogRow[]): Promise<void> {
  await trx
    .insertInto("account_log")
    .values(entries.map((entry) => ({ account, ...entry })))
    .execute();
}

export function devicesOf(db: Db, account: AccountId): Promise<Pick<DevicesTable, "device" | "state">[]> {
  return db.selectFrom("devices").select(["device", "state"]).where("account", "=", account).execute();
}

/** Whether any of these devices is certified already, for whatever account. */
export async function anyDeviceKnown(trx: Db, devices: readonly DeviceId[]): Promise<boolean> {
  if (devices.length === 0) return false;
  return (await trx.selectFrom("devices").select("device").where("device", "in", devices).executeTakeFirst()) !== undefined;
}

export async function isActiveDevice(trx: Db, account: AccountId, device: DeviceId): Promise<boolean> {
  const row = await trx
    .selectFrom("devices")
    .select("device")
    .where("device", "=", device)
    .where("account", "=", account)
    .where("state", "=", "active")
    .executeTakeFirst();
  return row !== undefined;
}

export async function insertDevice(trx: Db, row: DevicesTable): Promise<void> {
  await trx.insertInto("devices").values(row).execute();
}

export async function endDevice(trx: Db, account: AccountId, device: DeviceId, state: "revoked" | "expired"): Promise<void> {
  await trx.updateTable("devices").set({ state }).where("device", "=", device).where("account", "=", account).execute();
}

export function unlockMethodsOf(db: Db, account: AccountId): Promise<UnlockMethodsTable[]> {
  return db.selectFrom("unlock_methods").selectAll().where("account", "=", account).orderBy("method").execute();
}

/** False when the statement is no longer of version `from`. */
export async function moveWraps(
  trx: Db,
  account: AccountId,
  from: number,
  to: Pick<AccountKeysTable, "wraps_payload" | "wraps_signature" | "wraps_version">,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable("account_keys")
    .set(to)
    .where("account", "=", account)
    .where("wraps_version", "=", from)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

export interface MethodRow {
  readonly method: string;
  readonly kind: UnlockMethodKind;
  readonly box: Bytes;
  /** Null keeps the one that is stored for this method, if any. */
  readonly auth_hash: string | null;
}

export async function replaceUnlockMethods(trx: Db, account: AccountId, methods: readonly MethodRow[]): Promise<void> {
  const stored = new Map((await unlockMethodsOf(trx, account)).map((row) => [row.method, row.auth_hash]));
  await trx.deleteFrom("unlock_methods").where("account", "=", account).execute();
  const rows = methods.map((row) => ({ account, ...row, auth_hash: row.auth_hash ?? stored.get(row.method) ?? null }));
  await trx.insertInto("unlock_methods").values(rows).execute();
}

export interface StoredVault {
  readonly version: number;
  readonly ciphertext: Bytes;
}

export async function vaultOf(db: Db, account: AccountId): Promise<StoredVault | null> {
  const row = await db
    .selectFrom("account_keys")
    .select(["vault_version as version", "vault as ciphertext"])
    .where("account", "=", account)
    .executeTakeFirst();
  return row ?? null;
}

/** False when the stored version is not the one before. */
export async function putVault(db: Db, account: AccountId, { version, ciphertext }: StoredVault): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("account_keys")
    .set({ vault_version: version, vault: ciphertext })
    .where("account", "=", account)
    .where("vault_version", "=", version - 1)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

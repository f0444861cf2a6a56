// Whether the keys that a record names are those of the account logs.
import { type AccountId, type DeviceId, decodeAccountLogEntry, equalBytes, type Member, ProtocolError } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import type { Principal } from "../http/principal.ts";
import { sha256 } from "../keys/service.ts";
import { inChunks } from "./statements.ts";

export interface DeviceKey {
  readonly publicKey: Uint8Array;
  /** The entry of the account log that certifies it. */
  readonly n: number;
}

/** Throws `device-unknown` unless the session is bound to a device that its account's log certifies and has not revoked. */
export async function readDeviceKey(db: Db, { account, device }: Principal): Promise<DeviceKey> {
  const key = device === null ? null : await findDeviceKey(db, account, device);
  if (!key) throw new ProtocolError("device-unknown");
  return key;
}

/** Null unless the device is an active one of this account. */
export async function findDeviceKey(db: Db, account: AccountId, device: DeviceId): Promise<DeviceKey | null> {
  const row = await db
    .selectFrom("devices")
    .select(["public_key", "n", "account", "state"])
    .where("device", "=", device)
    .executeTakeFirst();
  return row?.account === account && row.state === "active" ? { publicKey: row.public_key, n: row.n } : null;
}

/**
 * Identity keys never change, so this may stand outside of transactions. Throws `not-found` for an account that is not
 * there, `no-keys`, or `malformed-structure` where the log has another identity.
 */
export async function checkIdentities(db: Db, members: readonly Pick<Member, "account" | "identityHash">[]): Promise<void> {
  const rows = await inChunks(
    members.map(({ account }) => account),
    (some) =>
      db
        .selectFrom("accounts")
        .leftJoin("account_keys", "account_keys.account", "accounts.id")
        .leftJoin("account_log", (join) => join.onRef("account_log.account", "=", "accounts.id").on("account_log.n", "=", 0))
        .select(["accounts.id", "account_keys.account as keys_of", "account_log.payload"])
        .where("accounts.id", "in", some)
        .execute(),
  );
  const found = new Map(rows.map((row) => [row.id, row]));
  for (const { account, identityHash } of members) {
    const row = found.get(account);
    if (!row) throw new ProtocolError("not-found");
    if (row.keys_of === null || row.payload === null) throw new ProtocolError("no-keys");
    const { body } = decodeAccountLogEntry(row.payload);
    const isSame = body.kind === "identity" && equalBytes(sha256(body.identityKey), identityHash);
    if (!isSame) throw new ProtocolError("malformed-structure", "The member list names another identity key.");
  }
}

/**
 * Inside the transaction: to an older key nothing new may be sealed, that is what rolling it is for. Throws `no-keys` or
 * `seal-missing`.
 */
export async function checkGenerations(trx: Db, members: readonly Pick<Member, "account" | "generation">[]): Promise<void> {
  const rows = await inChunks(
    members.map(({ account }) => account),
    (some) => trx.selectFrom("account_keys").select(["account", "generation"]).where("account", "in", some).execute(),
  );
  const newest = new Map(rows.map(({ account, generation }) => [account, generation]));
  for (const { account, generation } of members) {
    if (!newest.has(account)) throw new ProtocolError("no-keys");
    if (newest.get(account) !== generation) throw new ProtocolError("seal-missing");
  }
}

/** Throws `malformed-structure` unless this entry is in the account's log, and the device was certified by then (P4.10). */
export async function checkLogPlace(
  db: Db,
  account: AccountId,
  device: DeviceKey,
  [n, hash]: readonly [n: number, hash: Uint8Array],
): Promise<void> {
  const row = await db
    .selectFrom("account_log")
    .select("payload")
    .where("account", "=", account)
    .where("n", "=", n)
    .executeTakeFirst();
  if (!row || !equalBytes(sha256(row.payload), hash))
    throw new ProtocolError("malformed-structure", "It names an entry that is not in the account log.");
  if (device.n > n) throw new ProtocolError("malformed-structure", "It names a place in the account log before its device.");
}

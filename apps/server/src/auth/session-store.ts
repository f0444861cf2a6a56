import type { AccountId, DeviceId, SessionId } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import type { Principal } from "../http/principal.ts";
import type { NewRefreshToken, StoredRefreshToken } from "./refresh-token.ts";

export interface SessionRow {
  readonly id: SessionId;
  readonly device_name: string;
  readonly created_at_ms: number;
  readonly last_seen_ms: number;
}

export async function insertSession(
  trx: Db,
  session: { readonly id: SessionId; readonly account: AccountId; readonly deviceName: string; readonly nowMs: number },
): Promise<void> {
  const { id, account, deviceName, nowMs } = session;
  const row = {
    id,
    account,
    device_name: deviceName,
    device: null,
    created_at_ms: nowMs,
    last_seen_ms: nowMs,
    revoked_at_ms: null,
  };
  await trx.insertInto("sessions").values(row).execute();
}

export async function standingSession(db: Db, id: SessionId): Promise<Principal | null> {
  const row = await db
    .selectFrom("sessions")
    .select(["account", "device"])
    .where("id", "=", id)
    .where("revoked_at_ms", "is", null)
    .executeTakeFirst();
  return row ? { account: row.account, session: id, device: row.device } : null;
}

export function sessionsOf(db: Db, account: AccountId, seenSinceMs: number): Promise<SessionRow[]> {
  return db
    .selectFrom("sessions")
    .select(["id", "device_name", "created_at_ms", "last_seen_ms"])
    .where("account", "=", account)
    .where("revoked_at_ms", "is", null)
    .where("last_seen_ms", ">=", seenSinceMs)
    .orderBy("last_seen_ms", "desc")
    .orderBy("id")
    .execute();
}

export interface WhichSessions {
  readonly account: AccountId;
  readonly only?: SessionId;
  readonly except?: SessionId;
  readonly device?: DeviceId;
}

/** Marks standing sessions as signed out, and says which. */
export async function revokeSessions(trx: Db, which: WhichSessions, nowMs: number): Promise<SessionId[]> {
  const { account, only, except, device } = which;
  const rows = await trx
    .selectFrom("sessions")
    .select("id")
    .where("account", "=", account)
    .where("revoked_at_ms", "is", null)
    .$if(only !== undefined, (query) => query.where("id", "=", only as SessionId))
    .$if(except !== undefined, (query) => query.where("id", "<>", except as SessionId))
    .$if(device !== undefined, (query) => query.where("device", "=", device as DeviceId))
    .execute();
  const ids = rows.map(({ id }) => id);
  if (ids.length > 0) await trx.updateTable("sessions").set({ revoked_at_ms: nowMs }).where("id", "in", ids).execute();
  return ids;
}

/** False when the session was signed out meanwhile. */
export async function setSessionDevice(trx: Db, id: SessionId, device: DeviceId): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable("sessions")
    .set({ device })
    .where("id", "=", id)
    .where("revoked_at_ms", "is", null)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

export async function setSessionSeen(trx: Db, id: SessionId, nowMs: number): Promise<void> {
  await trx.updateTable("sessions").set({ last_seen_ms: nowMs }).where("id", "=", id).execute();
}

/** Forgets the account's sessions that were signed out or not seen since then; their refresh tokens go with them. */
export async function deleteOldSessions(
  trx: Db,
  account: AccountId,
  before: { readonly revokedMs: number; readonly seenMs: number },
): Promise<void> {
  await trx
    .deleteFrom("sessions")
    .where("account", "=", account)
    .where((eb) => eb.or([eb("revoked_at_ms", "<", before.revokedMs), eb("last_seen_ms", "<", before.seenMs)]))
    .execute();
}

export interface FoundRefreshToken extends StoredRefreshToken {
  readonly account: AccountId;
  readonly session: SessionId;
}

export async function findRefreshToken(trx: Db, hash: string): Promise<FoundRefreshToken | null> {
  const row = await trx
    .selectFrom("refresh_tokens as token")
    .innerJoin("sessions as session", "session.id", "token.session")
    .leftJoin("refresh_tokens as next", "next.hash", "token.successor")
    .select([
      "session.id as session",
      "session.account as account",
      "session.revoked_at_ms as revokedAtMs",
      "token.expires_at_ms as expiresAtMs",
      "token.used_at_ms as usedAtMs",
      "next.hash as nextHash",
      "next.used_at_ms as nextUsedAtMs",
    ])
    .where("token.hash", "=", hash)
    .executeTakeFirst();
  if (!row) return null;
  const { account, session, expiresAtMs, usedAtMs, nextHash, nextUsedAtMs } = row;
  const successor = nextHash === null ? null : { hash: nextHash, usedAtMs: nextUsedAtMs };
  return { account, session, expiresAtMs, usedAtMs, successor, sessionRevoked: row.revokedAtMs !== null };
}

export async function insertRefreshToken(
  trx: Db,
  session: SessionId,
  { hash }: NewRefreshToken,
  nowMs: number,
  expiresAtMs: number,
): Promise<void> {
  const row = { hash, session, issued_at_ms: nowMs, expires_at_ms: expiresAtMs, used_at_ms: null, successor: null };
  await trx.insertInto("refresh_tokens").values(row).execute();
}

/** The first use. False when somebody else was faster. */
export async function useRefreshToken(trx: Db, hash: string, successor: string, nowMs: number): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable("refresh_tokens")
    .set({ used_at_ms: nowMs, successor })
    .where("hash", "=", hash)
    .where("used_at_ms", "is", null)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** `dead` counts as used, without a successor of its own. False when somebody else was faster. */
export async function replaceSuccessor(trx: Db, hash: string, dead: string, successor: string, nowMs: number): Promise<boolean> {
  const killed = await trx
    .updateTable("refresh_tokens")
    .set({ used_at_ms: nowMs })
    .where("hash", "=", dead)
    .where("used_at_ms", "is", null)
    .executeTakeFirstOrThrow();
  if (killed.numUpdatedRows === 0n) return false;
  await trx.updateTable("refresh_tokens").set({ successor }).where("hash", "=", hash).execute();
  return true;
}

export async function deleteUsedRefreshTokens(trx: Db, session: SessionId, usedBeforeMs: number): Promise<void> {
  await trx.deleteFrom("refresh_tokens").where("session", "=", session).where("used_at_ms", "<", usedBeforeMs).execute();
}

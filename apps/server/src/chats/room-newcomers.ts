// Whether those who come into a room have asked for it, and with the keys that they really have (PROTOCOL.md P9.9, P9.11).
import {
  type AccountId,
  type ConversationId,
  decodeJoinRequest,
  type EpochRecord,
  encodeCbor,
  type JoinRequest,
  labels,
  ProtocolError,
  type RecordChange,
  type Signed,
} from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import { p256PublicKey, verifySigned } from "../keys/service.ts";
import { checkIdentities, checkLogPlace, findDeviceKey } from "./member-keys.ts";
import { malformed } from "./room-rules.ts";
import { inChunks } from "./statements.ts";

/** Its index; throws `malformed-structure` unless the conversation has this record. */
export async function checkRecordKnown(db: Db, conversation: ConversationId, hash: Uint8Array<ArrayBuffer>): Promise<number> {
  const row = await db
    .selectFrom("records")
    .select("idx")
    .where("conversation", "=", conversation)
    .where("hash", "=", hash)
    .executeTakeFirst();
  return row?.idx ?? malformed("It names a record that this room does not have.");
}

/** A request that was made before a membership ended does not bring it back (P9.9). */
async function checkNotEarlier(db: Db, { conversation, account }: JoinRequest, seenAt: number): Promise<void> {
  const row = await db
    .selectFrom("members")
    .select("until_index")
    .where("conversation", "=", conversation)
    .where("account", "=", account)
    .executeTakeFirst();
  if (row && row.until_index !== null && seenAt < row.until_index)
    malformed("The request is older than the end of an earlier membership.");
}

/** Throws `malformed-structure`, `bad-signature`, `no-keys` or `not-found`. */
export async function checkJoinRequest(db: Db, conversation: ConversationId, request: Signed): Promise<JoinRequest> {
  const asked = decodeJoinRequest(request.payload);
  if (asked.conversation !== conversation) malformed("The request is for another room.");
  const key = await findDeviceKey(db, asked.account, asked.device);
  if (!key) malformed("The request is by a device that its account does not have.");
  verifySigned(p256PublicKey(key.publicKey), labels.joinRequest, request);
  if (asked.generation < 1) malformed("The request names no encryption key.");
  await checkLogPlace(db, asked.account, key, asked.accountLog);
  await checkIdentities(db, [asked]);
  await checkNotEarlier(db, asked, await checkRecordKnown(db, conversation, asked.recordHash));
  return asked;
}

/** Outside the transaction. Throws as {@link checkJoinRequest}, and `seal-missing` for a key older than the request's. */
export async function checkNewcomers(db: Db, { conversation, author, changes }: EpochRecord): Promise<void> {
  for (const change of changes) {
    if (change.kind === "admit") {
      const { generation } = await checkJoinRequest(db, conversation, change.request);
      if (change.generation < generation) throw new ProtocolError("seal-missing");
    }
    if (change.kind === "join") await checkIdentities(db, [{ account: author, identityHash: change.identityHash }]);
  }
  await checkIdentities(
    db,
    changes.flatMap((change) => (change.kind === "add" ? [change.member] : [])),
  );
  await checkAccounts(
    db,
    changes.flatMap((change) => (change.kind === "ban" ? [change.account] : [])),
  );
}

/** Throws `not-found` unless all of them are there. */
async function checkAccounts(db: Db, accounts: readonly AccountId[]): Promise<void> {
  const found = await inChunks(accounts, (some) => db.selectFrom("accounts").select("id").where("id", "in", some).execute());
  if (found.length < accounts.length) throw new ProtocolError("not-found");
}

type Join = Extract<RecordChange, { kind: "join" }>;

/**
 * Whether the author of a `join` really holds the invite's link: only then is anything said of the room. Throws `not-found`
 * for an invite that this room never had, `bad-signature`, `banned`, or `invite-ended`.
 */
export async function checkGuest(db: Db, { conversation, author, prev }: EpochRecord, join: Join, nowMs: number): Promise<void> {
  const payload = encodeCbor([conversation, prev, author, join.identityHash]);
  const signed = { payload, signature: join.signature };
  await checkInviteProof(db, { conversation, invite: join.invite, account: author, nowMs }, labels.inviteGuest, signed);
}

export interface InviteUse {
  readonly conversation: ConversationId;
  readonly invite: Join["invite"];
  readonly account: AccountId;
  readonly nowMs: number;
}

/** Throws as {@link checkGuest}. */
export async function checkInviteProof(
  db: Db,
  { conversation, invite, account, nowMs }: InviteUse,
  label: typeof labels.inviteGuest | typeof labels.inviteOpen,
  signed: Signed,
): Promise<void> {
  const row = await db
    .selectFrom("room_invites")
    .select(["sign_key", "expires_at_ms", "is_ended"])
    .where("conversation", "=", conversation)
    .where("invite", "=", invite)
    .executeTakeFirst();
  if (!row) throw new ProtocolError("not-found");
  verifySigned(p256PublicKey(row.sign_key), label, signed);
  if (await isBanned(db, conversation, account)) throw new ProtocolError("banned");
  if (row.is_ended === 1 || row.expires_at_ms <= nowMs) throw new ProtocolError("invite-ended");
}

export async function isBanned(db: Db, conversation: ConversationId, account: AccountId): Promise<boolean> {
  const row = await db
    .selectFrom("room_bans")
    .select("account")
    .where("conversation", "=", conversation)
    .where("account", "=", account)
    .executeTakeFirst();
  return row !== undefined;
}

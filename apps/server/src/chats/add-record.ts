// Appends a record by compare and set: `index` and `prev` must follow the newest one, else the author is told what it missed.
import {
  type AccountId,
  type ConversationId,
  decodeAccountLogEntry,
  equalBytes,
  type Member,
  ProtocolError,
  type RecordEntry,
} from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import type { MemberState } from "../database/schema.ts";
import type { Principal } from "../http/principal.ts";
import { sha256 } from "../keys/service.ts";
import { type CheckedRecord, checkRecord, type Submission } from "./check-record.ts";
import { readRecords, recordOf } from "./entries.ts";
import { findMembership } from "./membership.ts";

export interface AddedRecord {
  readonly entry: RecordEntry;
  readonly isNew: boolean;
}

export async function addRecord(
  db: Db,
  principal: Principal,
  conversation: ConversationId,
  submission: Submission,
): Promise<AddedRecord> {
  const deviceKey = await readDeviceKey(db, principal);
  const checked = checkRecord(conversation, principal.account, principal.device ?? "", deviceKey, submission);
  return db.transaction().execute(async (trx) => {
    // Again, and now nothing can come between: the device may have been revoked meanwhile.
    await readDeviceKey(trx, principal);
    const place = await trx.selectFrom("conversations").selectAll().where("id", "=", conversation).executeTakeFirst();
    if (place) {
      const membership = await findMembership(trx, principal.account, conversation);
      if (!membership) throw new ProtocolError("not-found");
      const { record } = checked;
      const follows = record.index === place.record_index + 1 && equalBytes(record.prev, place.record_hash);
      if (!follows)
        throw new ProtocolError("record-conflict", undefined, { records: await readRecords(trx, membership, record.index) });
      if (record.epoch !== place.epoch + 1) throw new ProtocolError("malformed-structure", "A rotation opens the next epoch.");
      await checkSameMembers(trx, conversation, checked.members);
    } else if (checked.record.index !== 0) {
      throw new ProtocolError("not-found");
    }
    await checkMembersKeys(trx, principal.account, checked);
    const seq = (place?.last_seq ?? 0) + 1;
    const atMs = Math.max(Date.now(), place?.changed_at_ms ?? 0);
    if (place) await moveOn(trx, checked, seq, atMs);
    else await makeDirect(trx, principal.account, checked, seq, atMs);
    return { entry: await store(trx, checked, seq, atMs), isNew: !place };
  });
}

/** Throws `device-unknown` unless the session is bound to a device that its account's log certifies and has not revoked. */
async function readDeviceKey(db: Db, { account, device }: Principal): Promise<Uint8Array> {
  if (device === null) throw new ProtocolError("device-unknown");
  const row = await db
    .selectFrom("devices")
    .select("public_key")
    .where("device", "=", device)
    .where("account", "=", account)
    .where("state", "=", "active")
    .executeTakeFirst();
  if (!row) throw new ProtocolError("device-unknown");
  return row.public_key;
}

async function checkSameMembers(trx: Db, conversation: ConversationId, members: readonly Member[]): Promise<void> {
  const rows = await trx.selectFrom("members").select(["account", "role"]).where("conversation", "=", conversation).execute();
  const roles = new Map(rows.map(({ account, role }) => [account, role]));
  const isSame = members.length === rows.length && members.every(({ account, role }) => roles.get(account) === role);
  if (!isSame) throw new ProtocolError("malformed-structure", "The member list is not that of the conversation.");
}

/** Identity and newest generation of every member, and the author's place in its own log, as the account logs have them. */
async function checkMembersKeys(trx: Db, author: AccountId, { record, members }: CheckedRecord): Promise<void> {
  for (const { account, generation, identityHash } of members) {
    const known = await trx.selectFrom("accounts").select("id").where("id", "=", account).executeTakeFirst();
    if (!known) throw new ProtocolError("not-found");
    const keys = await trx.selectFrom("account_keys").select("generation").where("account", "=", account).executeTakeFirst();
    if (!keys) throw new ProtocolError("no-keys");
    // To an older key nothing new may be sealed: that is what rolling it is for.
    if (keys.generation !== generation) throw new ProtocolError("seal-missing");
    const first = decodeAccountLogEntry(await readLogPayload(trx, account, 0));
    const isSame = first.body.kind === "identity" && equalBytes(sha256(first.body.identityKey), identityHash);
    if (!isSame) throw new ProtocolError("malformed-structure", "The member list names another identity key.");
  }
  const [n, hash] = record.authorLog;
  if (!equalBytes(sha256(await readLogPayload(trx, author, n)), hash)) {
    throw new ProtocolError("malformed-structure", "The record names an entry that is not in its author's account log.");
  }
}

async function readLogPayload(trx: Db, account: AccountId, n: number): Promise<Uint8Array> {
  const row = await trx
    .selectFrom("account_log")
    .select("payload")
    .where("account", "=", account)
    .where("n", "=", n)
    .executeTakeFirst();
  if (!row) throw new ProtocolError("malformed-structure", "The record names an account-log entry that is not there.");
  return row.payload;
}

async function moveOn(trx: Db, { record, hash }: CheckedRecord, seq: number, atMs: number): Promise<void> {
  await trx
    .updateTable("conversations")
    .set({ last_seq: seq, changed_at_ms: atMs, record_index: record.index, record_hash: hash, epoch: record.epoch })
    .where("id", "=", record.conversation)
    .execute();
}

async function makeDirect(
  trx: Db,
  author: AccountId,
  { record, hash, members }: CheckedRecord,
  seq: number,
  atMs: number,
): Promise<void> {
  const id = record.conversation;
  const conversation = {
    id,
    kind: "direct",
    created_at_ms: atMs,
    changed_at_ms: atMs,
    last_seq: seq,
    record_index: 0,
    record_hash: hash,
    epoch: 1,
  } as const;
  await trx.insertInto("conversations").values(conversation).execute();
  for (const { account, role } of members) {
    const state = account === author ? "active" : await firstState(trx, account, author);
    await trx.insertInto("members").values({ conversation: id, account, role, state }).execute();
  }
}

/** How the other side stands to somebody who starts a chat: the author is not told. */
async function firstState(trx: Db, account: AccountId, author: AccountId): Promise<MemberState> {
  const blocked = await trx
    .selectFrom("blocks")
    .select("at_ms")
    .where("account", "=", account)
    .where("blocked", "=", author)
    .executeTakeFirst();
  if (blocked) return "blocked";
  const contact = await trx
    .selectFrom("contacts")
    .select("added_at_ms")
    .where("account", "=", account)
    .where("contact", "=", author)
    .executeTakeFirst();
  return contact ? "active" : "request";
}

async function store(
  trx: Db,
  { record, signed, hash, memberList, seals }: CheckedRecord,
  seq: number,
  atMs: number,
): Promise<RecordEntry> {
  const { conversation, index: idx, epoch, author: sender, device } = record;
  const place = { conversation, seq, at_ms: atMs };
  const row = { ...place, idx, epoch, payload: signed.payload, signature: signed.signature, member_list: memberList };
  await trx.insertInto("records").values(row).execute();
  await trx
    .insertInto("entries")
    .values({ ...place, kind: "record", message_id: `record:${idx}`, sender, device, envelope: null, envelope_hash: hash })
    .execute();
  for (const seal of seals)
    await trx
      .insertInto("seals")
      .values({ conversation, epoch, ...seal })
      .execute();
  return recordOf(row);
}

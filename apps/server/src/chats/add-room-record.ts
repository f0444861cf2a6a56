// A later record of a room. What it changes is worked out outside the transaction, because everybody else waits for that;
// inside, it only counts if the room is still the one that it was worked out for.
import { type AccountId, equalBytes, ProtocolError, type RecordEntry } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import { checkGenerations, readDeviceKey } from "./member-keys.ts";
import { findMembership } from "./membership.ts";
import type { SubmittedRecord } from "./read-submission.ts";
import type { AddedRecord, RecordContext } from "./record-context.ts";
import { type NextRoom, nextRoom } from "./room-changes.ts";
import { checkGuest, checkNewcomers } from "./room-newcomers.ts";
import { malformed } from "./room-rules.ts";
import { checkSealing } from "./room-seals.ts";
import { type ConversationRow, type Room, readRoom } from "./room-state.ts";
import {
  claimHandle,
  clearRoom,
  endInvites,
  endJoinRequests,
  endSeats,
  insertInvites,
  insertLetters,
  insertSeats,
  putProfile,
  replaceBans,
  replacePins,
  settingsColumns,
  setUses,
  updateSeats,
} from "./room-store.ts";
import { findPlace, nextPlacing, type Placing, recordConflict, storeRecord } from "./store-record.ts";

export async function addRoomRecord(
  context: RecordContext,
  place: ConversationRow,
  submitted: SubmittedRecord,
): Promise<AddedRecord> {
  const { db, kept, principal, nowMs } = context;
  const { record, hash } = submitted;
  await checkAccess(context, place, submitted);
  const follows = record.index === place.record_index + 1 && equalBytes(record.prev, place.record_hash);
  const room = follows ? await readRoom(db, kept, place) : null;
  if (!room) throw await recordConflict(db, place.id, record.index);
  const next = nextRoom(room, record, hash, nowMs);
  checkCompany(next, submitted, nowMs);
  await checkNewcomers(db, record);
  const added = await db.transaction().execute(async (trx): Promise<AddedRecord> => {
    await readDeviceKey(trx, principal);
    const now = await findPlace(trx, place.id);
    if (!now || !equalBytes(now.record_hash, room.hash)) throw await conflictFor(trx, principal.account, submitted);
    await checkGenerations(trx, next.renews ? [...next.room.seats.values()] : next.newcomers);
    return apply(trx, room, next, submitted, now);
  });
  kept.keep(next.room);
  return added;
}

/**
 * Members may go on, and whoever proves to hold an invite's link. A former member who did not know it yet is told by the
 * records up to its own end. Throws `not-found`, `room-deleted`, `record-conflict`, or as {@link checkGuest}.
 */
async function checkAccess(
  { db, principal, nowMs }: RecordContext,
  place: ConversationRow,
  { record }: SubmittedRecord,
): Promise<void> {
  const membership = await findMembership(db, principal.account, place.id);
  if (membership?.until === null) return;
  if (membership && record.index <= membership.until.index)
    throw await recordConflict(db, place.id, record.index, membership.until.index);
  if (place.is_deleted === 1) throw new ProtocolError(membership ? "room-deleted" : "not-found");
  const [first] = record.changes;
  if (first?.kind !== "join") throw new ProtocolError("not-found");
  await checkGuest(db, record, first, nowMs);
}

/** Another record came first; it may have ended the author's membership. */
async function conflictFor(trx: Db, author: AccountId, { record }: SubmittedRecord): Promise<ProtocolError> {
  const membership = await findMembership(trx, author, record.conversation);
  return recordConflict(trx, record.conversation, record.index, membership?.until?.index ?? null);
}

/** What travels beside the record: keys for everybody who needs one, and the profile where it changes. */
function checkCompany(next: NextRoom, { record, memberList, seals, letters, profile }: SubmittedRecord, nowMs: number): void {
  if (memberList !== null) malformed("Later member lists of a room follow from its changes.");
  const changesProfile = record.changes.some(({ kind }) => kind === "profile");
  if (changesProfile && profile === null) malformed("A new profile comes with its record.");
  if (profile !== null && !changesProfile && !next.renews) malformed("A profile comes with a new key, or when it changes.");
  const { renews, made, room, newcomers } = next;
  const { author, history } = record;
  const members = room.seats.values();
  const sealing = { author, renews, history, members, invites: room.state.invites, newcomers, made, nowMs };
  checkSealing(sealing, seals, letters);
}

async function apply(
  trx: Db,
  before: Room,
  next: NextRoom,
  submitted: SubmittedRecord,
  place: ConversationRow,
): Promise<AddedRecord> {
  const { record, letters, profile } = submitted;
  const { conversation } = record;
  const placing = nextPlacing(place);
  const { settings, isDeleted } = next.room.state;
  const hasNewHandle = settings.handle !== before.state.settings.handle;
  if (hasNewHandle && !isDeleted) await claimHandle(trx, conversation, record.author, settings, false);
  await moveConversation(trx, before, next, placing, place);
  await applyMembers(trx, before, next, placing, place);
  await endInvites(trx, conversation, next.ended);
  await insertInvites(trx, conversation, next.made);
  await setUses(trx, conversation, usedInvites(before, next));
  if (!sameItems(before.state.pins, next.room.state.pins)) await replacePins(trx, conversation, next.room.state.pins);
  await replaceBans(trx, conversation, before.state.bans, next.room.state.bans);
  await insertLetters(trx, record, letters);
  if (profile) await putProfile(trx, record, profile);
  const entry: RecordEntry = await storeRecord(trx, submitted, placing);
  const isClosed = isDeleted || settings.join === "invitation";
  const answered = [...next.newcomers.map(({ account }) => account), ...next.room.state.bans];
  const askers = await endJoinRequests(trx, conversation, isClosed ? null : answered);
  if (isDeleted) await clearRoom(trx, conversation);
  const newcomers = next.newcomers.map(({ account }) => account);
  const gone = isDeleted ? [...before.seats.keys()] : next.gone;
  return { entry, kind: "room", isNew: false, newcomers, gone, askers, isDeleted };
}

async function moveConversation(
  trx: Db,
  before: Room,
  { room, owesRotation }: NextRoom,
  { seq, atMs }: Placing,
  place: ConversationRow,
): Promise<void> {
  const { settings, profile, isDeleted } = room.state;
  const turnsShared = before.history === "joined" && room.history === "shared";
  await trx
    .updateTable("conversations")
    .set({
      ...settingsColumns(settings),
      // A deleted room's name is free again.
      ...(isDeleted ? { handle: null, handle_key: null, search_key: null, description: null } : {}),
      profile_hash: profile as Uint8Array<ArrayBuffer>,
      last_seq: seq,
      changed_at_ms: atMs,
      record_index: room.index,
      record_hash: room.hash,
      epoch: room.epoch,
      is_deleted: isDeleted ? 1 : 0,
      member_count: isDeleted ? 0 : room.seats.size,
      rotation_owed: owesRotation === null ? place.rotation_owed : owesRotation ? 1 : 0,
      ...(turnsShared ? { shared_from_seq: seq } : {}),
    })
    .where("id", "=", room.conversation)
    .execute();
}

async function applyMembers(
  trx: Db,
  before: Room,
  next: NextRoom,
  { seq, atMs }: Placing,
  place: ConversationRow,
): Promise<void> {
  const { conversation, index, history, state } = next.room;
  const end = { conversation, seq, index, atMs };
  if (state.isDeleted) return endSeats(trx, end, null);
  if (next.gone.length > 0) await endSeats(trx, end, next.gone);
  const newcomers = new Set(next.newcomers.map(({ account }) => account));
  const changed = [...next.room.seats.values()].filter(
    (seat) => !newcomers.has(seat.account) && before.seats.get(seat.account) !== seat,
  );
  await updateSeats(trx, conversation, changed);
  if (next.newcomers.length === 0) return;
  const turnsShared = before.history === "joined" && history === "shared";
  await insertSeats(trx, {
    conversation,
    author: next.author,
    seats: next.newcomers,
    seq,
    firstSeq: history === "joined" || turnsShared ? seq : place.shared_from_seq,
    readSeq: seq,
  });
}

/** Those that somebody came in by, and that can still be used. */
function usedInvites(before: Room, { room }: NextRoom) {
  const uses = new Map(before.state.invites.map((invite) => [invite.id, invite.uses]));
  return room.state.invites.filter((invite) => uses.has(invite.id) && uses.get(invite.id) !== invite.uses);
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

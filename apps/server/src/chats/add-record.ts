// Appends a record by compare and set: `index` and `prev` must follow the newest one, else the author is told what it missed.
import { type ConversationId, equalBytes, ProtocolError } from "@cychat/protocol";
import { addRoomRecord } from "./add-room-record.ts";
import { checkDirect, checkFits, makeDirect } from "./direct-records.ts";
import { makeRoom } from "./make-room.ts";
import { checkGenerations, checkIdentities, checkLogPlace, readDeviceKey } from "./member-keys.ts";
import { findMembership } from "./membership.ts";
import { readSubmission, type Submission, type SubmittedRecord } from "./read-submission.ts";
import type { AddedRecord, RecordContext } from "./record-context.ts";
import { findPlace, nextPlacing, recordConflict, storeRecord } from "./store-record.ts";

export async function addRecord(
  context: RecordContext,
  conversation: ConversationId,
  submission: Submission,
): Promise<AddedRecord> {
  const { db, principal } = context;
  const device = await readDeviceKey(db, principal);
  const submitted = readSubmission(conversation, principal.account, principal.device ?? "", device.publicKey, submission);
  const { record } = submitted;
  await checkLogPlace(db, principal.account, device, record.authorLog);
  // A first record is judged by itself before anything is looked up, and a later one only if there is something to follow: so
  // nobody learns here which conversations there are.
  if (record.index === 0) {
    const isRoom = record.changes[0]?.kind === "create-room";
    return isRoom ? makeRoom(context, submitted) : addDirectRecord(context, submitted);
  }
  const place = await findPlace(db, conversation);
  if (place?.kind === "room") return addRoomRecord(context, place, submitted);
  if (!place || !(await findMembership(db, principal.account, conversation))) throw new ProtocolError("not-found");
  return addDirectRecord(context, submitted);
}

async function addDirectRecord({ db, principal }: RecordContext, submitted: SubmittedRecord): Promise<AddedRecord> {
  const { record, hash } = submitted;
  const { conversation } = record;
  const members = checkDirect(submitted);
  await checkIdentities(db, members);
  return db.transaction().execute(async (trx) => {
    // Again, and now nothing can come between: the device may have been revoked meanwhile.
    await readDeviceKey(trx, principal);
    const place = await findPlace(trx, conversation);
    if (place) {
      if (!(await findMembership(trx, principal.account, conversation))) throw new ProtocolError("not-found");
      const follows = record.index === place.record_index + 1 && equalBytes(record.prev, place.record_hash);
      if (!follows) throw await recordConflict(trx, conversation, record.index);
      await checkFits(trx, place, record, members);
    } else if (record.index !== 0) {
      throw new ProtocolError("not-found");
    }
    await checkGenerations(trx, members);
    const placing = nextPlacing(place);
    const { seq, atMs } = placing;
    if (place) {
      await trx
        .updateTable("conversations")
        .set({ last_seq: seq, changed_at_ms: atMs, record_index: record.index, record_hash: hash, epoch: record.epoch })
        .where("id", "=", conversation)
        .execute();
    } else {
      await makeDirect(trx, principal.account, submitted, members, atMs);
    }
    const entry = await storeRecord(trx, submitted, placing);
    return { entry, kind: "direct", isNew: !place, newcomers: [], gone: [], askers: [], isDeleted: false };
  });
}

// A room's first record (PROTOCOL.md P9.1, P9.2).
import {
  type AccountId,
  decodeMemberList,
  type EpochRecord,
  encodeChange,
  encodeRoomState,
  equalBytes,
  type Member,
  ProtocolError,
  type RecordChange,
  type RoomState,
  roomIdPreimage,
  toBase64url,
} from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import { sha256 } from "../keys/service.ts";
import { assertHandle } from "./handles.ts";
import { checkGenerations, checkIdentities, readDeviceKey } from "./member-keys.ts";
import type { SubmittedRecord } from "./read-submission.ts";
import type { AddedRecord, RecordContext } from "./record-context.ts";
import { placeOf } from "./room-changes.ts";
import { malformed } from "./room-rules.ts";
import { checkSealing } from "./room-seals.ts";
import type { Seat } from "./room-state.ts";
import { claimHandle, insertSeats, moveWishes, putProfile, settingsColumns } from "./room-store.ts";
import { findPlace, nextPlacing, recordConflict, storeRecord } from "./store-record.ts";

/** Throws `malformed-structure`, `seal-missing`, `room-exists`, `no-keys`, `not-found`, `device-unknown`, `record-conflict`. */
export async function makeRoom({ db, kept, principal, nowMs }: RecordContext, submitted: SubmittedRecord): Promise<AddedRecord> {
  const { record, hash, seals, letters, profile } = submitted;
  const { members, state } = checkGenesis(submitted);
  const { history } = record;
  checkSealing(
    { author: record.author, renews: true, history, members, invites: [], newcomers: [], made: [], nowMs },
    seals,
    letters,
  );
  await checkIdentities(db, members);
  const seats = new Map(members.map((member): [AccountId, Seat] => [member.account, { ...member, sinceIndex: 0 }]));
  const added = await db.transaction().execute(async (trx): Promise<AddedRecord> => {
    await readDeviceKey(trx, principal);
    if (await findPlace(trx, record.conversation)) throw await conflictFor(trx, principal.account, record);
    await checkGenerations(trx, members);
    const placing = nextPlacing(undefined);
    const claimed = await claimHandle(trx, record.conversation, principal.account, state.settings, true);
    const wishes = state.settings.join === "invitation" ? [] : claimed.filter(({ account }) => !seats.has(account));
    await trx
      .insertInto("conversations")
      .values({
        id: record.conversation,
        kind: "room",
        created_at_ms: placing.atMs,
        changed_at_ms: placing.atMs,
        last_seq: placing.seq,
        record_index: 0,
        record_hash: hash,
        epoch: 1,
        member_count: members.length,
        profile_hash: state.profile,
        ...settingsColumns(state.settings),
      })
      .execute();
    await moveWishes(trx, record.conversation, wishes);
    await insertSeats(trx, {
      conversation: record.conversation,
      author: principal.account,
      seats: [...seats.values()].map((seat) => ({ ...seat, asked: seat.account === principal.account })),
      seq: placing.seq,
      firstSeq: 1,
      readSeq: 0,
    });
    if (profile) await putProfile(trx, record, profile);
    const entry = await storeRecord(trx, submitted, placing);
    const askers = claimed.map(({ account }) => account);
    return { entry, kind: "room", isNew: true, newcomers: [...seats.keys()], gone: [], askers, isDeleted: false };
  });
  kept.keep({ ...placeOf(record, hash), seats, state });
  return added;
}

/** The same record sent again meets itself; nobody else can have made a room of this id. */
async function conflictFor(trx: Db, account: AccountId, { conversation }: EpochRecord): Promise<ProtocolError> {
  const row = await trx
    .selectFrom("members")
    .select("account")
    .where("conversation", "=", conversation)
    .where("account", "=", account)
    .where("until_seq", "is", null)
    .executeTakeFirst();
  return row ? recordConflict(trx, conversation, 0) : new ProtocolError("not-found");
}

function checkGenesis({ record, memberList, profile }: SubmittedRecord): {
  readonly members: readonly Member[];
  readonly state: RoomState;
} {
  const [change, ...more] = record.changes;
  if (change?.kind !== "create-room" || more.length > 0) malformed("The first record makes the room, and nothing else.");
  if (record.index !== 0 || record.epoch !== 1) malformed("The first record has index 0 and opens epoch 1.");
  if (record.prev.some((byte) => byte !== 0)) malformed("The first record has no predecessor.");
  if (memberList === null || profile === null) malformed("A room begins with a member list and a profile.");
  checkId(record);
  const members = decodeMemberList(memberList);
  const owners = members.filter(({ role }) => role === "owner");
  if (owners.length !== 1 || owners[0]?.account !== record.author) malformed("The author is a new room's only owner.");
  const state = firstState(change);
  if (!equalBytes(sha256(encodeRoomState(members, state)), record.memberListHash))
    malformed("The member list is not the one that the record names.");
  return { members, state };
}

function checkId(record: EpochRecord): void {
  const preimage = roomIdPreimage(record, record.changes.map(encodeChange));
  if (toBase64url(sha256(preimage)) !== record.conversation) malformed("The room's id is not that of its first record.");
}

function firstState({ settings, profile }: Extract<RecordChange, { kind: "create-room" }>): RoomState {
  assertHandle(settings);
  return { settings, profile, bans: [], invites: [], pins: [], isDeleted: false };
}

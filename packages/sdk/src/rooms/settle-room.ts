// What a room looks like, taken anew from its records: who is in, what it is called, what one may do; and whether the server
// shows it as those records say.
import { CryptoError, memberOf, readableEpochs, recordHashAt, recordIndexOf, sha256 } from "@cychat/crypto";
import { type AccountId, decodeRecord, type EpochRecord, endpoints, equalBytes, signedFromJson } from "@cychat/protocol";
import type { Problem } from "../client-api.ts";
import { hasCode, isTransient } from "../client-error.ts";
import type { Conversation } from "../conversations/conversation.ts";
import { problem, problemOf } from "../problems.ts";
import type { RoomRecord } from "../store/tables.ts";
import { roomRecordOf } from "./room-record.ts";

/** `later`: something was out of reach; `wrong`: the server shows what the records do not say, and the user is told. */
export type Settling = "settled" | "later" | "wrong";

/** In the conversation's queue. Never rejects. */
export async function settleRoom(conversation: Conversation): Promise<Settling> {
  const { core, chain, profile, keyring } = conversation;
  const { room } = conversation.record;
  const { state } = chain;
  if (room === null || state === null) return "settled";
  const me = core.me.account;
  const isMember = isIn(conversation);
  let isLate = false;
  let failure: Problem | null = null;
  try {
    if (isMember) {
      // A new key goes from the letter into the safe as soon as it is there, not when a message first needs it.
      await keyring.key(state, state.epoch);
      await readProfile(conversation);
    }
  } catch (error) {
    // What is out of reach now is read at the next occasion; what is wrong is told.
    isLate = isOutOfReach(error);
    if (!isLate) failure = problemOf(error);
  }
  const now = chain.state ?? state;
  let { ended } = room;
  try {
    ended = isMember ? null : await howItEnded(conversation, room);
    if (!isMember && ended === null) isLate = true;
  } catch (error) {
    if (isOutOfReach(error)) isLate = true;
    else failure ??= problemOf(error);
  }
  const next = roomRecordOf(now, conversation.record.room ?? room, {
    me,
    profile: profile.profile,
    hasKey: keyring.known(now.epoch) !== undefined,
    ended,
  });
  if (isTruncated(conversation)) failure ??= problem("history-truncated");
  const wrong = isMember ? wrongWithAnchor(conversation, next.anchor) : null;
  if (wrong !== null) {
    // Who has asked to come in again need not have read yet how the stay before ended.
    try {
      await chain.catchUp();
    } catch (error) {
      if (isOutOfReach(error)) return "later";
      failure ??= problemOf(error);
    }
    if (chain.state !== now) return settleRoom(conversation);
  }
  await conversation.patch({
    // Who asks to come in again is shown a newer record than those of the stay before.
    room: { ...next, anchor: isMember ? null : next.anchor, settledAt: isLate || failure !== null ? null : now.index },
    problem: conversation.record.problem ?? wrong,
    ...(failure === null ? {} : { failure }),
    ...(isMember ? {} : { state: "former" as const }),
  });
  if (failure !== null) return "wrong";
  return isLate ? "later" : "settled";
}

const isOutOfReach = (error: unknown) => isTransient(error) || hasCode(error, "signed-out", "closed", "not-found");

/** Whether one is a member, as far as the records are known. */
export function isIn({ core, chain: { state } }: Conversation): boolean {
  return state !== null && memberOf(state, core.me.account) !== undefined && state.room?.isDeleted === false;
}

/** Whether the server holds back entries that one may read. */
export function isTruncated({ core, chain, firstSeq }: Conversation): boolean {
  if (chain.state === null || firstSeq <= 1) return false;
  const opened = [...readableEpochs(chain.state, core.me.account)].map((epoch) => chain.mark(epoch)?.seq ?? firstSeq);
  return Math.min(...opened, firstSeq) < firstSeq;
}

async function readProfile({ chain, profile }: Conversation): Promise<void> {
  if (chain.state === null) return;
  try {
    await profile.refresh(chain.state);
  } catch (error) {
    if (!hasCode(error, "profile-mismatch")) throw error;
    // It may be newer than our records are.
    await chain.catchUp();
    await profile.refresh(chain.state);
  }
}

/** Throws fork where the server shows another record in place of the one that ended it. */
async function howItEnded({ core, chain, id }: Conversation, room: RoomRecord): Promise<RoomRecord["ended"]> {
  const me = core.me.account;
  const until = chain.state?.seats.findLast(({ account }) => account === me)?.until;
  if (until == null || (room.ended !== null && until <= (room.settledAt ?? -1))) return room.ended;
  const { records } = await core.http.call(endpoints.records, { params: { id }, query: { from: String(until) } });
  const ending = records.find(({ index }) => index === until);
  if (ending === undefined || chain.state === null) return null;
  const { payload } = signedFromJson(ending.record);
  const known = recordHashAt(chain.state, until);
  if (known === undefined || !equalBytes(known, await sha256(payload))) throw new CryptoError("fork");
  return endOf(decodeRecord(payload), me);
}

/** How a record ended the membership of `me`. */
function endOf(record: EpochRecord, me: AccountId): RoomRecord["ended"] {
  for (const change of record.changes) {
    if (change.kind === "delete") return "deleted";
    if (change.kind === "leave" && record.author === me) return "left";
    if (change.kind === "remove" && change.account === me) return change.ban ? "banned" : "removed";
  }
  return null;
}

/** What was shown of the room before one came in must be part of what is shown now. */
function wrongWithAnchor({ chain: { state } }: Conversation, anchor: Uint8Array<ArrayBuffer> | null): Problem | null {
  if (anchor === null || state === null) return null;
  const isKnown = [...state.epochs.keys()].some((epoch) => recordIndexOf(state, epoch, anchor) !== undefined);
  return isKnown ? null : problem("fork");
}

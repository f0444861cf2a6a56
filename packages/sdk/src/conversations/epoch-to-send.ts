// Makes sure that a conversation has an open epoch that is good enough for the next message: genesis at the first one,
// a new key when one is due. Nothing is sealed to keys that were not read again on this connection.
import {
  type Author,
  type Bytes,
  type ChainState,
  createGenesis,
  createRotation,
  memberOf,
  membersOf,
  type RotationReason,
  rotationDue,
} from "@cychat/crypto";
import { type AccountId, endpoints } from "@cychat/protocol";
import { ClientError } from "../client-error.ts";
import type { Core } from "../core.ts";
import { assertKeys } from "../keys/account-directory.ts";
import { mayWith } from "../rooms/room-record.ts";
import type { Conversation } from "./conversation.ts";
import { submitRecord } from "./submit-record.ts";

export interface EpochToSend {
  readonly epoch: number;
  readonly epochKey: Bytes;
  readonly recordHash: Bytes;
}

const attempts = 6;
/** In larger rooms a device asks for the turn before it makes a key for everybody. */
const leasedFrom = 16;

/** Runs in the conversation's queue. Throws no-keys, sending-blocked, not-allowed, offline, and what records are refused for. */
export async function epochToSend(conversation: Conversation): Promise<EpochToSend> {
  let ownEpoch: number | null = null;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const state = conversation.chain.state;
    if (state === null) {
      await begin(conversation);
      continue;
    }
    assertMayWrite(conversation, state);
    const reason = await whyRotate(conversation, state);
    const epochKey = conversation.keyring.known(state.epoch);
    // An epoch that we opened just now is not old, whatever a clock that was set meanwhile makes of it.
    const isGood = reason === null || (reason === "age" && state.epoch === ownEpoch);
    if (isGood && epochKey !== undefined) return { epoch: state.epoch, epochKey, recordHash: state.hash };
    if (await rotate(conversation, state)) ownEpoch = state.epoch + 1;
  }
  throw new ClientError("record-conflict");
}

/** What every reader would refuse is not sent. */
function assertMayWrite({ core }: Conversation, state: ChainState): void {
  const { room } = state;
  if (room === null) return;
  const mine = memberOf(state, core.me.account);
  if (room.isDeleted) throw new ClientError("room-deleted");
  if (mine === undefined || !mayWith(mine.role, room.settings.post)) throw new ClientError("not-allowed");
}

async function begin(conversation: Conversation): Promise<void> {
  const { core, peer } = conversation;
  if (conversation.record.created || peer === null) {
    await conversation.chain.catchUp();
    if (conversation.chain.state !== null) return;
    throw new ClientError("rollback", "The server lost the records of this conversation.");
  }
  const author = await authorOf(core);
  const theirs = assertKeys(await peerKeys(core, peer));
  await submitRecord(conversation, await createGenesis(author, theirs));
}

/**
 * `no-key`: nobody can give us the open epoch's key right now, but any member may open the next one. `no-profile`: somebody
 * came in who cannot read what the room is called.
 */
async function whyRotate(
  conversation: Conversation,
  state: ChainState,
): Promise<RotationReason | "no-key" | "no-profile" | null> {
  const { core, chain, keyring, profile } = conversation;
  await core.accounts.fresh(core.me.account);
  const newest = await newestGenerations(conversation, state);
  if ((await keyring.key(state, state.epoch)) === undefined) return "no-key";
  if (state.room !== null && (await profile.isOutOfReach(state))) return "no-profile";
  const mark = chain.mark(state.epoch);
  const openedAtMs = mark?.openedAtMs ?? 0;
  // The older of two ages: a server that stops its clock does not keep a key alive, nor does a wrong clock here.
  const localAgeMs = core.environment.clock.now() - (mark?.seenAtLocalMs ?? 0);
  const nowMs = Math.max(core.time.now(), openedAtMs + localAgeMs);
  const messages = conversation.record.toSeq - (mark?.seq ?? 0);
  return rotationDue(state, newest, { openedAtMs, nowMs, messages });
}

async function newestGenerations(conversation: Conversation, state: ChainState): Promise<ReadonlyMap<AccountId, number>> {
  const { core, peer } = conversation;
  if (peer === null) return conversation.memberKeys.newer(state);
  await peerKeys(core, peer);
  const newest = new Map<AccountId, number>();
  for (const { account } of membersOf(state)) newest.set(account, (await core.accounts.get(account)).newestGeneration);
  return newest;
}

async function rotate(conversation: Conversation, state: ChainState): Promise<boolean> {
  const { core, id } = conversation;
  if (conversation.peer === null) {
    if (membersOf(state).length >= leasedFrom) {
      const { granted, retry_after_ms } = await core.http.call(endpoints.leaseRotation, { params: { id } });
      if (!granted) throw new ClientError("overloaded", undefined, { retry_after_ms });
    }
    const { attemptRecord } = await import("../rooms/change-room.ts");
    return attemptRecord(conversation, state, { changes: [], renew: true });
  }
  const record = await createRotation(state, await authorOf(core), (account) => core.accounts.fresh(account));
  return submitRecord(conversation, record);
}

async function authorOf(core: Core): Promise<Author> {
  return { account: await core.accounts.fresh(core.me.account), device: core.me.device };
}

async function peerKeys(core: Core, peer: AccountId) {
  const state = await core.accounts.fresh(peer);
  if (core.accounts.problem(peer)?.code === "identity-changed") throw new ClientError("sending-blocked");
  return state;
}

// Makes sure that a conversation has an open epoch that is good enough for the next message: genesis at the first one,
// a new key when one is due. Nothing is sealed to keys that were not read again on this connection.
import {
  type Author,
  type Bytes,
  type ChainState,
  createGenesis,
  createRotation,
  type NewRecord,
  type RotationReason,
  rotationDue,
} from "@cychat/crypto";
import { endpoints, RecordEntry, signedToJson, toBase64url } from "@cychat/protocol";
import { checked } from "../checked.ts";
import { ClientError, hasCode } from "../client-error.ts";
import type { Core } from "../core.ts";
import { assertKeys } from "../keys/account-directory.ts";
import type { Conversation } from "./conversation.ts";

export interface EpochToSend {
  readonly epoch: number;
  readonly epochKey: Bytes;
  readonly recordHash: Bytes;
}

const attempts = 6;

/** Runs in the conversation's queue. Throws no-keys, sending-blocked, offline, and what the records are refused for. */
export async function epochToSend(conversation: Conversation): Promise<EpochToSend> {
  let ownEpoch: number | null = null;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const state = conversation.chain.state;
    if (state === null) {
      await begin(conversation);
      continue;
    }
    const reason = await whyRotate(conversation, state);
    const epochKey = conversation.keyring.known(state.epoch);
    // An epoch that we opened just now is not old, whatever a clock that was set meanwhile makes of it.
    const isGood = reason === null || (reason === "age" && state.epoch === ownEpoch);
    if (isGood && epochKey !== undefined) return { epoch: state.epoch, epochKey, recordHash: state.hash };
    if (await rotate(conversation, state)) ownEpoch = state.epoch + 1;
  }
  throw new ClientError("record-conflict");
}

async function begin(conversation: Conversation): Promise<void> {
  const { core } = conversation;
  if (conversation.record.created) {
    await conversation.chain.catchUp();
    if (conversation.chain.state !== null) return;
    throw new ClientError("rollback", "The server lost the records of this conversation.");
  }
  const author = await authorOf(core);
  const peer = assertKeys(await peerKeys(conversation));
  await submit(conversation, await createGenesis(author, peer));
}

/** `no-key`: nobody can give us the open epoch's key right now, but any member may open the next one. */
async function whyRotate(conversation: Conversation, state: ChainState): Promise<RotationReason | "no-key" | null> {
  const { core, chain, keyring } = conversation;
  await core.accounts.fresh(core.me.account);
  await peerKeys(conversation);
  if ((await keyring.key(state, state.epoch)) === undefined) return "no-key";
  const mark = chain.mark(state.epoch);
  const openedAtMs = mark?.openedAtMs ?? 0;
  // The older of two ages: a server that stops its clock does not keep a key alive, nor does a wrong clock here.
  const localAgeMs = core.environment.clock.now() - (mark?.seenAtLocalMs ?? 0);
  const nowMs = Math.max(core.time.now(), openedAtMs + localAgeMs);
  const messages = conversation.record.toSeq - (mark?.seq ?? 0);
  return rotationDue(state, (account) => core.accounts.get(account), { openedAtMs, nowMs, messages });
}

async function rotate(conversation: Conversation, state: ChainState): Promise<boolean> {
  const author = await authorOf(conversation.core);
  const record = await createRotation(state, author, (account) => conversation.core.accounts.fresh(account));
  return submit(conversation, record);
}

/** The server takes the record only if it is the next one; else (false) we take what was faster than ours. */
async function submit(conversation: Conversation, record: NewRecord): Promise<boolean> {
  const { core, id } = conversation;
  const seals = record.seals.map(({ recipient, generation, encapsulated, ciphertext }) => ({
    recipient,
    generation,
    encapsulated: toBase64url(encapsulated),
    ciphertext: toBase64url(ciphertext),
  }));
  const body = { record: signedToJson(record.record), members: toBase64url(record.memberList), seals };
  try {
    const { seq, at_ms } = await core.http.call(endpoints.addRecord, { params: { id }, body });
    core.time.seen(at_ms);
    await conversation.chain.adopt(record.state, seq, at_ms);
    await conversation.patch({ created: true, lastSeq: Math.max(seq, conversation.record.lastSeq) });
    await conversation.keyring.add(record.state, record.epochKey);
    return true;
  } catch (error) {
    if (hasCode(error, "record-conflict")) await takeTheirs(conversation, error as ClientError);
    // A key was rolled while we sealed to the one before it.
    else if (hasCode(error, "seal-missing")) core.accounts.stale();
    else throw error;
    return false;
  }
}

async function takeTheirs(conversation: Conversation, conflict: ClientError): Promise<void> {
  const { records } = (conflict.details ?? {}) as { records?: unknown };
  const theirs = (Array.isArray(records) ? records : [])
    .map((record) => checked(RecordEntry, record))
    .filter((record) => record !== undefined);
  if (theirs.length > 0) await conversation.chain.apply(theirs);
  else await conversation.chain.catchUp();
  conversation.keyring.hint();
  await conversation.patch({ created: true });
}

async function authorOf(core: Core): Promise<Author> {
  return { account: await core.accounts.fresh(core.me.account), device: core.me.device };
}

async function peerKeys(conversation: Conversation) {
  const { core, peer } = conversation;
  const state = await core.accounts.fresh(peer);
  if (core.accounts.problem(peer)?.code === "identity-changed") throw new ClientError("sending-blocked");
  return state;
}

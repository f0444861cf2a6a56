// Records of a conversation: each is verified before any key of its epoch is used.
import {
  type ConversationId,
  decodeMemberList,
  decodeRecord,
  type EpochRecord,
  equalBytes,
  labels,
  type Member,
  type Signed,
} from "@cychat/protocol";
import type { AccountDevice, AccountState } from "./account-log.ts";
import type { Device } from "./device.ts";
import { directOutcome } from "./direct-rules.ts";
import type { EpochSeal } from "./epoch-key.ts";
import { CryptoError, decoded } from "./errors.ts";
import type { SealedLetter } from "./history-letter.ts";
import { verify } from "./identity.ts";
import { type Bytes, sha256, zeroHash } from "./primitives.ts";
import {
  type ChainState,
  checkPin,
  memberOf,
  type OpenedEpoch,
  type RecordPin,
  type ResolveAccount,
  recordHashAt,
} from "./record-chain.ts";
import type { Outcome } from "./room-changes.ts";
import { genesisOutcome, roomOutcome } from "./room-records.ts";

/** A record as the server keeps it. */
export interface RecordEvidence {
  readonly record: Signed;
  /** Of every record of a direct chat, and of a room's first one. */
  readonly memberList: Bytes | null;
  /** The entry's number, where known. */
  readonly seq?: number;
}

/** A new record with everything that is sent beside it. */
export interface NewRecord {
  readonly record: Signed;
  readonly memberList: Bytes | null;
  /** null when the record keeps the epoch. */
  readonly epochKey: Bytes | null;
  readonly seals: readonly EpochSeal[];
  readonly letters: readonly SealedLetter[];
  /** The room's profile, boxed under the open epoch's key; null when the server's box stays as it is. */
  readonly profile: Bytes | null;
  /** The chain with this record at its end; use it only once the server has accepted the record. */
  readonly state: ChainState;
}

export interface Author {
  readonly account: AccountState;
  readonly device: Device;
}

export interface VerifyOptions {
  /** The conversation that was asked for. */
  readonly conversation: ConversationId;
  readonly pin?: RecordPin | null;
  /** For invites whose time has passed. */
  readonly nowMs: number;
}

/** Verifies many records in order, then compares with the pin: fewer than pinned is a rollback. Throws as `verifyRecord`. */
export async function verifyRecords(
  state: ChainState | null,
  evidence: readonly RecordEvidence[],
  resolve: ResolveAccount,
  options: VerifyOptions,
): Promise<ChainState> {
  let current = state;
  for (const item of evidence) current = await verifyRecord(current, item, resolve, options);
  if (current === null) throw new CryptoError(options.pin ? "rollback" : "broken-chain");
  if (options.pin) checkPin(current, options.pin);
  return current;
}

/**
 * Verifies one record after `state` (null: the first one) and gives the state after it; a record that is already part
 * of `state` gives `state` back. Throws malformed-structure, wrong-conversation, fork (another record at a known or
 * pinned index), broken-chain, member-list-mismatch, unknown-device, device-revoked, bad-signature, not-a-member,
 * not-allowed, identity-changed, rollback (a member's older key), and account-behind when an account log must be read
 * again first; for rooms also room-deleted, rotation-missing, commitment-mismatch, already-member, banned, invite-ended,
 * too-large.
 */
export async function verifyRecord(
  state: ChainState | null,
  evidence: RecordEvidence,
  resolve: ResolveAccount,
  options: VerifyOptions,
): Promise<ChainState> {
  const record = decoded(() => decodeRecord(evidence.record.payload));
  const hash = await sha256(evidence.record.payload);
  const pin = options.pin ?? null;
  if (record.conversation !== options.conversation) throw new CryptoError("wrong-conversation");
  if (pin !== null && record.index === pin.index && !equalBytes(hash, pin.hash)) throw new CryptoError("fork");
  if (state !== null && record.index <= state.index) {
    const known = recordHashAt(state, record.index);
    if (known === undefined || !equalBytes(hash, known)) throw new CryptoError("fork");
    return state;
  }
  checkPlace(state, record);
  const kind = state?.kind ?? (record.changes[0]?.kind === "create-room" ? "room" : "direct");
  const list = await listOf(evidence, record, kind, state);

  const author = await resolve(record.author);
  const seat = state === null ? undefined : memberOf(state, record.author);
  if (seat !== undefined && !equalBytes(seat.identityHash, author.identityHash)) throw new CryptoError("identity-changed");
  const device = authorDevice(author, record, authorGeneration(state, record, list));
  await verify(device.publicKey, labels.record, evidence.record);

  const seq = evidence.seq ?? null;
  let outcome: Outcome;
  if (kind === "direct") outcome = await directOutcome(state, record, list ?? [], resolve);
  else if (state === null) outcome = await genesisOutcome(record, author, list ?? []);
  else outcome = await roomOutcome(state, record, { author, seq, resolve, nowMs: options.nowMs });

  const pinned = pin !== null && record.index <= pin.index;
  const unsettled = device.state === "revoked" && !pinned;
  const unsettledFrom = unsettled ? (state?.unsettledFrom ?? record.index) : null;
  return nextState(state, kind, record, hash, outcome, unsettledFrom);
}

function checkPlace(state: ChainState | null, record: EpochRecord): void {
  const index = state === null ? 0 : state.index + 1;
  const prev = state === null ? zeroHash() : state.hash;
  if (record.index !== index || !equalBytes(record.prev, prev)) throw new CryptoError("broken-chain");
}

/** A room's first list is bound by the hash of the whole first state; its later ones follow from the changes. */
async function listOf(
  { memberList }: RecordEvidence,
  record: EpochRecord,
  kind: ChainState["kind"],
  state: ChainState | null,
): Promise<Member[] | null> {
  if (kind === "room" && state !== null) return null;
  if (memberList === null) throw new CryptoError("member-list-mismatch");
  if (kind === "direct" && !equalBytes(await sha256(memberList), record.memberListHash))
    throw new CryptoError("member-list-mismatch");
  return decoded(() => decodeMemberList(memberList));
}

/** The author's generation in the list after the record; of somebody who leaves, before it. 0 for who is in neither. */
function authorGeneration(state: ChainState | null, record: EpochRecord, list: readonly Member[] | null): number {
  const { author, changes } = record;
  const listed = list ?? (state === null ? [] : [memberOf(state, author)]);
  const named = changes.flatMap((change) => {
    if (change.kind === "join") return [change.generation];
    return change.kind === "renew" ? change.generations.filter(([account]) => account === author).map(([, n]) => n) : [];
  });
  return named.at(-1) ?? listed.find((member) => member?.account === author)?.generation ?? 0;
}

/**
 * The author's device was certified, and not yet ended, at the place in the account log that the record names; and not
 * yet ended where its member list's generation of the author was published, so that nobody dates a record back behind it.
 */
function authorDevice(author: AccountState, record: EpochRecord, generation: number): AccountDevice {
  const [n, hash] = record.authorLog;
  const known = author.hashes[n];
  if (known === undefined) throw new CryptoError("account-behind");
  if (!equalBytes(known, hash)) throw new CryptoError("fork", "The record names another account log than the one known here.");
  const device = author.devices.get(record.device);
  if (device === undefined || device.n > n) throw new CryptoError("unknown-device");
  const publishedAt = generation === 0 ? 0 : author.generationEntries.get(generation);
  if (publishedAt === undefined) throw new CryptoError("account-behind");
  if (device.endedAt !== null && device.endedAt <= Math.max(n, publishedAt)) throw new CryptoError("device-revoked");
  return device;
}

function nextState(
  state: ChainState | null,
  kind: ChainState["kind"],
  record: EpochRecord,
  hash: Bytes,
  { invites, ...outcome }: Outcome,
  unsettledFrom: number | null,
): ChainState {
  const { conversation, index, epoch, history, commitment } = record;
  const epochs = new Map(state?.epochs);
  const open = epochs.get(epoch);
  const opened: OpenedEpoch = { openedIndex: index, commitment, history, recordHashes: [hash], invites };
  epochs.set(epoch, open === undefined ? opened : { ...open, recordHashes: [...open.recordHashes, hash], invites });
  return { conversation, kind, index, hash, epoch, history, epochs, unsettledFrom, ...outcome };
}

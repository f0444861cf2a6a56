// Epoch records: making them, and verifying them before any key of theirs is used.
import {
  type ConversationId,
  decodeMemberList,
  decodeRecord,
  type EpochRecord,
  encodeMemberList,
  encodeRecord,
  equalBytes,
  labels,
  type Member,
  type Signed,
} from "@cychat/protocol";
import type { AccountDevice, AccountState } from "./account-log.ts";
import type { Device } from "./device.ts";
import { commitTo, directConversationId, type EpochSeal, generateEpochKey, sealEpochKey } from "./epoch-key.ts";
import { CryptoError, decoded } from "./errors.ts";
import { sign, verify } from "./identity.ts";
import { type Bytes, sha256, zeroHash } from "./primitives.ts";
import {
  type ChainState,
  checkPin,
  type OpenedEpoch,
  type RecordPin,
  type ResolveAccount,
  recordHashAt,
} from "./record-chain.ts";

/** A record as the server keeps it. */
export interface RecordEvidence {
  readonly record: Signed;
  /** The list whose hash the record names. */
  readonly memberList: Bytes;
}

/** A new record with everything that is sent beside it. */
export interface NewRecord extends RecordEvidence {
  readonly epochKey: Bytes;
  readonly seals: readonly EpochSeal[];
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
}

/** The first record of a direct chat. Throws not-allowed when the peer has no encryption key yet. */
export async function createGenesis(author: Author, peer: AccountState): Promise<NewRecord> {
  const accounts = [author.account, peer];
  const conversation = await directConversationId(author.account.account, peer.account);
  return createRecord(null, conversation, author, accounts, [{ kind: "create", conversationKind: "direct" }]);
}

/** A new epoch key for the same members, sealed to the newest encryption key of each. */
export async function createRotation(state: ChainState, author: Author, resolve: ResolveAccount): Promise<NewRecord> {
  const accounts = await Promise.all(
    state.members.map(async (member) => {
      const account = await resolve(member.account);
      if (!equalBytes(account.identityHash, member.identityHash)) throw new CryptoError("identity-changed");
      return account;
    }),
  );
  return createRecord(state, state.conversation, author, accounts, [{ kind: "rotate" }]);
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
 * again first.
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
  if (!equalBytes(await sha256(evidence.memberList), record.memberListHash)) throw new CryptoError("member-list-mismatch");
  const members = decoded(() => decodeMemberList(evidence.memberList));

  const author = await resolve(record.author);
  const device = authorDevice(author, record, members);
  await verify(device.publicKey, labels.record, evidence.record);
  const seat = (state?.members ?? members).find((member) => member.account === record.author);
  if (seat === undefined) throw new CryptoError("not-a-member");
  await checkDirectRules(state, record, members);
  await checkMembers(state, members, resolve);

  const pinned = pin !== null && record.index <= pin.index;
  const unsettled = device.state === "revoked" && !pinned;
  const unsettledFrom = unsettled ? (state?.unsettledFrom ?? record.index) : null;
  return nextState(state, record, hash, members, unsettledFrom);
}

function checkPlace(state: ChainState | null, record: EpochRecord): void {
  const index = state === null ? 0 : state.index + 1;
  const prev = state === null ? zeroHash() : state.hash;
  if (record.index !== index || !equalBytes(record.prev, prev)) throw new CryptoError("broken-chain");
}

/**
 * The author's device was certified, and not yet ended, at the place in the account log that the record names; and not
 * yet ended where its member list's generation of the author was published, so that nobody dates a record back behind it.
 */
function authorDevice(author: AccountState, record: EpochRecord, members: readonly Member[]): AccountDevice {
  const [n, hash] = record.authorLog;
  const known = author.hashes[n];
  if (known === undefined) throw new CryptoError("account-behind");
  if (!equalBytes(known, hash)) throw new CryptoError("fork", "The record names another account log than the one known here.");
  const device = author.devices.get(record.device);
  if (device === undefined || device.n > n) throw new CryptoError("unknown-device");
  const generation = members.find((member) => member.account === record.author)?.generation ?? 0;
  const seenAtLeast = Math.max(n, author.generationEntries.get(generation) ?? 0);
  if (device.endedAt !== null && device.endedAt <= seenAtLeast) throw new CryptoError("device-revoked");
  return device;
}

/** Exactly its two accounts, both owners; made at index 0, rotated ever after, by either of them. */
async function checkDirectRules(state: ChainState | null, record: EpochRecord, members: readonly Member[]): Promise<void> {
  const [change, more] = record.changes;
  if (change === undefined || more !== undefined)
    throw new CryptoError("not-allowed", "A record of a direct chat makes one change.");
  const begins = change.kind === "create" && change.conversationKind === "direct";
  if (state === null ? !begins : change.kind !== "rotate") throw new CryptoError("not-allowed");
  if (state !== null && state.kind !== "direct") throw new CryptoError("not-allowed");
  if (record.epoch !== (state === null ? 1 : state.epoch + 1)) throw new CryptoError("broken-chain");
  if (state !== null && record.history !== state.history) throw new CryptoError("not-allowed");
  const [a, b] = members;
  if (a === undefined || b === undefined || members.length !== 2)
    throw new CryptoError("not-allowed", "A direct chat has two members.");
  if (a.role !== "owner" || b.role !== "owner") throw new CryptoError("not-allowed");
  if ((await directConversationId(a.account, b.account)) !== record.conversation) throw new CryptoError("wrong-conversation");
}

async function checkMembers(state: ChainState | null, members: readonly Member[], resolve: ResolveAccount): Promise<void> {
  for (const member of members) {
    const account = await resolve(member.account);
    if (!equalBytes(account.identityHash, member.identityHash)) throw new CryptoError("identity-changed");
    if (!account.encryptionKeys.has(member.generation)) throw new CryptoError("account-behind");
    const before = state?.members.find((other) => other.account === member.account);
    if (before !== undefined && member.generation < before.generation) throw new CryptoError("rollback");
  }
}

function nextState(
  state: ChainState | null,
  record: EpochRecord,
  hash: Bytes,
  members: readonly Member[],
  unsettledFrom: number | null,
): ChainState {
  const epochs = new Map(state?.epochs);
  const open = epochs.get(record.epoch);
  const opened: OpenedEpoch = { openedIndex: record.index, commitment: record.commitment, members, recordHashes: [hash] };
  epochs.set(record.epoch, open === undefined ? opened : { ...open, recordHashes: [...open.recordHashes, hash] });
  const { conversation, index, epoch, history } = record;
  return { conversation, kind: state?.kind ?? "direct", index, hash, epoch, history, members, epochs, unsettledFrom };
}

async function createRecord(
  state: ChainState | null,
  conversation: ConversationId,
  author: Author,
  accounts: readonly AccountState[],
  changes: EpochRecord["changes"],
): Promise<NewRecord> {
  const members = accounts.map((account): Member => {
    if (account.newestGeneration === 0) throw new CryptoError("not-allowed", "An account without keys cannot be a member yet.");
    return { account: account.account, identityHash: account.identityHash, role: "owner", generation: account.newestGeneration };
  });
  const memberList = encodeMemberList(members);
  const epochKey = generateEpochKey();
  const epoch = state === null ? 1 : state.epoch + 1;
  const payload = encodeRecord({
    conversation,
    index: state === null ? 0 : state.index + 1,
    epoch,
    prev: state?.hash ?? zeroHash(),
    author: author.account.account,
    device: author.device.id,
    authorLog: [author.account.head.n, author.account.head.hash],
    changes,
    memberListHash: await sha256(memberList),
    history: state?.history ?? "shared",
    commitment: await commitTo(epochKey, conversation, epoch),
  });
  const record = await sign(author.device.privateKey, labels.record, payload);
  const recordHash = await sha256(payload);
  const seals = await Promise.all(
    accounts.map((account) => {
      const publicKey = account.encryptionKeys.get(account.newestGeneration) as Bytes;
      return sealEpochKey({ conversation, epoch, recordHash }, epochKey, account.account, account.newestGeneration, publicKey);
    }),
  );
  const known = new Map(accounts.map((account) => [account.account, account]));
  const resolve: ResolveAccount = (account) => {
    const found = known.get(account);
    if (found === undefined) throw new CryptoError("not-a-member");
    return found;
  };
  // Our own record passes the very checks that every reader makes.
  const next = await verifyRecord(state, { record, memberList }, resolve, { conversation });
  return { record, memberList, epochKey, seals, state: next };
}

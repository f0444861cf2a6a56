// What the verified records of a conversation say, and how a client asks it.
import { type AccountId, type ConversationId, type EpochRecord, epochLimits, equalBytes, type Member } from "@cychat/protocol";
import type { AccountState } from "./account-log.ts";
import type { EpochReference } from "./epoch-key.ts";
import { CryptoError } from "./errors.ts";
import type { Bytes } from "./primitives.ts";

/** The newest record that was seen of a conversation. */
export interface RecordPin {
  readonly index: number;
  readonly hash: Bytes;
}

export interface OpenedEpoch {
  readonly openedIndex: number;
  readonly commitment: Bytes;
  readonly members: readonly Member[];
  /** SHA-256 of the payload of every record of this epoch, in order; the first one opened it. */
  readonly recordHashes: readonly Bytes[];
}

/** Structured-cloneable. */
export interface ChainState {
  readonly conversation: ConversationId;
  readonly kind: "direct" | "room";
  readonly index: number;
  readonly hash: Bytes;
  readonly epoch: number;
  readonly history: EpochRecord["history"];
  readonly members: readonly Member[];
  readonly epochs: ReadonlyMap<number, OpenedEpoch>;
  /**
   * From this index on every record is by a device that is revoked by now, and no later record covers it yet
   * (e2ee: "Author device now revoked"). Rotate before sending; null in all other cases.
   */
  readonly unsettledFrom: number | null;
}

/** Gives the newest verified state of an account's log, or throws. */
export type ResolveAccount = (account: AccountId) => Promise<AccountState> | AccountState;

export function recordPinOf(state: ChainState): RecordPin {
  return { index: state.index, hash: state.hash };
}

/** The hash of the record at `index`; undefined when it is not there. */
export function recordHashAt(state: ChainState, index: number): Bytes | undefined {
  for (const { openedIndex, recordHashes } of state.epochs.values()) {
    const hash = recordHashes[index - openedIndex];
    if (index >= openedIndex && hash !== undefined) return hash;
  }
  return undefined;
}

/** What a seal or a key of `epoch` is checked against. Throws unknown-epoch. */
export function epochReference(state: ChainState, epoch: number): EpochReference {
  const opened = state.epochs.get(epoch);
  const recordHash = opened?.recordHashes[0];
  if (opened === undefined || recordHash === undefined) throw new CryptoError("unknown-epoch");
  return { conversation: state.conversation, epoch, recordHash, commitment: opened.commitment };
}

/** Compares what was verified with what was seen before. Throws rollback, fork. */
export function checkPin(state: ChainState, pin: RecordPin): void {
  const hash = recordHashAt(state, pin.index);
  if (hash === undefined) throw new CryptoError("rollback");
  if (!equalBytes(hash, pin.hash)) throw new CryptoError("fork");
}

export type RotationReason = "unsettled" | "keys-changed" | "age" | "messages";

/** Of the open epoch; times by the server's clock within what the client believes. */
export interface EpochAge {
  readonly openedAtMs: number;
  readonly nowMs: number;
  readonly messages: number;
}

/** Why a new epoch is due before the next message, or null. Revoking a device always comes with a new encryption key. */
export async function rotationDue(state: ChainState, resolve: ResolveAccount, age: EpochAge): Promise<RotationReason | null> {
  if (state.unsettledFrom !== null) return "unsettled";
  for (const member of state.members) {
    if ((await resolve(member.account)).newestGeneration !== member.generation) return "keys-changed";
  }
  if (age.nowMs - age.openedAtMs >= epochLimits.maxAgeMs) return "age";
  return age.messages >= epochLimits.maxMessages ? "messages" : null;
}

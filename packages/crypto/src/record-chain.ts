// What the verified records of a conversation say: its epochs, and who had which seat when.
import {
  type AccountId,
  type ConversationId,
  type EpochRecord,
  equalBytes,
  type InviteId,
  type Member,
  type Right,
  type Role,
  type RoomState,
} from "@cychat/protocol";
import type { AccountState } from "./account-log.ts";
import type { EpochReference } from "./epoch-key.ts";
import { CryptoError } from "./errors.ts";
import type { Bytes } from "./primitives.ts";

/** The newest record that was seen of a conversation. */
export interface RecordPin {
  readonly index: number;
  readonly hash: Bytes;
}

/** What held from which record on, oldest first. */
export type Since<T> = readonly (readonly [index: number, value: T])[];

/** One membership, from coming in to leaving. Who comes in again gets another one. */
export interface Seat {
  readonly account: AccountId;
  readonly identityHash: Bytes;
  /** Index of the record that gave it. */
  readonly since: number;
  /** Index of the record that ended it, and that record's number among the entries where known. */
  readonly until: number | null;
  readonly untilSeq: number | null;
  /** Never empty, as `generations`; the first entry is of `since`. */
  readonly roles: Since<Role>;
  readonly generations: Since<number>;
}

export interface OpenedEpoch {
  readonly openedIndex: number;
  readonly commitment: Bytes;
  readonly history: EpochRecord["history"];
  /** SHA-256 of the payload of every record of this epoch, in order; the first one opened it. */
  readonly recordHashes: readonly Bytes[];
  /** The invites that its key was, or may have been, sealed to. */
  readonly invites: readonly InviteId[];
}

/** Structured-cloneable. */
export interface ChainState {
  readonly conversation: ConversationId;
  readonly kind: "direct" | "room";
  readonly index: number;
  readonly hash: Bytes;
  readonly epoch: number;
  readonly history: EpochRecord["history"];
  /** Of today and of former times, sorted by account, then `since`. */
  readonly seats: readonly Seat[];
  /** Ascending. */
  readonly epochs: ReadonlyMap<number, OpenedEpoch>;
  /**
   * From this index on every record is by a device that is revoked by now, and no later record covers it yet
   * (e2ee: "Author device now revoked"). Rotate before sending; null in all other cases.
   */
  readonly unsettledFrom: number | null;
  /** null for direct chats. */
  readonly room: RoomState | null;
  /** Who might post, since which record; empty for direct chats. */
  readonly posting: Since<Right>;
  /** Why a new epoch is due, whatever the clock says. */
  readonly owed: "left" | "invite-ended" | null;
}

/** Gives the newest verified state of an account's log, or throws. */
export type ResolveAccount = (account: AccountId) => Promise<AccountState> | AccountState;

export function recordPinOf(state: ChainState): RecordPin {
  return { index: state.index, hash: state.hash };
}

/** A seat as the member list shows it; the same object for the same seat, because its encoding is kept with it. */
const memberships = new WeakMap<Seat, Member>();

function membershipOf(seat: Seat): Member {
  let member = memberships.get(seat);
  if (member === undefined) {
    const { account, identityHash, roles, generations } = seat;
    member = { account, identityHash, role: newest(roles), generation: newest(generations) };
    memberships.set(seat, member);
  }
  return member;
}

export function membersOfSeats(seats: readonly Seat[]): Member[] {
  return seats.filter((seat) => seat.until === null).map(membershipOf);
}

interface Roll {
  readonly members: readonly Member[];
  readonly byAccount: ReadonlyMap<AccountId, readonly Seat[]>;
}

const rolls = new WeakMap<ChainState, Roll>();

function rollOf(state: ChainState): Roll {
  let roll = rolls.get(state);
  if (roll === undefined) {
    roll = { members: membersOfSeats(state.seats), byAccount: Map.groupBy(state.seats, (seat) => seat.account) };
    rolls.set(state, roll);
  }
  return roll;
}

/** Sorted by account. */
export function membersOf(state: ChainState): readonly Member[] {
  return rollOf(state).members;
}

export function memberOf(state: ChainState, account: AccountId): Member | undefined {
  const seat = seatsOf(state, account).at(-1);
  return seat === undefined || seat.until !== null ? undefined : membershipOf(seat);
}

/** Every seat that the account ever had, oldest first. */
export function seatsOf(state: ChainState, account: AccountId): readonly Seat[] {
  return rollOf(state).byAccount.get(account) ?? [];
}

/** The seat that the account held at a record; the record that ends a seat does not count any more. */
export function seatAt(state: ChainState, account: AccountId, index: number): Seat | undefined {
  return seatsOf(state, account).find((seat) => seat.since <= index && index < endOf(seat));
}

/** The first record of which a seat does not hold any more. */
export function endOf(seat: Seat): number {
  return seat.until ?? Number.POSITIVE_INFINITY;
}

export function roleAt(seat: Seat, index: number): Role {
  return valueAt(seat.roles, index);
}

/** What held at `index`; before the first entry, what that one says. */
export function valueAt<T>(history: Since<T>, index: number): T {
  const entry = history.findLast(([since]) => since <= index) ?? history[0];
  if (entry === undefined) throw new CryptoError("unknown-record");
  return entry[1];
}

function newest<T>(history: Since<T>): T {
  return valueAt(history, Number.POSITIVE_INFINITY);
}

/** The first record that is not of this epoch any more. */
export function epochEnd(state: ChainState, epoch: number): number {
  return state.epochs.get(epoch + 1)?.openedIndex ?? Number.POSITIVE_INFINITY;
}

/** The hash of the record at `index`; undefined when it is not there. */
export function recordHashAt(state: ChainState, index: number): Bytes | undefined {
  for (const { openedIndex, recordHashes } of state.epochs.values()) {
    const hash = recordHashes[index - openedIndex];
    if (index >= openedIndex && hash !== undefined) return hash;
  }
  return undefined;
}

/** The index of the record of `epoch` that has this hash. */
export function recordIndexOf(state: ChainState, epoch: number, hash: Bytes): number | undefined {
  const opened = state.epochs.get(epoch);
  const at = opened?.recordHashes.findIndex((known) => equalBytes(known, hash)) ?? -1;
  return opened === undefined || at < 0 ? undefined : opened.openedIndex + at;
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

/** Notes the number that the server gave to the newest record, made here: the seats that it ended end there. */
export function withRecordSeq(state: ChainState, seq: number): ChainState {
  if (!state.seats.some((seat) => seat.until === state.index)) return state;
  return { ...state, seats: state.seats.map((seat) => (seat.until === state.index ? { ...seat, untilSeq: seq } : seat)) };
}

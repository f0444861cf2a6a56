// A verified chain as a client keeps it: small enough that a room of a thousand members is read and written in an instant.
import {
  type AccountId,
  AccountId as AccountIdSchema,
  ArrayReader,
  branded,
  type CborValue,
  ConversationId,
  encodeCbor,
  InviteId,
  inviteFields,
  type RoomState,
  readInvite,
  readPin,
  readSettings,
  settingsFields,
} from "@cychat/protocol";
import { CryptoError, decoded } from "./errors.ts";
import { type Bytes, concatBytes, hashBytes } from "./primitives.ts";
import type { ChainState, OpenedEpoch, Seat, Since } from "./record-chain.ts";

const formatVersion = 1;
const accountBytes = 16;
// Words stand as their places in these lists: append only.
const kinds = ["direct", "room"] as const;
const histories = ["shared", "joined"] as const;
const roles = ["member", "admin", "owner"] as const;
const rights = ["member", "admin"] as const;
const debts = [null, "left", "invite-ended"] as const;

export function encodeChainState(state: ChainState): Bytes {
  return encodeCbor([
    formatVersion,
    state.conversation,
    kinds.indexOf(state.kind),
    state.index,
    state.hash,
    state.epoch,
    histories.indexOf(state.history),
    state.seats.map(seatFields),
    [...state.epochs].map(epochFields),
    state.unsettledFrom,
    state.room === null ? null : roomFields(state.room),
    flat(state.posting, (right) => rights.indexOf(right)),
    debts.indexOf(state.owed),
  ]);
}

/** Throws malformed-structure. */
export function decodeChainState(bytes: Uint8Array): ChainState {
  return decoded(() => {
    const reader = ArrayReader.ofBytes(bytes, "a stored chain");
    reader.literal(formatVersion);
    const state: ChainState = {
      conversation: branded(ConversationId, reader.text()),
      kind: word(reader, kinds),
      index: reader.count(),
      hash: reader.bytes(hashBytes),
      epoch: reader.count(),
      history: word(reader, histories),
      seats: reader.list("a seat", readSeat),
      epochs: new Map(reader.list("an epoch", readEpoch)),
      unsettledFrom: countOrNull(reader),
      room: readRoom(reader.value()),
      posting: readFlat(reader, (at) => rights[at]),
      owed: word(reader, debts),
    };
    reader.end();
    return state;
  });
}

function seatFields(seat: Seat): CborValue {
  return [
    packAccounts([seat.account]),
    seat.identityHash,
    seat.since,
    seat.until,
    seat.untilSeq,
    flat(seat.roles, (role) => roles.indexOf(role)),
    flat(seat.generations, (generation) => generation),
  ];
}

function readSeat(reader: ArrayReader): Seat {
  const [account] = unpackAccounts(reader.bytes(accountBytes));
  if (account === undefined) return reader.fail("is nobody's");
  const seat = {
    account,
    identityHash: reader.bytes(hashBytes),
    since: reader.count(),
    until: countOrNull(reader),
    untilSeq: countOrNull(reader),
    roles: readFlat(reader, (at) => roles[at]),
    generations: readFlat(reader, (generation) => generation),
  };
  if (seat.roles.length === 0 || seat.generations.length === 0) reader.fail("says too little");
  return seat;
}

function epochFields([epoch, opened]: readonly [number, OpenedEpoch]): CborValue {
  const { openedIndex, commitment, history, recordHashes, invites } = opened;
  return [epoch, openedIndex, commitment, histories.indexOf(history), concatBytes(...recordHashes), invites];
}

function readEpoch(reader: ArrayReader): [number, OpenedEpoch] {
  const epoch = reader.count();
  const openedIndex = reader.count();
  const commitment = reader.bytes(hashBytes);
  const history = word(reader, histories);
  const recordHashes = pieces(reader.bytes(), hashBytes);
  const ids = reader.value();
  if (!Array.isArray(ids)) return reader.fail("wants invites here");
  const invites = ids.map((id: CborValue) => branded(InviteId, String(id)));
  return [epoch, { openedIndex, commitment, history, recordHashes, invites }];
}

function roomFields({ settings, profile, bans, invites, pins, isDeleted }: RoomState): CborValue {
  return [
    settingsFields(settings),
    profile,
    packAccounts(bans),
    invites.map(inviteFields),
    pins.map(({ messageId, envelopeHash }) => [messageId, envelopeHash]),
    isDeleted,
  ];
}

function readRoom(value: CborValue): RoomState | null {
  if (value === null) return null;
  const reader = new ArrayReader(value, "a stored room");
  const room = {
    settings: readSettings(reader.array("settings")),
    profile: reader.bytes(hashBytes),
    bans: unpackAccounts(reader.bytes()),
    invites: reader.list("an invite", readInvite),
    pins: reader.list("a pin", readPin),
    isDeleted: reader.boolean(),
  };
  reader.end();
  return room;
}

/** [index, value, index, value …] */
function flat<T>(history: Since<T>, toNumber: (value: T) => number): number[] {
  return history.flatMap(([index, value]) => [index, toNumber(value)]);
}

function readFlat<T>(reader: ArrayReader, fromNumber: (value: number) => T | undefined): Since<T> {
  const numbers = reader.value();
  if (!Array.isArray(numbers) || numbers.length % 2 !== 0) return reader.fail("wants pairs of numbers here");
  return Array.from({ length: numbers.length / 2 }, (_, at) => {
    const [index, value] = [numbers[2 * at], fromNumber(Number(numbers[2 * at + 1]))];
    if (typeof index !== "number" || value === undefined) return reader.fail("wants pairs of numbers here");
    return [index, value] as const;
  });
}

function word<T>(reader: ArrayReader, words: readonly T[]): T {
  const at = reader.count();
  return at < words.length ? (words[at] as T) : reader.fail("has a word that this software does not know");
}

function countOrNull(reader: ArrayReader): number | null {
  const value = reader.value();
  if (value === null || (typeof value === "number" && value >= 0)) return value;
  return reader.fail("wants a number or null here");
}

function packAccounts(accounts: readonly AccountId[]): Bytes {
  return Uint8Array.fromHex(accounts.map((account) => account.replaceAll("-", "")).join(""));
}

function unpackAccounts(bytes: Bytes): AccountId[] {
  return pieces(bytes, accountBytes).map((piece) => {
    const hex = piece.toHex();
    const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
    return branded(AccountIdSchema, parts.join("-"));
  });
}

function pieces(bytes: Bytes, length: number): Bytes[] {
  if (bytes.length % length !== 0) throw new CryptoError("malformed-structure", "A stored chain has half an item in it.");
  return Array.from({ length: bytes.length / length }, (_, at) => bytes.slice(at * length, (at + 1) * length));
}

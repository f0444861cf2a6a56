// What follows from a room's changes, applied in order (PROTOCOL.md P9.4, P9.5). Who may make them: room-rules.ts.
import {
  type AccountId,
  decodeJoinRequest,
  type EpochRecord,
  type GenerationUpdate,
  type InviteId,
  limits,
  type Member,
  type RoomChange,
  type RoomInvite,
  type RoomState,
} from "@cychat/protocol";
import { CryptoError, decoded } from "./errors.ts";
import { type ChainState, membersOfSeats, type Seat, type Since } from "./record-chain.ts";
import { byRank } from "./room-rules.ts";

/** One record on its way into the state. */
export interface RoomStep {
  readonly author: AccountId;
  readonly index: number;
  /** The number of its entry, where known. */
  readonly seq: number | null;
  readonly history: EpochRecord["history"];
  readonly changes: readonly RoomChange[];
}

/** What a record makes of a conversation, beside its place in the chain. */
export type Outcome = Pick<ChainState, "seats" | "room" | "posting" | "owed"> & {
  /** The invites that may hold the key of the record's epoch. */
  readonly invites: readonly InviteId[];
};

interface Draft {
  seats: Seat[];
  room: RoomState;
  usedUp: InviteId[];
}

/** Throws not-a-member, already-member, banned, invite-ended, rollback, not-allowed, too-large, malformed-structure. */
export function applyChanges(state: ChainState, room: RoomState, step: RoomStep): Outcome {
  const draft: Draft = { seats: [...state.seats], room, usedUp: [] };
  for (const change of step.changes) applyChange(draft, step, change);
  succeed(draft, step.index);
  checkLimits(draft);
  const { post } = draft.room.settings;
  return {
    seats: draft.seats,
    room: draft.room,
    posting: noted(state.posting, step.index, post),
    ...keyHolders(state, draft, step),
  };
}

/** Whom the open key was given, and whether somebody holds it who should not any more. */
function keyHolders(state: ChainState, draft: Draft, step: RoomStep): Pick<Outcome, "invites" | "owed"> {
  const renews = step.changes.some(({ kind }) => kind === "renew");
  const before = renews ? [] : (state.epochs.get(state.epoch)?.invites ?? []);
  const live = draft.room.invites.map(({ id }) => id);
  const made = step.changes.flatMap((change) => (change.kind === "invite" ? [change.invite.id] : []));
  const given = step.history === "joined" ? [] : renews ? live : made;
  const usedUp = draft.usedUp.some((id) => before.includes(id));
  // Who opens an epoch and leaves with the same record has its key, too.
  const left = step.changes.some(({ kind }) => kind === "leave");
  const owed = left ? "left" : ((renews ? null : state.owed) ?? (usedUp ? "invite-ended" : null));
  return { invites: [...before, ...given], owed };
}

function applyChange(draft: Draft, step: RoomStep, change: RoomChange): void {
  const { room } = draft;
  const { author, index } = step;
  switch (change.kind) {
    case "create-room":
      throw new CryptoError("not-allowed");
    case "renew":
      for (const update of change.generations) updateGeneration(draft, index, update);
      return;
    case "add":
      giveSeat(draft, index, change.member);
      return;
    case "admit": {
      const { account, identityHash } = decoded(() => decodeJoinRequest(change.request.payload));
      giveSeat(draft, index, { account, identityHash, role: "member", generation: change.generation });
      return;
    }
    case "join": {
      const { identityHash, generation } = change;
      giveSeat(draft, index, { account: author, identityHash, role: "member", generation });
      useInvite(draft, change.invite);
      return;
    }
    case "remove":
      endSeat(draft, step, change.account);
      if (change.ban) addBan(draft, change.account);
      return;
    case "leave":
      endSeat(draft, step, author);
      return;
    case "ban":
      if (currentSeat(draft, change.account) !== undefined)
        throw new CryptoError("not-allowed", "A member is banned by being removed.");
      addBan(draft, change.account);
      return;
    case "unban":
      demand(room.bans.includes(change.account));
      draft.room = { ...room, bans: room.bans.filter((account) => account !== change.account) };
      return;
    case "role":
      changeSeat(draft, change.account, (seat) => {
        demand(seat.roles.at(-1)?.[1] !== change.role);
        return { ...seat, roles: noted(seat.roles, index, change.role) };
      });
      return;
    case "settings":
      draft.room = { ...room, settings: change.settings };
      return;
    case "profile":
      draft.room = { ...room, profile: change.profile };
      return;
    case "invite":
      demand(!room.invites.some(({ id }) => id === change.invite.id));
      draft.room = { ...room, invites: [...room.invites, change.invite] };
      return;
    case "end-invite":
      draft.room = { ...room, invites: without(room.invites, liveInvite(room, change.invite)) };
      return;
    case "pin":
      demand(!room.pins.some(({ messageId }) => messageId === change.pin.messageId));
      draft.room = { ...room, pins: [...room.pins, change.pin] };
      return;
    case "unpin":
      demand(room.pins.some(({ messageId }) => messageId === change.messageId));
      draft.room = { ...room, pins: room.pins.filter(({ messageId }) => messageId !== change.messageId) };
      return;
    case "delete":
      draft.room = { ...room, isDeleted: true };
  }
}

/** A change that changes nothing, or something that is not there, was made on another state than this one. */
function demand(condition: boolean): void {
  if (!condition) throw new CryptoError("not-allowed", "The change does not fit what the room is like.");
}

export function newSeat(index: number, { account, identityHash, role, generation }: Member): Seat {
  return {
    account,
    identityHash,
    since: index,
    until: null,
    untilSeq: null,
    roles: [[index, role]],
    generations: [[index, generation]],
  };
}

function giveSeat(draft: Draft, index: number, member: Member): void {
  demand(member.generation > 0);
  if (currentSeat(draft, member.account) !== undefined) throw new CryptoError("already-member");
  if (draft.room.bans.includes(member.account)) throw new CryptoError("banned");
  const after = draft.seats.findIndex(({ account }) => account > member.account);
  draft.seats.splice(after < 0 ? draft.seats.length : after, 0, newSeat(index, member));
}

function endSeat(draft: Draft, { index, seq }: RoomStep, account: AccountId): void {
  changeSeat(draft, account, (seat) => {
    // A seat that lasts no record at all would let somebody read what was before.
    demand(seat.since < index);
    return { ...seat, until: index, untilSeq: seq };
  });
}

function updateGeneration(draft: Draft, index: number, [account, generation]: GenerationUpdate): void {
  changeSeat(draft, account, (seat) => {
    const before = seat.generations.at(-1)?.[1] ?? 0;
    if (generation < before) throw new CryptoError("rollback");
    demand(generation > before);
    return { ...seat, generations: noted(seat.generations, index, generation) };
  });
}

function currentSeat(draft: Draft, account: AccountId): Seat | undefined {
  return draft.seats.find((seat) => seat.account === account && seat.until === null);
}

function changeSeat(draft: Draft, account: AccountId, change: (seat: Seat) => Seat): void {
  const at = draft.seats.findIndex((seat) => seat.account === account && seat.until === null);
  const seat = draft.seats[at];
  if (seat === undefined) throw new CryptoError("not-a-member");
  draft.seats[at] = change(seat);
}

function addBan(draft: Draft, account: AccountId): void {
  demand(!draft.room.bans.includes(account));
  draft.room = { ...draft.room, bans: [...draft.room.bans, account].toSorted() };
}

function useInvite(draft: Draft, id: InviteId): void {
  const { room } = draft;
  const invite = liveInvite(room, id);
  if (invite.uses === 1) draft.usedUp.push(id);
  const used = invite.uses === 1 ? [] : [{ ...invite, uses: invite.uses - 1 }];
  draft.room = { ...room, invites: room.invites.flatMap((other) => (other.id === id ? used : [other])) };
}

function liveInvite(room: RoomState, id: InviteId): RoomInvite {
  const invite = room.invites.find((other) => other.id === id);
  if (invite === undefined) throw new CryptoError("invite-ended");
  return invite;
}

function without(invites: readonly RoomInvite[], ended: RoomInvite): RoomInvite[] {
  return invites.filter((invite) => invite !== ended);
}

/** The history with what holds from `index` on; what changes back within one record leaves no trace. */
export function noted<T>(history: Since<T>, index: number, value: T): Since<T> {
  const earlier = history.at(-1)?.[0] === index ? history.slice(0, -1) : history;
  return earlier.at(-1)?.[1] === value ? earlier : [...earlier, [index, value]];
}

/** No owner left: the longest-standing member of the highest role is one now. Nobody left: the room is no more. */
function succeed(draft: Draft, index: number): void {
  const members = membersOfSeats(draft.seats);
  const highest = members.map(({ role }) => role).reduce((a, b) => (byRank(a, b) >= 0 ? a : b), "member");
  if (members.length === 0) draft.room = { ...draft.room, isDeleted: true };
  if (members.length === 0 || highest === "owner") return;
  const heirs = draft.seats.filter((seat) => seat.until === null && seat.roles.at(-1)?.[1] === highest);
  const heir = heirs.reduce((a, b) => (b.since < a.since ? b : a));
  changeSeat(draft, heir.account, (seat) => ({ ...seat, roles: noted(seat.roles, index, "owner") }));
}

function checkLimits({ seats, room }: Draft): void {
  const isTooLarge =
    membersOfSeats(seats).length > limits.roomMembers ||
    room.invites.length > limits.roomInvites ||
    room.pins.length > limits.roomPins ||
    room.bans.length > limits.roomBans;
  if (isTooLarge) throw new CryptoError("too-large");
}

// What follows from a room's record, its changes applied in order (PROTOCOL.md P9.4, P9.5). Pure: no database here.
import {
  type AccountId,
  decodeJoinRequest,
  type EpochRecord,
  encodeRoomState,
  equalBytes,
  type InviteId,
  limits,
  type Member,
  ProtocolError,
  type RecordChange,
  type RoomInvite,
  type RoomPin,
  type RoomSettings,
  type RoomState,
} from "@cychat/protocol";
import { p256PublicKey, sha256 } from "../keys/service.ts";
import { assertHandle } from "./handles.ts";
import { checkRights, malformed, needsRenewal, ranks } from "./room-rules.ts";
import type { Room, Seat } from "./room-state.ts";

export interface NextRoom {
  readonly room: Room;
  /** Of the record that leads here. */
  readonly author: AccountId;
  readonly renews: boolean;
  /** New seats; `asked`: by a join request or an invite link. */
  readonly newcomers: readonly (Seat & { readonly asked: boolean })[];
  readonly gone: readonly AccountId[];
  /** Invites that this record makes. */
  readonly made: readonly RoomInvite[];
  /** Invites that this record ends: withdrawn, or used up. */
  readonly ended: readonly InviteId[];
  /** No message before the next key: null leaves it as it was. */
  readonly owesRotation: boolean | null;
}

interface Draft {
  readonly seats: Map<AccountId, Seat>;
  readonly asked: Set<AccountId>;
  settings: RoomSettings;
  profile: Uint8Array<ArrayBuffer>;
  bans: AccountId[];
  invites: RoomInvite[];
  pins: RoomPin[];
  isDeleted: boolean;
  usedUp: boolean;
}

/**
 * Throws `not-allowed`, `banned`, `room-joined`, `invite-ended`, `room-full`, `too-large`, or `malformed-structure`; `nowMs`
 * is the server's clock. The record is known to follow the room's newest one.
 */
export function nextRoom(room: Room, record: EpochRecord, hash: Uint8Array<ArrayBuffer>, nowMs: number): NextRoom {
  const { author, changes } = record;
  checkRights(room, author, changes, nowMs);
  const renews = changes.at(-1)?.kind === "renew";
  checkKey(room, record, renews);
  const draft: Draft = { ...room.state, ...listsOf(room.state), seats: new Map(room.seats), asked: new Set(), usedUp: false };
  for (const change of changes) applyChange(draft, record, change, nowMs);
  succeed(draft);
  checkLimits(room, draft);
  const { settings, profile, bans, invites, pins, isDeleted } = draft;
  const state: RoomState = { settings, profile, bans, invites, pins, isDeleted };
  if (!equalBytes(sha256(encodeRoomState([...draft.seats.values()], state)), record.memberListHash))
    malformed("The record names another state than the one that follows from its changes.");
  const left = changes.some(({ kind }) => kind === "leave");
  return {
    room: { ...placeOf(record, hash), seats: draft.seats, state },
    author,
    renews,
    newcomers: [...draft.seats.values()].flatMap((seat) =>
      isNewSeat(room, seat) ? [{ ...seat, asked: draft.asked.has(seat.account) }] : [],
    ),
    gone: [...room.seats.keys()].filter((account) => !draft.seats.has(account)),
    made: invites.filter(({ id }) => !room.state.invites.some((before) => before.id === id)),
    ended: room.state.invites.flatMap(({ id }) => (invites.some((after) => after.id === id) ? [] : [id])),
    // Who opens an epoch and leaves with the same record has its key, too.
    owesRotation: left || (draft.usedUp && !renews) ? true : renews ? false : null,
  };
}

export function placeOf(record: EpochRecord, hash: Uint8Array<ArrayBuffer>) {
  const { conversation, index, epoch, history, commitment } = record;
  return { conversation, index, hash, epoch, history, commitment };
}

function listsOf({ bans, invites, pins }: RoomState) {
  return { bans: [...bans], invites: [...invites], pins: [...pins] };
}

function isNewSeat(before: Room, seat: Seat): boolean {
  return before.seats.get(seat.account)?.sinceIndex !== seat.sinceIndex;
}

/** Epoch, commitment and history move with a new key only; some changes need one (P9.4, P9.5, P9.7). */
function checkKey(room: Room, record: EpochRecord, renews: boolean): void {
  if (record.epoch !== room.epoch + (renews ? 1 : 0)) malformed("An epoch begins with a new key, and only with it.");
  if (!renews && !equalBytes(record.commitment, room.commitment)) malformed("The key is another one without a new epoch.");
  if (record.history !== room.history && !record.changes.some(({ kind }) => kind === "settings"))
    malformed("What newcomers may read changes with the settings only.");
  if (!renews && needsRenewal(room, record)) malformed("This change needs a new key.");
}

function applyChange(draft: Draft, record: EpochRecord, change: RecordChange, nowMs: number): void {
  const { author, index } = record;
  switch (change.kind) {
    case "renew":
      for (const [account, generation] of change.generations) {
        const seat = seatOf(draft, account);
        if (generation <= seat.generation) malformed("A key's generation only grows.");
        draft.seats.set(account, { ...seat, generation });
      }
      return;
    case "add":
      giveSeat(draft, index, change.member, false);
      return;
    case "admit": {
      const { account, identityHash } = decodeJoinRequest(change.request.payload);
      giveSeat(draft, index, { account, identityHash, role: "member", generation: change.generation }, true);
      return;
    }
    case "join": {
      const { identityHash, generation, invite } = change;
      giveSeat(draft, index, { account: author, identityHash, role: "member", generation }, true);
      spendInvite(draft, invite, nowMs);
      return;
    }
    case "remove":
      endSeat(draft, index, change.account);
      if (change.ban) ban(draft, change.account);
      return;
    case "leave":
      endSeat(draft, index, author);
      return;
    case "ban":
      if (draft.seats.has(change.account)) malformed("A member is banned by being removed.");
      ban(draft, change.account);
      return;
    case "unban":
      if (!draft.bans.includes(change.account)) malformed("Nobody with that ban is there.");
      draft.bans = draft.bans.filter((account) => account !== change.account);
      return;
    case "role": {
      const seat = seatOf(draft, change.account);
      if (seat.role === change.role) malformed("A role that is held already.");
      draft.seats.set(change.account, { ...seat, role: change.role });
      return;
    }
    case "settings":
      assertHandle(change.settings);
      draft.settings = change.settings;
      return;
    case "profile":
      draft.profile = change.profile;
      return;
    case "invite":
      makeInvite(draft, change.invite, nowMs);
      return;
    case "end-invite":
      if (!draft.invites.some(({ id }) => id === change.invite)) throw new ProtocolError("invite-ended");
      draft.invites = draft.invites.filter(({ id }) => id !== change.invite);
      return;
    case "pin":
      if (draft.pins.some(({ messageId }) => messageId === change.pin.messageId)) malformed("That message is pinned already.");
      draft.pins.push(change.pin);
      return;
    case "unpin":
      if (!draft.pins.some(({ messageId }) => messageId === change.messageId)) malformed("That message is not pinned.");
      draft.pins = draft.pins.filter(({ messageId }) => messageId !== change.messageId);
      return;
    case "delete":
      draft.isDeleted = true;
  }
}

function seatOf(draft: Draft, account: AccountId): Seat {
  return draft.seats.get(account) ?? malformed("A change of somebody who is no member.");
}

function giveSeat(draft: Draft, index: number, member: Member, asked: boolean): void {
  const { account, identityHash, role, generation } = member;
  if (draft.seats.has(account)) throw new ProtocolError("room-joined");
  if (draft.bans.includes(account)) throw new ProtocolError("banned");
  draft.seats.set(account, { account, identityHash, role, generation, sinceIndex: index });
  if (asked) draft.asked.add(account);
}

function endSeat(draft: Draft, index: number, account: AccountId): void {
  if (seatOf(draft, account).sinceIndex === index) malformed("A seat lasts at least one record.");
  draft.seats.delete(account);
}

function ban(draft: Draft, account: AccountId): void {
  if (draft.bans.includes(account)) malformed("That account is banned already.");
  draft.bans = [...draft.bans, account].sort();
}

function makeInvite(draft: Draft, invite: RoomInvite, nowMs: number): void {
  if (draft.invites.some(({ id }) => id === invite.id)) malformed("That invite is there already.");
  if (invite.expiresAtMs <= nowMs) throw new ProtocolError("invite-ended");
  p256PublicKey(invite.signKey);
  draft.invites.push(invite);
}

function spendInvite(draft: Draft, id: InviteId, nowMs: number): void {
  const invite = draft.invites.find((other) => other.id === id);
  if (!invite || invite.expiresAtMs <= nowMs) throw new ProtocolError("invite-ended");
  const left = invite.uses === 1 ? [] : [{ ...invite, uses: invite.uses - 1 }];
  draft.usedUp ||= left.length === 0;
  draft.invites = draft.invites.flatMap((other) => (other === invite ? left : [other]));
}

/** No owner left: the longest-standing member of the highest role is one now. Nobody left: the room is no more. */
function succeed(draft: Draft): void {
  const seats = [...draft.seats.values()];
  if (seats.length === 0) {
    draft.isDeleted = true;
    return;
  }
  const heir = seats.reduce((a, b) => (compareHeirs(a, b) <= 0 ? a : b));
  if (heir.role !== "owner") draft.seats.set(heir.account, { ...heir, role: "owner" });
}

function compareHeirs(a: Seat, b: Seat): number {
  return ranks[b.role] - ranks[a.role] || a.sinceIndex - b.sinceIndex || (a.account < b.account ? -1 : 1);
}

function checkLimits(before: Room, { seats, invites, pins, bans }: Draft): void {
  if (seats.size > limits.roomMembers && seats.size > before.seats.size) throw new ProtocolError("room-full");
  const isTooLong = invites.length > limits.roomInvites || pins.length > limits.roomPins || bans.length > limits.roomBans;
  if (isTooLong) throw new ProtocolError("too-large", "A room cannot take more invites, pins or bans than that.");
}

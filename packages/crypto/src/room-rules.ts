// Who may change a room how, judged on the state before the record (PROTOCOL.md P9.6), and what needs a new key (P9.7).
import type { AccountId, EpochRecord, Right, Role, RoomChange, RoomSettings } from "@cychat/protocol";
import { CryptoError } from "./errors.ts";
import { type ChainState, memberOf } from "./record-chain.ts";

const ranks: Readonly<Record<Role, number>> = { member: 0, admin: 1, owner: 2 };

/** Two clocks that follow the same server are never this far apart; so much earlier an invite may be cleared away. */
const clockToleranceMs = 60_000;

/** Whether a role is at least what a right asks for. */
export function hasRight(role: Role, right: Right): boolean {
  return ranks[role] >= ranks[right];
}

export function byRank(a: Role, b: Role): number {
  return ranks[a] - ranks[b];
}

/** Throws not-a-member (of the author, or of whom a change names), already-member, not-allowed. */
export function checkRights(state: ChainState, author: AccountId, changes: readonly RoomChange[], nowMs: number): void {
  const role = memberOf(state, author)?.role;
  const comesIn = changes.some(({ kind }) => kind === "join");
  if (role !== undefined && comesIn) throw new CryptoError("already-member");
  for (const change of changes) {
    const isGuests = comesIn && (change.kind === "join" || change.kind === "renew");
    if (isGuests) continue;
    if (role === undefined) throw new CryptoError("not-a-member");
    if (!mayMake(state, { author, role }, change, nowMs)) throw new CryptoError("not-allowed");
  }
}

function mayMake(state: ChainState, by: { author: AccountId; role: Role }, change: RoomChange, nowMs: number): boolean {
  const { author, role } = by;
  const settings = state.room?.settings as RoomSettings;
  const isAdmin = hasRight(role, "admin");
  switch (change.kind) {
    case "renew":
    case "leave":
      return true;
    case "admit":
      return settings.join === "open" || (settings.join === "approval" && isAdmin);
    case "add":
      return role === "owner" || (change.member.role === "member" && hasRight(role, settings.invite));
    case "invite":
      return hasRight(role, settings.invite);
    case "end-invite":
      return hasRight(role, settings.invite) || hasExpired(state, change.invite, nowMs + clockToleranceMs);
    case "profile":
      return hasRight(role, settings.rename);
    case "pin":
    case "unpin":
      return hasRight(role, settings.pin);
    case "settings":
    case "ban":
    case "unban":
      return isAdmin;
    case "remove": {
      const target = targetRole(state, change.account);
      return change.account !== author && (role === "owner" || (isAdmin && target === "member"));
    }
    case "role": {
      const target = targetRole(state, change.account);
      const promotes = target === "member" && change.role === "admin";
      return role === "owner" || (isAdmin && promotes);
    }
    case "delete":
      return role === "owner";
    case "join":
    case "create-room":
      return false;
  }
}

function targetRole(state: ChainState, account: AccountId): Role {
  const member = memberOf(state, account);
  if (member === undefined) throw new CryptoError("not-a-member");
  return member.role;
}

function hasExpired(state: ChainState, id: string, nowMs: number): boolean {
  return state.room?.invites.some((invite) => invite.id === id && invite.expiresAtMs <= nowMs) ?? false;
}

/** Whether a record with these changes must open a new epoch. */
export function needsRenewal(state: ChainState, changes: readonly RoomChange[], history: EpochRecord["history"]): boolean {
  const settings = state.room?.settings;
  return (
    history !== state.history ||
    changes.some((change) => {
      switch (change.kind) {
        case "remove":
        case "end-invite":
          return true;
        case "settings":
          // Who may not post any more could go on in the open epoch.
          return settings !== undefined && byRank(change.settings.post, settings.post) > 0;
        case "role":
          return byRank(change.role, memberOf(state, change.account)?.role ?? "member") < 0;
        default:
          return history === "joined" && letsIn(change);
      }
    })
  );
}

function letsIn(change: RoomChange): boolean {
  return change.kind === "add" || change.kind === "admit" || change.kind === "join";
}

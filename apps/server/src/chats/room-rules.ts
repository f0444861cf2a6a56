// Who may change a room how, judged on the state before the record (PROTOCOL.md P9.6), and what needs a new key (P9.7).
// Clients check the same and decide; here it only keeps honest mistakes out of the chain, so in doubt it refuses.
import { type AccountId, type EpochRecord, ProtocolError, type RecordChange, type Right, type Role } from "@cychat/protocol";
import type { Room } from "./room-state.ts";

export const ranks: Readonly<Record<Role, number>> = { member: 0, admin: 1, owner: 2 };

/** As the clients have it: a clock that is a little ahead of this one's ends no message in a refusal. */
const clockToleranceMs = 60_000;

function hasRight(role: Role, right: Right): boolean {
  return ranks[role] >= ranks[right];
}

export function malformed(why: string): never {
  throw new ProtocolError("malformed-structure", why);
}

/** Throws `not-found` for who is not in the room, `not-allowed`, or `malformed-structure`. `nowMs`: the server's clock. */
export function checkRights(room: Room, author: AccountId, changes: readonly RecordChange[], nowMs: number): void {
  if (changes.length === 0) malformed("A record without changes.");
  const role = room.seats.get(author)?.role;
  const comesIn = changes[0]?.kind === "join";
  if (comesIn && role !== undefined) throw new ProtocolError("room-joined");
  for (const change of changes) {
    if (comesIn && (change.kind === "join" || change.kind === "renew")) continue;
    if (role === undefined) throw new ProtocolError("not-found");
    if (!mayMake(room, author, role, change, nowMs)) throw new ProtocolError("not-allowed");
  }
  checkPlaces(changes);
}

function mayMake(room: Room, author: AccountId, role: Role, change: RecordChange, nowMs: number): boolean {
  const { settings, invites } = room.state;
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
    case "end-invite": {
      const isOver = invites.some(({ id, expiresAtMs }) => id === change.invite && expiresAtMs <= nowMs + clockToleranceMs);
      return isOver || hasRight(role, settings.invite);
    }
    case "profile":
      return hasRight(role, settings.rename);
    case "pin":
    case "unpin":
      return hasRight(role, settings.pin);
    case "settings":
    case "unban":
      return isAdmin;
    case "ban":
      return isAdmin && change.account !== author;
    case "remove": {
      const target = targetRole(room, change.account);
      return change.account !== author && (role === "owner" || (isAdmin && target === "member"));
    }
    case "role": {
      const target = targetRole(room, change.account);
      return role === "owner" || (isAdmin && target === "member" && change.role === "admin");
    }
    case "delete":
      return role === "owner";
    case "join":
      return false;
    case "create":
    case "create-room":
    case "rotate":
      return malformed("A change that a room does not have.");
  }
}

function targetRole(room: Room, account: AccountId): Role {
  return room.seats.get(account)?.role ?? malformed("A change of somebody who is no member.");
}

/** `renew` stands at most once and last, `delete` alone. */
function checkPlaces(changes: readonly RecordChange[]): void {
  const renewed = changes.findIndex(({ kind }) => kind === "renew");
  if (renewed >= 0 && renewed !== changes.length - 1) malformed("A new key stands once, as the last change.");
  if (changes.length > 1 && changes.some(({ kind }) => kind === "delete")) malformed("Deleting stands alone.");
}

/** Whether a record must open an epoch. */
export function needsRenewal(room: Room, { changes, history }: EpochRecord): boolean {
  if (history !== room.history) return true;
  return changes.some((change) => {
    switch (change.kind) {
      case "remove":
      case "end-invite":
        return true;
      case "settings":
        // Who may not post any more could go on in the open epoch.
        return ranks[change.settings.post] > ranks[room.state.settings.post];
      case "role":
        return ranks[change.role] < ranks[room.seats.get(change.account)?.role ?? "member"];
      case "add":
      case "admit":
      case "join":
        return history === "joined";
      default:
        return false;
    }
  });
}

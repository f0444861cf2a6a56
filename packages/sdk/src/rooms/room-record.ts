// What a room looks like to this account, from its verified records and its opened profile.
import { type ChainState, memberOf, membersOf, type RoomProfile } from "@cychat/crypto";
import { type AccountId, type Right, type Role, toBase64url } from "@cychat/protocol";
import type { RoomRights } from "../client-api.ts";
import type { RoomRecord } from "../store/tables.ts";

export const emptyRoom: RoomRecord = {
  name: "",
  topic: "",
  picture: null,
  handle: null,
  description: null,
  join: "invitation",
  history: "shared",
  settings: { post: "member", invite: "admin", pin: "admin", rename: "admin" },
  memberCount: 0,
  myRole: null,
  pinned: [],
  ended: null,
  isWithoutKeys: false,
  joinRequests: 0,
  firstSeq: 1,
  anchor: null,
  mentionSeq: 0,
  settledAt: null,
};

interface Parts {
  readonly me: AccountId;
  readonly profile: RoomProfile | null;
  /** Whether the open epoch's key is here. */
  readonly hasKey: boolean;
  readonly ended: RoomRecord["ended"];
}

/** `before` keeps what does not come from the records. */
export function roomRecordOf(chain: ChainState, before: RoomRecord, { me, profile, hasKey, ended }: Parts): RoomRecord {
  const { room, history } = chain;
  if (room === null) return before;
  const { settings } = room;
  const mine = memberOf(chain, me);
  return {
    ...before,
    name: profile?.name ?? before.name,
    topic: profile?.topic ?? before.topic,
    picture: profile === null ? before.picture : profile.picture && toBase64url(room.profile),
    handle: settings.handle,
    description: settings.description,
    join: settings.join,
    history,
    settings: { post: settings.post, invite: settings.invite, pin: settings.pin, rename: settings.rename },
    memberCount: membersOf(chain).length,
    myRole: room.isDeleted ? null : (mine?.role ?? null),
    pinned: room.pins.map(({ messageId }) => messageId),
    ended: room.isDeleted ? "deleted" : mine === undefined ? ended : null,
    isWithoutKeys: mine !== undefined && !hasKey,
  };
}

const ranks: Readonly<Record<Role, number>> = { member: 0, admin: 1, owner: 2 };

export const isModerator = (role: Role | null): boolean => role === "admin" || role === "owner";

export function mayWith(role: Role | null, right: Right): boolean {
  return role !== null && (right === "member" || isModerator(role));
}

export function rightsOf({ myRole, settings }: Pick<RoomRecord, "myRole" | "settings">): RoomRights {
  return {
    post: mayWith(myRole, settings.post),
    invite: mayWith(myRole, settings.invite),
    rename: mayWith(myRole, settings.rename),
    pin: mayWith(myRole, settings.pin),
    moderate: isModerator(myRole),
    delete: myRole === "owner",
  };
}

/** What somebody of one role may do with somebody of another: PROTOCOL.md P9.6. */
export function mayDoWith(own: Role | null, theirs: Role): { remove: boolean; ban: boolean; roles: readonly Role[] } {
  if (own === null || own === "member") return { remove: false, ban: false, roles: [] };
  if (own === "owner") {
    const roles = (["member", "admin", "owner"] as const).filter((role) => role !== theirs);
    return { remove: true, ban: true, roles };
  }
  const isBelow = ranks[theirs] < ranks[own];
  return { remove: isBelow, ban: isBelow, roles: theirs === "member" ? ["admin"] : [] };
}

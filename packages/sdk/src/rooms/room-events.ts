// What a record of a room did, as lines for the timeline. Taken from the record alone, so that an old page of history tells
// the same as the day it happened; only who succeeded as owner follows from the chain.
import type { ChainState } from "@cychat/crypto";
import { type AccountId, decodeJoinRequest, type EpochRecord, type RoomChange } from "@cychat/protocol";
import type { RoomEvent } from "../store/tables.ts";

/** A room that begins with more than so many others is only said to be there: who they are stands in the list of its members. */
const namedAtFirst = 20;

export function eventsOf(record: EpochRecord, chain: ChainState | null): RoomEvent[] {
  const events = record.changes.flatMap((change) => eventOf(change as RoomChange, record));
  if (record.index === 0 && chain !== null) {
    const others = chain.seats.filter(({ account, since }) => since === 0 && account !== record.author);
    if (others.length <= namedAtFirst)
      for (const { account } of others) events.push({ kind: "joined", by: "added", who: account });
  }
  return [...events, ...successions(record, chain)];
}

function eventOf(change: RoomChange, { author, history }: EpochRecord): RoomEvent[] {
  switch (change.kind) {
    case "create-room":
      return [{ kind: "created" }];
    case "add":
      return [{ kind: "joined", by: "added", who: change.member.account }];
    case "admit":
      return [{ kind: "joined", by: "request", who: decodeJoinRequest(change.request.payload).account }];
    case "join":
      return [{ kind: "joined", by: "link", who: author }];
    case "remove":
      return [{ kind: change.ban ? "banned" : "removed", who: change.account }];
    case "ban":
      return [{ kind: "banned", who: change.account }];
    case "unban":
      return [{ kind: "unbanned", who: change.account }];
    case "leave":
      return [{ kind: "left" }];
    case "role":
      return [{ kind: "role", role: change.role, succeeded: false, who: change.account }];
    case "settings":
      return [{ kind: "settings" }, { kind: "history", history }];
    case "profile":
      return [{ kind: "renamed" }];
    case "invite":
      return [{ kind: "invite" }];
    case "end-invite":
      return [{ kind: "invite-ended" }];
    case "pin":
      return [{ kind: "pinned" }];
    case "unpin":
      return [{ kind: "unpinned" }];
    case "delete":
      return [{ kind: "deleted" }];
    default:
      return [];
  }
}

/** Somebody became the owner in this record, though nobody made them one. */
function successions(record: EpochRecord, chain: ChainState | null): RoomEvent[] {
  if (record.index === 0) return [];
  const named = new Set<AccountId>();
  for (const change of record.changes) {
    if (change.kind === "role") named.add(change.account);
    if (change.kind === "add") named.add(change.member.account);
  }
  const events: RoomEvent[] = [];
  for (const { account, since, roles } of chain?.seats ?? []) {
    const isNew = since < record.index && roles.some(([index, role]) => index === record.index && role === "owner");
    if (isNew && !named.has(account)) events.push({ kind: "role", role: "owner", succeeded: true, who: account });
  }
  return events;
}

/** A change of settings tells of the history only where that changed. `before`: of the record before it. */
export function withoutUnchangedHistory(events: readonly RoomEvent[], before: "shared" | "joined" | null): RoomEvent[] {
  return events.filter((event) => event.kind !== "history" || event.history !== before);
}

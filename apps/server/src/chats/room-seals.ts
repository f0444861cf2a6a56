// Whether nobody is left without a key by a room's record (PROTOCOL.md P9.10, P9.11).
import { type AccountId, type InviteId, type Member, ProtocolError, type RoomInvite } from "@cychat/protocol";
import type { SealRow } from "./read-submission.ts";
import { malformed } from "./room-rules.ts";

export interface Sealing {
  readonly author: AccountId;
  readonly renews: boolean;
  readonly history: "shared" | "joined";
  /** After the record. */
  readonly members: Iterable<Member>;
  readonly invites: readonly RoomInvite[];
  /** Let in by others; who comes in by a link reads what the link was given. */
  readonly newcomers: readonly Member[];
  readonly made: readonly RoomInvite[];
  readonly nowMs: number;
}

type Generations = Map<AccountId | InviteId, number>;

/** Throws `seal-missing`, or `malformed-structure` for keys that nobody waits for. */
export function checkSealing(sealing: Sealing, seals: readonly SealRow[], letters: readonly SealRow[]): void {
  checkAll(seals, ...expectedSeals(sealing));
  checkAll(letters, ...expectedLetters(sealing));
}

/** One for every member, and under shared history one for every live invite. */
function expectedSeals({ renews, history, members, invites, made, nowMs }: Sealing): [needed: Generations, allowed: Generations] {
  if (!renews) return [new Map(), new Map()];
  const needed: Generations = new Map();
  for (const { account, generation } of members) needed.set(account, generation);
  const allowed: Generations = new Map();
  if (history === "joined") return [needed, allowed];
  for (const invite of invites) {
    // A new one has the open key in its letter, and one whose time has passed opens nothing.
    const isOptional = made.includes(invite) || invite.expiresAtMs <= nowMs;
    (isOptional ? allowed : needed).set(invite.id, 1);
  }
  return [needed, allowed];
}

/**
 * Under shared history for whoever is let in, unless a new epoch gives them the key anyway, and for a new invite. A guest has
 * the keys from the link, and may keep them in a letter.
 */
function expectedLetters({ author, renews, history, newcomers, made }: Sealing): [needed: Generations, allowed: Generations] {
  const needed: Generations = new Map();
  const allowed: Generations = new Map();
  if (history === "joined") return [needed, allowed];
  for (const { account, generation } of newcomers) (renews || account === author ? allowed : needed).set(account, generation);
  for (const { id } of made) needed.set(id, 1);
  return [needed, allowed];
}

function checkAll(sealed: readonly SealRow[], needed: Generations, allowed: Generations): void {
  const seen = new Set<string>();
  for (const { recipient, generation } of sealed) {
    const expected = needed.get(recipient) ?? allowed.get(recipient);
    if (expected === undefined) malformed("A sealed key for somebody who is not to have it.");
    if (expected !== generation) throw new ProtocolError("seal-missing");
    if (seen.has(recipient)) malformed("Two sealed keys for the same recipient.");
    seen.add(recipient);
  }
  for (const recipient of needed.keys()) if (!seen.has(recipient)) throw new ProtocolError("seal-missing");
}

// Who may read which epochs (PROTOCOL.md P9.10, P9.12), and when the next one is due (P4.8, P9.8).
import { type AccountId, epochLimits } from "@cychat/protocol";
import { type ChainState, endOf, epochEnd, membersOf, seatsOf } from "./record-chain.ts";

/** Every epoch that the account may read, over all the seats that it ever had. */
export function readableEpochs(state: ChainState, account: AccountId): ReadonlySet<number> {
  const readable = new Set<number>();
  for (const seat of seatsOf(state, account)) {
    for (const [epoch, { openedIndex }] of state.epochs) {
      const wasThere = openedIndex < endOf(seat) && seat.since < epochEnd(state, epoch);
      if (wasThere) readable.add(epoch);
      const cameIn = openedIndex <= seat.since && seat.since < epochEnd(state, epoch);
      if (cameIn) for (const earlier of sharedRun(state, epoch)) readable.add(earlier);
    }
  }
  return readable;
}

/** The open epoch and the unbroken run of shared ones before it, ascending: what a newcomer may read. */
export function sharedEpochs(state: ChainState): number[] {
  return sharedRun(state, state.epoch);
}

function sharedRun(state: ChainState, newest: number): number[] {
  const isShared = (epoch: number) => state.epochs.get(epoch)?.history === "shared";
  let oldest = newest;
  while (isShared(oldest) && isShared(oldest - 1)) oldest -= 1;
  return Array.from({ length: newest - oldest + 1 }, (_, at) => oldest + at);
}

export type RotationReason = "unsettled" | "left" | "invite-ended" | "keys-changed" | "age" | "messages";

/** Of the open epoch; times by the server's clock within what the client believes. */
export interface EpochAge {
  readonly openedAtMs: number;
  readonly nowMs: number;
  readonly messages: number;
}

/**
 * Why a new epoch is due before the next message, or null. An account that is missing in `newestGenerations` has the key
 * that its seat names. Revoking a device always comes with a new encryption key.
 */
export function rotationDue(
  state: ChainState,
  newestGenerations: ReadonlyMap<AccountId, number>,
  age: EpochAge,
): RotationReason | null {
  if (state.unsettledFrom !== null) return "unsettled";
  if (state.owed !== null) return state.owed;
  if (hasExpiredInvite(state, age.nowMs)) return "invite-ended";
  const members = membersOf(state);
  if (members.some(({ account, generation }) => (newestGenerations.get(account) ?? generation) > generation))
    return "keys-changed";
  if (age.nowMs - age.openedAtMs >= epochLimits.maxAgeMs) return "age";
  return age.messages >= epochLimits.maxMessages && members.length <= epochLimits.countedMembers ? "messages" : null;
}

/** One that holds the open epoch's key. */
function hasExpiredInvite(state: ChainState, nowMs: number): boolean {
  const holders = state.epochs.get(state.epoch)?.invites ?? [];
  return state.room?.invites.some(({ id, expiresAtMs }) => expiresAtMs <= nowMs && holders.includes(id)) ?? false;
}

// What travels beside a room's record: its key for everybody who is to have it, and history letters for newcomers.
import { type AccountId, decodeJoinRequest, equalBytes, type InviteId, limits, type RoomChange } from "@cychat/protocol";
import type { AccountState } from "./account-log.ts";
import { sharedEpochs } from "./epoch-access.ts";
import { type EpochSeal, sealEpochKey } from "./epoch-key.ts";
import { CryptoError, decoded } from "./errors.ts";
import { type SealedLetter, sealHistory } from "./history-letter.ts";
import type { Bytes } from "./primitives.ts";
import { type ChainState, memberOf, membersOf, type ResolveAccount } from "./record-chain.ts";

/** So many seals at once: a page that pauses between them is never held up for 50 ms. */
const sliceLength = 16;

/** An encoded key is 35 to 39 bytes; what does not fit can be asked for later. */
const letterKeys = Math.floor(limits.historyLetterBytes / 40);

export type Pause = () => Promise<void>;

interface Recipient {
  readonly recipient: AccountId | InviteId;
  readonly generation: number;
  readonly publicKey: Bytes;
}

/** Throws not-allowed for an account without keys, identity-changed for one that is not the seat's, account-behind. */
export function sealingKey(account: AccountState, seat: { readonly identityHash: Bytes; readonly generation: number }): Bytes {
  if (account.newestGeneration === 0) throw new CryptoError("not-allowed", "An account without keys cannot be a member yet.");
  if (!equalBytes(account.identityHash, seat.identityHash)) throw new CryptoError("identity-changed");
  const publicKey = account.encryptionKeys.get(seat.generation);
  if (publicKey === undefined) throw new CryptoError("account-behind");
  return publicKey;
}

/** The open epoch's key for every member and, where newcomers may read back, for every live invite. */
export async function sealToRoom(
  state: ChainState,
  epochKey: Bytes,
  accounts: ReadonlyMap<AccountId, AccountState>,
  pause?: Pause,
): Promise<EpochSeal[]> {
  const { conversation, epoch, hash: recordHash } = state;
  const members = membersOf(state).map((member): Recipient => {
    const publicKey = sealingKey(accounts.get(member.account) as AccountState, member);
    return { recipient: member.account, generation: member.generation, publicKey };
  });
  const invites = state.history === "shared" ? liveInvites(state) : [];
  return inSlices([...members, ...invites], pause, ({ recipient, generation, publicKey }) =>
    sealEpochKey({ conversation, epoch, recordHash }, epochKey, recipient, generation, publicKey),
  );
}

function liveInvites(state: ChainState): Recipient[] {
  return (state.room?.invites ?? []).map(({ id, sealKey }) => ({ recipient: id, generation: 1, publicKey: sealKey }));
}

/**
 * The letters of a record by this author with these changes, `state` being the chain with it. A newcomer who gets the new key
 * sealed needs the older ones only; an invite gets all of them. Nobody gets one under `joined`.
 */
export async function historyLetters(
  state: ChainState,
  { author, changes }: { readonly author: AccountId; readonly changes: readonly RoomChange[] },
  held: ReadonlyMap<number, Bytes>,
  resolve: ResolveAccount,
  pause?: Pause,
): Promise<SealedLetter[]> {
  if (state.history === "joined") return [];
  const renews = changes.some(({ kind }) => kind === "renew");
  const newcomers: Recipient[] = [];
  for (const account of changes.flatMap((change) => letIn(change, author))) {
    const member = memberOf(state, account);
    if (member === undefined) continue;
    const publicKey = sealingKey(await resolve(account), member);
    newcomers.push({ recipient: account, generation: member.generation, publicKey });
  }
  const made = changes.flatMap((change) => (change.kind === "invite" ? [change.invite.id] : []));
  const invites = liveInvites(state).filter(({ recipient }) => made.some((id) => id === recipient));
  const all = keysFor(sharedEpochs(state), held);
  const older = keysFor(renews ? sharedEpochs(state).slice(0, -1) : sharedEpochs(state), held);
  const { conversation, hash: recordHash } = state;
  const written = [...newcomers.map((to) => ({ to, keys: older })), ...invites.map((to) => ({ to, keys: all }))];
  return inSlices(
    written.filter(({ keys }) => keys.size > 0),
    pause,
    ({ to: { recipient, generation, publicKey }, keys }) =>
      sealHistory({ conversation, recordHash, recipient, generation }, publicKey, keys),
  );
}

/** A guest by link, too: what the link opened is lost with the page that opened it, unless it waits for the account. */
function letIn(change: RoomChange, author: AccountId): AccountId[] {
  if (change.kind === "join") return [author];
  if (change.kind === "add") return [change.member.account];
  return change.kind === "admit" ? [decoded(() => decodeJoinRequest(change.request.payload)).account] : [];
}

function keysFor(epochs: readonly number[], held: ReadonlyMap<number, Bytes>): ReadonlyMap<number, Bytes> {
  const known = epochs.flatMap((epoch) => {
    const key = held.get(epoch);
    return key === undefined ? [] : [[epoch, key] as const];
  });
  return new Map(known.slice(-letterKeys));
}

async function inSlices<T, R>(items: readonly T[], pause: Pause | undefined, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += sliceLength) {
    if (at > 0) await pause?.();
    results.push(...(await Promise.all(items.slice(at, at + sliceLength).map(work))));
  }
  return results;
}

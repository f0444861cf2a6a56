// Direct chats: exactly two accounts, both owners; made at index 0, rotated ever after, by either of them (PROTOCOL.md P4.7).
import { type EpochRecord, equalBytes, type Member } from "@cychat/protocol";
import { directConversationId } from "./epoch-key.ts";
import { CryptoError } from "./errors.ts";
import { type ChainState, memberOf, type ResolveAccount, seatsOf } from "./record-chain.ts";
import { newSeat, noted, type Outcome } from "./room-changes.ts";

/** Throws not-a-member, not-allowed, broken-chain, wrong-conversation, identity-changed, account-behind, rollback. */
export async function directOutcome(
  state: ChainState | null,
  record: EpochRecord,
  members: readonly Member[],
  resolve: ResolveAccount,
): Promise<Outcome> {
  const isMember = state === null ? members.some(({ account }) => account === record.author) : memberOf(state, record.author);
  if (!isMember) throw new CryptoError("not-a-member");
  await checkRules(state, record, members);
  await checkMembers(state, members, resolve);
  const seats = members.map((member) => {
    const [seat] = state === null ? [] : seatsOf(state, member.account);
    if (seat === undefined) return newSeat(record.index, member);
    return { ...seat, generations: noted(seat.generations, record.index, member.generation) };
  });
  return { seats, room: null, posting: [], owed: null, invites: [] };
}

async function checkRules(state: ChainState | null, record: EpochRecord, members: readonly Member[]): Promise<void> {
  const [change, more] = record.changes;
  if (change === undefined || more !== undefined)
    throw new CryptoError("not-allowed", "A record of a direct chat makes one change.");
  if (change.kind !== (state === null ? "create" : "rotate")) throw new CryptoError("not-allowed");
  if (record.epoch !== (state === null ? 1 : state.epoch + 1)) throw new CryptoError("broken-chain");
  if (state !== null && record.history !== state.history) throw new CryptoError("not-allowed");
  const [a, b] = members;
  if (a === undefined || b === undefined || members.length !== 2)
    throw new CryptoError("not-allowed", "A direct chat has two members.");
  if (a.role !== "owner" || b.role !== "owner") throw new CryptoError("not-allowed");
  if ((await directConversationId(a.account, b.account)) !== record.conversation) throw new CryptoError("wrong-conversation");
}

async function checkMembers(state: ChainState | null, members: readonly Member[], resolve: ResolveAccount): Promise<void> {
  for (const member of members) {
    const account = await resolve(member.account);
    const before = state === null ? undefined : memberOf(state, member.account);
    const isSame = (hash: Uint8Array) => equalBytes(hash, member.identityHash);
    if (!isSame(account.identityHash) || (before !== undefined && !isSame(before.identityHash)))
      throw new CryptoError("identity-changed");
    if (!account.encryptionKeys.has(member.generation)) throw new CryptoError("account-behind");
    if (before !== undefined && member.generation < before.generation) throw new CryptoError("rollback");
  }
}

// Making the records of a direct chat.
import {
  type AccountId,
  type ConversationId,
  type EpochRecord,
  encodeMemberList,
  encodeRecord,
  equalBytes,
  labels,
  type Member,
} from "@cychat/protocol";
import type { AccountState } from "./account-log.ts";
import { commitTo, directConversationId, generateEpochKey, sealEpochKey } from "./epoch-key.ts";
import { type Author, type NewRecord, verifyRecord } from "./epochs.ts";
import { CryptoError } from "./errors.ts";
import { sign } from "./identity.ts";
import { type Bytes, sha256, zeroHash } from "./primitives.ts";
import { type ChainState, membersOf, type ResolveAccount } from "./record-chain.ts";

/** Every record of a direct chat opens an epoch and comes with its list. */
export interface DirectRecord extends NewRecord {
  readonly memberList: Bytes;
  readonly epochKey: Bytes;
}

/** The first record of a direct chat. Throws not-allowed when the peer has no encryption key yet. */
export async function createGenesis(author: Author, peer: AccountState): Promise<DirectRecord> {
  const conversation = await directConversationId(author.account.account, peer.account);
  return createRecord(null, conversation, author, [author.account, peer], [{ kind: "create" }]);
}

/** A new epoch key for the same members, sealed to the newest encryption key of each. Throws identity-changed. */
export async function createRotation(state: ChainState, author: Author, resolve: ResolveAccount): Promise<DirectRecord> {
  const accounts = await Promise.all(
    membersOf(state).map(async (member) => {
      const account = await resolve(member.account);
      if (!equalBytes(account.identityHash, member.identityHash)) throw new CryptoError("identity-changed");
      return account;
    }),
  );
  return createRecord(state, state.conversation, author, accounts, [{ kind: "rotate" }]);
}

async function createRecord(
  state: ChainState | null,
  conversation: ConversationId,
  author: Author,
  accounts: readonly AccountState[],
  changes: EpochRecord["changes"],
): Promise<DirectRecord> {
  const members = accounts.map((account): Member => {
    if (account.newestGeneration === 0) throw new CryptoError("not-allowed", "An account without keys cannot be a member yet.");
    return { account: account.account, identityHash: account.identityHash, role: "owner", generation: account.newestGeneration };
  });
  const memberList = encodeMemberList(members);
  const epochKey = generateEpochKey();
  const epoch = state === null ? 1 : state.epoch + 1;
  const payload = encodeRecord({
    conversation,
    index: state === null ? 0 : state.index + 1,
    epoch,
    prev: state?.hash ?? zeroHash(),
    author: author.account.account,
    device: author.device.id,
    authorLog: [author.account.head.n, author.account.head.hash],
    changes,
    memberListHash: await sha256(memberList),
    history: state?.history ?? "shared",
    commitment: await commitTo(epochKey, conversation, epoch),
  });
  const record = await sign(author.device.privateKey, labels.record, payload);
  const recordHash = await sha256(payload);
  const seals = await Promise.all(
    accounts.map((account) => {
      const publicKey = account.encryptionKeys.get(account.newestGeneration) as Bytes;
      return sealEpochKey({ conversation, epoch, recordHash }, epochKey, account.account, account.newestGeneration, publicKey);
    }),
  );
  const known = new Map(accounts.map((account) => [account.account, account]));
  const resolve = (account: AccountId): AccountState => {
    const found = known.get(account);
    if (found === undefined) throw new CryptoError("not-a-member");
    return found;
  };
  // Our own record passes the very checks that every reader makes.
  const next = await verifyRecord(state, { record, memberList }, resolve, { conversation, nowMs: 0 });
  return { record, memberList, epochKey, seals, letters: [], profile: null, state: next };
}

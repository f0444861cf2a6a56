// Records of direct chats: the one that makes it, and rotations.
import { type AccountId, decodeMemberList, type EpochRecord, equalBytes, type Member, ProtocolError } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import { sha256 } from "../keys/service.ts";
import { directConversationId } from "./member-states.ts";
import type { SealRow, SubmittedRecord } from "./read-submission.ts";
import { malformed } from "./room-rules.ts";
import type { ConversationRow } from "./room-state.ts";
import { standingsTo } from "./standings.ts";

/** Everything that can be told without the database; throws `malformed-structure` or `seal-missing`. */
export function checkDirect({ record, memberList, seals, letters, profile }: SubmittedRecord): readonly Member[] {
  if (memberList === null || !equalBytes(sha256(memberList), record.memberListHash))
    malformed("The member list is not the one that the record names.");
  if (letters.length > 0 || profile !== null) malformed("A direct chat has neither letters nor a profile.");
  const members = decodeMemberList(memberList);
  if (record.index === 0) checkGenesis(record, members);
  else checkRotation(record);
  checkSeals(members, seals);
  return members;
}

/** A direct chat: exactly two accounts, both owners, under the id that belongs to the two. */
function checkGenesis(record: EpochRecord, members: readonly Member[]): void {
  const [change, ...more] = record.changes;
  if (change?.kind !== "create" || more.length > 0) malformed("The first record makes the conversation, and nothing else.");
  if (record.epoch !== 1) malformed("The first record opens epoch 1.");
  if (record.prev.some((byte) => byte !== 0)) malformed("The first record has no predecessor.");
  const [first, second] = members;
  if (!first || !second || members.length > 2) malformed("A direct chat has two members.");
  if (first.account !== record.author && second.account !== record.author) malformed("The author is no member.");
  if (record.conversation !== directConversationId(first.account, second.account))
    malformed("The conversation's id is not that of its two members.");
  if (members.some(({ role }) => role !== "owner")) malformed("Both members of a direct chat own it.");
}

function checkRotation(record: EpochRecord): void {
  const [change, ...more] = record.changes;
  if (change?.kind !== "rotate" || more.length > 0) malformed("Of a direct chat only the key can change.");
}

function checkSeals(members: readonly Member[], seals: readonly SealRow[]): void {
  const sealed = new Map(seals.map((seal) => [seal.recipient, seal.generation]));
  const isComplete =
    seals.length === members.length && members.every(({ account, generation }) => sealed.get(account) === generation);
  if (!isComplete) throw new ProtocolError("seal-missing");
}

/** Throws `malformed-structure` for a rotation that does not fit the chat it is to follow in. */
export async function checkFits(trx: Db, place: ConversationRow, record: EpochRecord, members: readonly Member[]): Promise<void> {
  if (record.epoch !== place.epoch + 1) malformed("A rotation opens the next epoch.");
  const rows = await trx.selectFrom("members").select(["account", "role"]).where("conversation", "=", place.id).execute();
  const roles = new Map(rows.map(({ account, role }) => [account, role]));
  const isSame = members.length === rows.length && members.every(({ account, role }) => roles.get(account) === role);
  if (!isSame) malformed("The member list is not that of the conversation.");
}

export async function makeDirect(
  trx: Db,
  author: AccountId,
  { record, hash }: SubmittedRecord,
  members: readonly Member[],
  atMs: number,
): Promise<void> {
  const id = record.conversation;
  await trx
    .insertInto("conversations")
    .values({
      id,
      kind: "direct",
      created_at_ms: atMs,
      changed_at_ms: atMs,
      last_seq: 1,
      record_index: 0,
      record_hash: hash,
      epoch: 1,
    })
    .execute();
  const standing = await standingsTo(
    trx,
    author,
    members.map(({ account }) => account),
  );
  const states = { contact: "active", blocked: "blocked", stranger: "request" } as const;
  for (const { account, role } of members) {
    const state = account === author ? "active" : states[standing(account)];
    await trx.insertInto("members").values({ conversation: id, account, role, state }).execute();
  }
}

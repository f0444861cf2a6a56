// What the server checks of a record before it orders it: form, signature, and that nobody is left without the key.
// Clients check everything again and decide for themselves.
import {
  type AccountId,
  type ConversationId,
  decodeMemberList,
  decodeRecord,
  type EpochRecord,
  equalBytes,
  fromBase64url,
  labels,
  type Member,
  ProtocolError,
  type Seal,
  type Signed,
  type SignedJson,
  signedFromJson,
} from "@cychat/protocol";
import { p256PublicKey, sha256, verifySigned } from "../keys/service.ts";
import { directConversationId } from "./member-states.ts";

export interface Submission {
  readonly record: SignedJson;
  /** base64url of the member list. */
  readonly members: string;
  readonly seals: readonly Seal[];
}

export interface CheckedRecord {
  readonly record: EpochRecord;
  readonly signed: Signed;
  readonly hash: Uint8Array<ArrayBuffer>;
  readonly members: readonly Member[];
  readonly memberList: Uint8Array<ArrayBuffer>;
  readonly seals: readonly SealRow[];
}

export interface SealRow {
  readonly recipient: AccountId;
  readonly generation: number;
  readonly encapsulated: Uint8Array<ArrayBuffer>;
  readonly ciphertext: Uint8Array<ArrayBuffer>;
}

function malformed(why: string): never {
  throw new ProtocolError("malformed-structure", why);
}

/** Everything that can be told from the submission and the author's device key alone; no database, so outside transactions. */
export function checkRecord(
  conversation: ConversationId,
  author: AccountId,
  device: string,
  deviceKey: Uint8Array,
  submission: Submission,
): CheckedRecord {
  const signed = signedFromJson(submission.record);
  const record = decodeRecord(signed.payload);
  if (record.conversation !== conversation) malformed("The record is of another conversation.");
  if (record.author !== author || record.device !== device) malformed("The record names another author or device.");
  const memberList = fromBase64url(submission.members);
  if (!equalBytes(sha256(memberList), record.memberListHash)) malformed("The member list is not the one that the record names.");
  const members = decodeMemberList(memberList);
  if (record.index === 0) checkGenesis(record, members);
  else checkRotation(record);
  const seals = submission.seals.map(({ recipient, generation, encapsulated, ciphertext }) => ({
    recipient,
    generation,
    encapsulated: fromBase64url(encapsulated),
    ciphertext: fromBase64url(ciphertext),
  }));
  checkSeals(members, seals);
  verifySigned(p256PublicKey(deviceKey), labels.record, signed);
  return { record, signed, hash: sha256(signed.payload), members, memberList, seals };
}

/** A direct chat: exactly two accounts, both owners, under the id that belongs to the two. */
function checkGenesis(record: EpochRecord, members: readonly Member[]): void {
  const [change, ...more] = record.changes;
  if (change?.kind !== "create" || more.length > 0) malformed("The first record makes the conversation, and nothing else.");
  if (change.conversationKind !== "direct") throw new ProtocolError("feature-disabled");
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

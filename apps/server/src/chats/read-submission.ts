// Reads a submitted record and what travels beside it, and checks what needs no database: form, names, signature.
import {
  type AccountId,
  type ConversationId,
  decodeRecord,
  type EpochRecord,
  fromBase64url,
  type HistoryLetter,
  type InviteId,
  labels,
  ProtocolError,
  type Seal,
  type Signed,
  type SignedJson,
  signedFromJson,
} from "@cychat/protocol";
import type { Bytes } from "../database/schema.ts";
import { p256PublicKey, sha256, verifySigned } from "../keys/service.ts";

export interface Submission {
  readonly record: SignedJson;
  /** base64url of the member list; null for later records of rooms. */
  readonly members: string | null;
  readonly seals: readonly Seal[];
  readonly letters: readonly HistoryLetter[];
  /** base64url of a room's profile box. */
  readonly profile: string | null;
}

/** An epoch key (a seal) or keys of earlier epochs (a letter), sealed to an account or an invite. */
export interface SealRow {
  readonly recipient: AccountId | InviteId;
  readonly generation: number;
  readonly encapsulated: Bytes;
  readonly ciphertext: Bytes;
}

export interface SubmittedRecord {
  readonly record: EpochRecord;
  readonly signed: Signed;
  /** SHA-256 of the record. */
  readonly hash: Bytes;
  readonly memberList: Bytes | null;
  readonly seals: readonly SealRow[];
  readonly letters: readonly SealRow[];
  readonly profile: Bytes | null;
}

/** Throws `malformed-structure` or `bad-signature`. */
export function readSubmission(
  conversation: ConversationId,
  author: AccountId,
  device: string,
  deviceKey: Uint8Array,
  submission: Submission,
): SubmittedRecord {
  const signed = signedFromJson(submission.record);
  const record = decodeRecord(signed.payload);
  if (record.conversation !== conversation)
    throw new ProtocolError("malformed-structure", "The record is of another conversation.");
  if (record.author !== author || record.device !== device)
    throw new ProtocolError("malformed-structure", "The record names another author or device.");
  verifySigned(p256PublicKey(deviceKey), labels.record, signed);
  return {
    record,
    signed,
    hash: sha256(signed.payload),
    memberList: submission.members === null ? null : fromBase64url(submission.members),
    seals: submission.seals.map(sealRow),
    letters: submission.letters.map(sealRow),
    profile: submission.profile === null ? null : fromBase64url(submission.profile),
  };
}

export function sealRow({ recipient, generation, encapsulated, ciphertext }: Seal | HistoryLetter): SealRow {
  return { recipient, generation, encapsulated: fromBase64url(encapsulated), ciphertext: fromBase64url(ciphertext) };
}

// Epoch keys: 32 random bytes, committed to in a record and sealed to every member ("letters").
import {
  type AccountId,
  type ConversationId,
  directConversationPreimage,
  encodeCbor,
  equalBytes,
  type InviteId,
  labels,
  toBase64url,
} from "@cychat/protocol";
import { CryptoError } from "./errors.ts";
import { openSealed, type Sealed, type SealKeyPair, sealTo } from "./hpke.ts";
import { assertKeyLength, type Bytes, hkdf, keyBytes, randomBytes, sha256 } from "./primitives.ts";

/** Which epoch a key is for, as its verified record says. */
export interface EpochReference {
  readonly conversation: ConversationId;
  readonly epoch: number;
  /** Of the record that OPENED the epoch. */
  readonly recordHash: Bytes;
  readonly commitment: Bytes;
}

/** An epoch key sealed to one member, or to an invite link as if it were one. */
export interface EpochSeal extends Sealed {
  readonly recipient: AccountId | InviteId;
  /** Of the account's encryption key; 1 for an invite. */
  readonly generation: number;
}

export function generateEpochKey(): Bytes {
  return randomBytes(keyBytes);
}

/** Of a direct conversation: the same whichever of the two begins. */
export async function directConversationId(a: AccountId, b: AccountId): Promise<ConversationId> {
  return toBase64url(await sha256(directConversationPreimage(a, b))) as ConversationId;
}

/** HKDF(epoch key, info = [commit label, conversation, epoch]): AES-GCM does not commit to its key, this does. */
export function commitTo(epochKey: Uint8Array, conversation: ConversationId, epoch: number): Promise<Bytes> {
  assertKeyLength(epochKey);
  return hkdf(epochKey, [labels.commit, conversation, epoch]);
}

/** Throws commitment-mismatch, malformed-key. */
export async function verifyEpochKey(epoch: Omit<EpochReference, "recordHash">, epochKey: Uint8Array): Promise<void> {
  const commitment = await commitTo(epochKey, epoch.conversation, epoch.epoch);
  if (!equalBytes(commitment, epoch.commitment)) throw new CryptoError("commitment-mismatch");
}

/** Throws malformed-key when the recipient's public key is none. */
export async function sealEpochKey(
  epoch: Omit<EpochReference, "commitment">,
  epochKey: Uint8Array,
  recipient: AccountId | InviteId,
  generation: number,
  publicKey: Uint8Array,
): Promise<EpochSeal> {
  assertKeyLength(epochKey);
  return { recipient, generation, ...(await sealTo(publicKey, sealInfo(epoch, recipient, generation), epochKey)) };
}

/** Opens a letter and compares the key with its record. Throws wrong-key, commitment-mismatch. */
export async function openSeal(epoch: EpochReference, seal: EpochSeal, keyPair: SealKeyPair): Promise<Bytes> {
  const epochKey = await openSealed(keyPair, sealInfo(epoch, seal.recipient, seal.generation), seal);
  if (epochKey.length !== keyBytes) throw new CryptoError("commitment-mismatch");
  await verifyEpochKey(epoch, epochKey);
  return epochKey;
}

function sealInfo(epoch: Omit<EpochReference, "commitment">, recipient: AccountId | InviteId, generation: number): Bytes {
  return encodeCbor([labels.seal, epoch.conversation, epoch.epoch, epoch.recordHash, recipient, generation]);
}

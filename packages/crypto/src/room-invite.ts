// Invite links: keys from a secret that travels in the link's fragment only (PROTOCOL.md P9.11).
import {
  type AccountId,
  branded,
  type ConversationId,
  ConversationId as ConversationIdSchema,
  encodeCbor,
  fromBase64url,
  type InviteId,
  labels,
  toBase64url,
} from "@cychat/protocol";
import { CryptoError, decoded } from "./errors.ts";
import { deriveSealKeyPair, type SealKeyPair } from "./hpke.ts";
import { type SigningKey, sign } from "./identity.ts";
import { isScalar, pkcs8OfScalar, publicPointOf } from "./p256-scalar.ts";
import { assertKeyLength, type Bytes, hkdf, keyBytes, randomBytes } from "./primitives.ts";

const linkVersion = "v1";
const idBytes = 16;

export interface DerivedInvite {
  readonly id: InviteId;
  readonly sealKeyPair: SealKeyPair;
  /** Not extractable. */
  readonly signKey: SigningKey;
}

export function generateInviteSecret(): Bytes {
  return randomBytes(keyBytes);
}

/** Throws malformed-key. */
export async function deriveInvite(secret: Uint8Array, conversation: ConversationId): Promise<DerivedInvite> {
  assertKeyLength(secret);
  const id = (await hkdf(secret, [labels.inviteId, conversation])).subarray(0, idBytes);
  return {
    id: toBase64url(id) as InviteId,
    sealKeyPair: await deriveSealKeyPair(await hkdf(secret, [labels.inviteSeal, conversation])),
    signKey: await deriveSignKey(secret, conversation),
  };
}

async function deriveSignKey(secret: Uint8Array, conversation: ConversationId): Promise<SigningKey> {
  const curve = { name: "ECDSA", namedCurve: "P-256" };
  for (let attempt = 0; ; attempt++) {
    const scalar = await hkdf(secret, [labels.inviteSign, conversation, attempt]);
    if (!isScalar(scalar)) continue;
    const pkcs8 = pkcs8OfScalar(scalar);
    const publicKey = await publicPointOf(await crypto.subtle.importKey("pkcs8", pkcs8, curve, true, ["sign"]));
    return { publicKey, privateKey: await crypto.subtle.importKey("pkcs8", pkcs8, curve, false, ["sign"]) };
  }
}

/** What stands behind the `#` of a link. */
export function inviteFragment(conversation: ConversationId, secret: Uint8Array): string {
  return `${linkVersion}.${conversation}.${toBase64url(secret)}`;
}

/** Reads a whole link, or its fragment alone. Throws malformed-structure. */
export function parseInvite(text: string): { conversation: ConversationId; secret: Bytes } {
  const fragment = text.trim().split("#").at(-1) ?? "";
  const [version, conversation, secretText, more] = fragment.split(".");
  if (version !== linkVersion || conversation === undefined || secretText === undefined || more !== undefined)
    throw new CryptoError("malformed-structure", "This is no invite link.");
  const secret = decoded(() => fromBase64url(secretText));
  if (secret.length !== keyBytes) throw new CryptoError("malformed-structure", "This is no invite link.");
  return { conversation: decoded(() => branded(ConversationIdSchema, conversation)), secret };
}

/** The signature that a `join` after the record `prev` carries: it lets in this account and nobody else, once. */
export async function signGuest(
  invite: DerivedInvite,
  conversation: ConversationId,
  prev: Bytes,
  account: AccountId,
  identityHash: Bytes,
): Promise<Bytes> {
  const payload = guestPayload(conversation, prev, account, identityHash);
  return (await sign(invite.signKey.privateKey, labels.inviteGuest, payload)).signature;
}

export function guestPayload(conversation: ConversationId, prev: Bytes, account: AccountId, identityHash: Bytes): Bytes {
  return encodeCbor([conversation, prev, account, identityHash]);
}

/** Shows the server that the link is really there. */
export async function proveInvite(invite: DerivedInvite, conversation: ConversationId, account: AccountId): Promise<Bytes> {
  const payload = encodeCbor([conversation, invite.id, account]);
  return (await sign(invite.signKey.privateKey, labels.inviteOpen, payload)).signature;
}

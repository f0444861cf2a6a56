// Branded ids: one meaning each, told apart by the compiler.
import * as v from "valibot";

/** UUIDv4, given by the server at registration. */
export const AccountId = v.pipe(v.string(), v.uuid(), v.toLowerCase(), v.brand("AccountId"));
export type AccountId = v.InferOutput<typeof AccountId>;

/** UUIDv7 (RFC 9562), given by the sending client: the idempotency key of a message with its conversation and device. */
const uuidv7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
export const MessageId = v.pipe(v.string(), v.regex(uuidv7, "not a UUIDv7 in lower case"), v.brand("MessageId"));
export type MessageId = v.InferOutput<typeof MessageId>;

const sha256Text = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
/**
 * base64url of SHA-256 over CBOR ["cychat/v1/direct", [account, account]] (sorted), or over a room's genesis without what
 * depends on the id (`roomIdPreimage`).
 */
export const ConversationId = v.pipe(v.string(), v.regex(sha256Text, "not a SHA-256 in base64url"), v.brand("ConversationId"));
export type ConversationId = v.InferOutput<typeof ConversationId>;

/** base64url of SHA-256 over the device's raw public key (65 bytes, uncompressed point). */
export const DeviceId = v.pipe(v.string(), v.regex(sha256Text, "not a SHA-256 in base64url"), v.brand("DeviceId"));
export type DeviceId = v.InferOutput<typeof DeviceId>;

/** An invite link's public name: 16 bytes in base64url, derived from the link's secret. */
export const InviteId = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9_-]{21}[AQgw]$/, "not 16 bytes in base64url"),
  v.brand("InviteId"),
);
export type InviteId = v.InferOutput<typeof InviteId>;

/** An uploaded file's ciphertext on the server: 32 random bytes in base64url, given by the server. */
export const BlobId = v.pipe(v.string(), v.regex(sha256Text, "not 32 bytes in base64url"), v.brand("BlobId"));
export type BlobId = v.InferOutput<typeof BlobId>;

export const SessionId = v.pipe(v.string(), v.uuid(), v.brand("SessionId"));
export type SessionId = v.InferOutput<typeof SessionId>;

/** A fresh UUIDv7: `nowMs` in the first 48 bits, 74 random bits. */
export function newMessageId(nowMs: number = Date.now()): MessageId {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let time = nowMs;
  for (let index = 5; index >= 0; index--) {
    bytes[index] = time % 256;
    time = Math.floor(time / 256);
  }
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = bytes.toHex();
  const text = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  return text as MessageId;
}

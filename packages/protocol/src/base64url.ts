// base64url without padding (RFC 4648 section 5): how bytes travel inside JSON.
import { ProtocolError } from "./errors.ts";

const alphabet = /^[A-Za-z0-9_-]*$/;

export function toBase64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Refuses padding, white space, foreign characters and non-zero trailing bits, so that one text stands for one value. */
export function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  if (!alphabet.test(text)) throw new ProtocolError("malformed-structure", "not base64url");
  try {
    // Only the strict mode checks the trailing bits, and it wants the padding that the wire leaves out.
    const padded = text + "=".repeat((4 - (text.length % 4)) % 4);
    return Uint8Array.fromBase64(padded, { alphabet: "base64url", lastChunkHandling: "strict" });
  } catch {
    throw new ProtocolError("malformed-structure", "not base64url");
  }
}

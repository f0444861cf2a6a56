// The statement of all wraps of the root secret, one per unlock method, signed by the identity key. PROTOCOL.md section 2.
import { encodeCbor } from "../cbor.ts";
import { AccountId } from "../ids.ts";
import { branded } from "./envelope.ts";
import { ArrayReader } from "./read.ts";

export const wrapsVersion = 1;

export type UnlockMethodKind = "password" | "recovery" | "passkey";

export interface MethodWrap {
  /** Random, 16 bytes in base64url: names the method on the server. */
  readonly method: string;
  readonly kind: UnlockMethodKind;
  /** The method's HPKE public key, so that a new root secret needs no method at hand. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** HPKE encapsulated secret and ciphertext of the root secret. */
  readonly encapsulated: Uint8Array<ArrayBuffer>;
  readonly ciphertext: Uint8Array<ArrayBuffer>;
}

export interface WrapsStatement {
  readonly account: AccountId;
  /** Grows by one with every statement. */
  readonly version: number;
  /** SHA-256 of the identity public key that signs. */
  readonly identityHash: Uint8Array<ArrayBuffer>;
  readonly wraps: readonly MethodWrap[];
}

export function encodeWraps(statement: WrapsStatement): Uint8Array<ArrayBuffer> {
  return encodeCbor([
    wrapsVersion,
    statement.account,
    statement.version,
    statement.identityHash,
    statement.wraps.map((w) => [w.method, w.kind, w.publicKey, w.encapsulated, w.ciphertext]),
  ]);
}

export function decodeWraps(bytes: Uint8Array): WrapsStatement {
  const reader = ArrayReader.ofBytes(bytes, "a wraps statement");
  reader.literal(wrapsVersion);
  const account = branded(AccountId, reader.text());
  const version = reader.count();
  const identityHash = reader.bytes(32);
  const wraps = reader.list("a wrap", (item): MethodWrap => {
    const method = item.text();
    const kind = item.text();
    if (kind !== "password" && kind !== "recovery" && kind !== "passkey") return item.fail("is of an unknown kind");
    return { method, kind, publicKey: item.bytes(), encapsulated: item.bytes(), ciphertext: item.bytes() };
  });
  reader.end();
  return { account, version, identityHash, wraps };
}

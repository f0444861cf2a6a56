// The few WebCrypto operations everything else is made of: SHA-256, HKDF (RFC 5869), AES-256-GCM (NIST SP 800-38D).
import { ArrayReader, type CborValue, encodeCbor } from "@cychat/protocol";
import { CryptoError, decoded } from "./errors.ts";

export type Bytes = Uint8Array<ArrayBuffer>;

export const keyBytes = 32;
export const hashBytes = 32;
const ivBytes = 12;

/** The `prev` of every first entry. */
export const zeroHash = (): Bytes => new Uint8Array(hashBytes);

/** Bytes for WebCrypto's types, which exclude shared memory; this package never uses any. */
export const plain = (bytes: Uint8Array): Bytes => bytes as Bytes;

export function randomBytes(length: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(length));
}

export function concatBytes(...parts: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export async function sha256(bytes: Uint8Array): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", plain(bytes)));
}

/** Throws malformed-key unless `key` has exactly `length` bytes. */
export function assertKeyLength(key: Uint8Array, length: number = keyBytes): void {
  if (key.length !== length) throw new CryptoError("malformed-key", `A key of ${length} bytes was expected.`);
}

const noSalt = new Uint8Array(0);

/** 32 bytes of HKDF-SHA-256 (RFC 5869); `info` is encoded as a CBOR array, `salt` is empty unless given. */
export async function hkdf(secret: Uint8Array, info: readonly CborValue[], salt: Uint8Array = noSalt): Promise<Bytes> {
  const base = await crypto.subtle.importKey("raw", plain(secret), "HKDF", false, ["deriveBits"]);
  const algorithm = { name: "HKDF", hash: "SHA-256", salt: plain(salt), info: encodeCbor(info) };
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, base, keyBytes * 8));
}

/** As {@link hkdf}, but straight into a non-extractable AES-256-GCM key. */
export async function hkdfAesKey(secret: Uint8Array, info: readonly CborValue[], salt: Uint8Array = noSalt): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", plain(secret), "HKDF", false, ["deriveKey"]);
  const algorithm = { name: "HKDF", hash: "SHA-256", salt: plain(salt), info: encodeCbor(info) };
  return crypto.subtle.deriveKey(algorithm, base, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

export interface AesSealed {
  /** 12 random bytes. */
  readonly iv: Bytes;
  /** Ciphertext and 16-byte tag. */
  readonly ciphertext: Bytes;
}

export async function aesSeal(key: CryptoKey, aad: Uint8Array, plaintext: Uint8Array): Promise<AesSealed> {
  const iv = randomBytes(ivBytes);
  const algorithm = { name: "AES-GCM", iv, additionalData: plain(aad) };
  return { iv, ciphertext: new Uint8Array(await crypto.subtle.encrypt(algorithm, key, plain(plaintext))) };
}

/** Throws wrong-key, whatever the cause: key, associated data, IV or ciphertext. */
export async function aesOpen(key: CryptoKey, aad: Uint8Array, sealed: AesSealed): Promise<Bytes> {
  const algorithm = { name: "AES-GCM", iv: sealed.iv, additionalData: plain(aad) };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, sealed.ciphertext));
  } catch {
    throw new CryptoError("wrong-key");
  }
}

/** A box = CBOR [IV, ciphertext]; its associated data is a CBOR array that starts with a label. */
export async function sealBox(key: CryptoKey, aad: readonly CborValue[], plaintext: Uint8Array): Promise<Bytes> {
  const { iv, ciphertext } = await aesSeal(key, encodeCbor(aad), plaintext);
  return encodeCbor([iv, ciphertext]);
}

/** Throws wrong-key, malformed-structure. */
export async function openBox(key: CryptoKey, aad: readonly CborValue[], box: Uint8Array): Promise<Bytes> {
  const sealed = decoded(() => {
    const reader = ArrayReader.ofBytes(box, "a box");
    const fields = { iv: reader.bytes(ivBytes), ciphertext: reader.bytes() };
    reader.end();
    return fields;
  });
  return aesOpen(key, encodeCbor(aad), sealed);
}

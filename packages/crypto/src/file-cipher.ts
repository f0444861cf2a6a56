// A file's bytes, encrypted in chunks (PROTOCOL.md P10.1): the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár,
// "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015. In constant memory, whatever the size.
import { equalBytes, limits } from "@cychat/protocol";
import { CryptoError } from "./errors.ts";
import { padmeLength } from "./padding.ts";
import { assertKeyLength, type Bytes, keyBytes, randomBytes } from "./primitives.ts";

/** In bytes. */
export const filePrefixBytes = 7;
const tagBytes = 16;
const chunkBytes = limits.fileChunkBytes;

/** Of one upload: a file that is sent again gets another one. */
export interface FileSecret {
  /** 32 bytes. */
  readonly key: Bytes;
  /** 7 bytes: the beginning of every chunk's IV. */
  readonly prefix: Bytes;
}

/** Bytes from `from` up to, not including, `to`. */
export type ReadBytes = (from: number, to: number) => Promise<Uint8Array>;

/** SHA-256 of bytes that come one piece after another. */
interface Hasher {
  update(bytes: Uint8Array): unknown;
  digest(): Bytes;
}

export function generateFileSecret(): FileSecret {
  return { key: randomBytes(keyBytes), prefix: randomBytes(filePrefixBytes) };
}

/** How long the blob of a file is. */
export function blobLength(size: number): number {
  const padded = padmeLength(size);
  return padded + Math.max(1, Math.ceil(padded / chunkBytes)) * tagBytes;
}

async function newHasher(): Promise<Hasher> {
  const { createSHA256 } = await import("hash-wasm");
  const hasher = (await createSHA256()).init();
  return { update: (bytes) => hasher.update(bytes), digest: () => new Uint8Array(hasher.digest("binary")) };
}

/**
 * The blob's chunks, one after another; returns its SHA-256. `size` is the file's, in bytes. Throws file-changed where `read`
 * gives less than was asked for, malformed-key.
 */
export async function* sealFile(secret: FileSecret, size: number, read: ReadBytes): AsyncGenerator<Bytes, Bytes> {
  const [key, hasher] = await Promise.all([importFileKey(secret, "encrypt"), newHasher()]);
  for (const { index, from, to, isLast } of chunksOf(size)) {
    const end = Math.max(from, Math.min(to, size));
    const bytes = end > from ? await read(from, end) : new Uint8Array(0);
    if (bytes.length !== end - from) throw new CryptoError("file-changed");
    const plaintext = new Uint8Array(to - from);
    plaintext.set(bytes);
    const algorithm = { name: "AES-GCM", iv: ivOf(secret.prefix, index, isLast) };
    const chunk = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, plaintext));
    hasher.update(chunk);
    yield chunk;
  }
  return hasher.digest();
}

/**
 * The file's bytes, one chunk after another, read from its blob. Only when it ends without an error was it whole: what was
 * given until then is to be thrown away else. Throws file-damaged, malformed-key, and what `read` throws.
 */
export async function* openFile(secret: FileSecret, size: number, hash: Bytes, read: ReadBytes): AsyncGenerator<Bytes, void> {
  const [key, hasher] = await Promise.all([importFileKey(secret, "decrypt"), newHasher()]);
  for (const { index, from, to, isLast } of chunksOf(size)) {
    const at = from + index * tagBytes;
    const chunk = new Uint8Array(await read(at, at + to - from + tagBytes));
    if (chunk.length !== to - from + tagBytes) throw new CryptoError("file-damaged");
    hasher.update(chunk);
    const plaintext = await openChunk(key, ivOf(secret.prefix, index, isLast), chunk);
    const end = Math.max(0, Math.min(plaintext.length, size - from));
    if (plaintext.subarray(end).some((byte) => byte !== 0)) throw new CryptoError("file-damaged");
    if (isLast && !equalBytes(hasher.digest(), hash)) throw new CryptoError("file-damaged");
    if (end > 0) yield plaintext.subarray(0, end);
  }
}

async function openChunk(key: CryptoKey, iv: Bytes, chunk: Bytes): Promise<Bytes> {
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, chunk));
  } catch {
    throw new CryptoError("file-damaged");
  }
}

interface Chunk {
  readonly index: number;
  /** Of the padded file. */
  readonly from: number;
  readonly to: number;
  readonly isLast: boolean;
}

function* chunksOf(size: number): Generator<Chunk> {
  const padded = padmeLength(size);
  const count = Math.max(1, Math.ceil(padded / chunkBytes));
  for (let index = 0; index < count; index++) {
    const from = index * chunkBytes;
    yield { index, from, to: Math.min(padded, from + chunkBytes), isLast: index === count - 1 };
  }
}

function ivOf(prefix: Bytes, index: number, isLast: boolean): Bytes {
  const iv = new Uint8Array(filePrefixBytes + 5);
  iv.set(prefix);
  new DataView(iv.buffer).setUint32(filePrefixBytes, index);
  iv[filePrefixBytes + 4] = isLast ? 1 : 0;
  return iv;
}

function importFileKey({ key, prefix }: FileSecret, usage: "encrypt" | "decrypt"): Promise<CryptoKey> {
  assertKeyLength(key);
  if (prefix.length !== filePrefixBytes) throw new CryptoError("malformed-key");
  return crypto.subtle.importKey("raw", key, "AES-GCM", false, [usage]);
}

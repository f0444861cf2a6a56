// A file's bytes, encrypted in chunks (PROTOCOL.md P10.1): the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár,
// "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015. In constant memory, whatever the size:
// a segment of a few chunks at a time, which are encrypted side by side.
import { equalBytes } from "@cychat/protocol";
import { CryptoError } from "./errors.ts";
import { type FileHasher, type NewFileHasher, wasmFileHasher } from "./file-hash.ts";
import {
  chunkBytes,
  chunkCount,
  chunksPerSegment,
  type FileSecret,
  filePrefixBytes,
  sealedChunkBytes,
  tagBytes,
} from "./file-shape.ts";
import { padmeLength } from "./padding.ts";
import { assertKeyLength, type Bytes } from "./primitives.ts";

/** Bytes from `from` up to, not including, `to`. */
export type ReadBytes = (from: number, to: number) => Promise<Uint8Array>;

/**
 * The blob, segment by segment: each has `fileSegmentBytes`, the last one fewer or as many. Returns its SHA-256. `size` is the
 * file's, in bytes. Throws file-changed where `read` gives less than was asked for, malformed-key.
 */
export async function* sealFile(
  secret: FileSecret,
  size: number,
  read: ReadBytes,
  newHasher: NewFileHasher = wasmFileHasher,
): AsyncGenerator<Bytes, Bytes> {
  const [key, hasher] = await Promise.all([importFileKey(secret, "encrypt"), newHasher()]);
  const seal = (first: number) => sealChunks({ key, secret, size }, first, read);
  for await (const segment of oneAhead(seal, size)) {
    hasher.update(segment);
    yield segment;
  }
  return hasher.digest();
}

/**
 * The file's bytes, segment by segment, read from its blob. Only when it ends without an error was it whole: what was
 * given until then is to be thrown away else. Throws file-damaged, malformed-key, and what `read` throws.
 */
export async function* openFile(
  secret: FileSecret,
  size: number,
  hash: Bytes,
  read: ReadBytes,
  newHasher: NewFileHasher = wasmFileHasher,
): AsyncGenerator<Bytes, undefined> {
  const [key, hasher] = await Promise.all([importFileKey(secret, "decrypt"), newHasher()]);
  const count = chunkCount(size);
  let next = 0;
  const open = (first: number) => openChunks({ key, secret, size }, first, Math.min(first + chunksPerSegment, count), read);
  for await (const { sealed, bytes } of oneAhead(open, size)) {
    next += chunksPerSegment;
    hasher.update(sealed);
    if (next >= count) checkHash(hasher, hash);
    if (bytes.length > 0) yield bytes;
  }
}

/**
 * Reads a file here and there. Each chunk is verified in its place; a file that is read from its beginning on without a hole is
 * also checked as a whole before its last bytes are given. One call at a time. Throws as `openFile` does.
 */
export class FileReading {
  readonly #key: Promise<CryptoKey>;
  readonly #hasher: Promise<FileHasher>;
  /** Chunks from the beginning on that were hashed; all of them: the whole was checked. */
  #hashed = 0;

  constructor(
    readonly secret: FileSecret,
    readonly size: number,
    readonly hash: Bytes,
    readonly read: ReadBytes,
    newHasher: NewFileHasher = wasmFileHasher,
  ) {
    this.#key = importFileKey(secret, "decrypt");
    this.#hasher = newHasher();
    for (const promise of [this.#key, this.#hasher]) promise.catch(() => {});
  }

  /** From `from` up to, not including, `to`; fewer only where the file ends. */
  async bytes(from: number, to: number): Promise<Bytes> {
    const end = Math.min(to, this.size);
    if (from >= end) return new Uint8Array(0);
    const first = Math.floor(from / chunkBytes);
    const bytes = await this.#open(first, Math.ceil(end / chunkBytes));
    // What lies behind is padding: part of the whole, too.
    const count = chunkCount(this.size);
    while (end === this.size && this.#hashed >= Math.ceil(end / chunkBytes) && this.#hashed < count)
      await this.#open(this.#hashed, Math.min(this.#hashed + chunksPerSegment, count));
    return bytes.slice(from - first * chunkBytes, end - first * chunkBytes);
  }

  async #open(first: number, end: number): Promise<Bytes> {
    const [key, hasher] = await Promise.all([this.#key, this.#hasher]);
    const { secret, size, hash } = this;
    const { sealed, bytes } = await openChunks({ key, secret, size }, first, end, this.read);
    if (first <= this.#hashed && end > this.#hashed) {
      hasher.update(sealed.subarray((this.#hashed - first) * sealedChunkBytes));
      this.#hashed = end;
      if (end === chunkCount(size)) checkHash(hasher, hash);
    }
    return bytes;
  }
}

interface Opened {
  readonly sealed: Uint8Array;
  /** Without padding. */
  readonly bytes: Bytes;
}

interface Sealing {
  readonly key: CryptoKey;
  readonly secret: FileSecret;
  readonly size: number;
}

/** Works on the next segment while the one before is used. */
async function* oneAhead<T>(work: (firstChunk: number) => Promise<T>, size: number): AsyncGenerator<T, undefined> {
  const count = chunkCount(size);
  let next = work(0);
  for (let first = chunksPerSegment; ; first += chunksPerSegment) {
    const current = await next;
    if (first >= count) {
      yield current;
      return;
    }
    next = work(first);
    // Whoever stops here does not hear of it.
    next.catch(() => {});
    yield current;
  }
}

async function sealChunks({ key, secret, size }: Sealing, first: number, read: ReadBytes): Promise<Bytes> {
  const chunks = chunksOf(size, first, first + chunksPerSegment);
  const { from, to } = extentOf(chunks);
  const end = Math.max(from, Math.min(to, size));
  const bytes = end > from ? await read(from, end) : new Uint8Array(0);
  if (bytes.length !== end - from) throw new CryptoError("file-changed");
  const plaintext = bytes.length === to - from ? (bytes as Bytes) : new Uint8Array(to - from);
  if (plaintext !== bytes) plaintext.set(bytes);
  const sealed = await Promise.all(
    chunks.map((chunk) => {
      const algorithm = { name: "AES-GCM", iv: ivOf(secret.prefix, chunk) };
      return crypto.subtle.encrypt(algorithm, key, plaintext.subarray(chunk.from - from, chunk.to - from));
    }),
  );
  return joined(
    sealed.map((chunk) => new Uint8Array(chunk)),
    to - from + chunks.length * tagBytes,
  );
}

async function openChunks({ key, secret, size }: Sealing, first: number, end: number, read: ReadBytes): Promise<Opened> {
  const chunks = chunksOf(size, first, end);
  const { from, to } = extentOf(chunks);
  const at = first * sealedChunkBytes;
  const length = to - from + chunks.length * tagBytes;
  const sealed = await read(at, at + length);
  if (sealed.length !== length) throw new CryptoError("file-damaged");
  const opened = await Promise.all(
    chunks.map((chunk) => {
      const start = (chunk.index - first) * sealedChunkBytes;
      const algorithm = { name: "AES-GCM", iv: ivOf(secret.prefix, chunk) };
      return crypto.subtle.decrypt(algorithm, key, sealed.subarray(start, start + chunk.to - chunk.from + tagBytes) as Bytes);
    }),
  ).catch(() => {
    throw new CryptoError("file-damaged");
  });
  const plaintext = joined(
    opened.map((chunk) => new Uint8Array(chunk)),
    to - from,
  );
  const last = Math.max(0, Math.min(plaintext.length, size - from));
  if (plaintext.subarray(last).some((byte) => byte !== 0)) throw new CryptoError("file-damaged");
  return { sealed, bytes: plaintext.subarray(0, last) };
}

function checkHash(hasher: FileHasher, hash: Bytes): void {
  if (!equalBytes(hasher.digest(), hash)) throw new CryptoError("file-damaged");
}

function joined(parts: readonly Bytes[], length: number): Bytes {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

interface Chunk {
  readonly index: number;
  /** Of the padded file. */
  readonly from: number;
  readonly to: number;
  readonly isLast: boolean;
}

/** Chunks from `first` up to, not including, `end`, as far as there are any. */
function chunksOf(size: number, first: number, end: number): Chunk[] {
  const padded = padmeLength(size);
  const count = chunkCount(size);
  return Array.from({ length: Math.min(end, count) - first }, (_, n) => {
    const index = first + n;
    const from = index * chunkBytes;
    return { index, from, to: Math.min(padded, from + chunkBytes), isLast: index === count - 1 };
  });
}

function extentOf(chunks: readonly Chunk[]): { readonly from: number; readonly to: number } {
  return { from: chunks[0]?.from ?? 0, to: chunks.at(-1)?.to ?? 0 };
}

function ivOf(prefix: Bytes, { index, isLast }: Chunk): Bytes {
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

// Where the bytes of uploaded files lie: a folder (blob-files.ts) or a bucket (s3-blobs.ts). Both pass the same suite
// (blob-store.test.ts). What lies there is ciphertext, written from front to back and never changed.
import type { BlobId } from "@cychat/protocol";

export interface StoredBlob {
  /** How many bytes there are now, without a gap from the first one on. */
  readonly size: number;
  /**
   * The bytes from `start` to before `end`, both within `size`. Nothing is opened before the first is asked for; never all of
   * them are in memory. The stream fails where they are gone meanwhile, or cannot be read.
   */
  read(start: number, end: number): ReadableStream<Uint8Array<ArrayBuffer>>;
}

export interface BlobStore {
  /** An empty one, durable when it resolves. Throws `storage-full` or `overloaded`. */
  create(id: BlobId): Promise<void>;

  /** Null: there is none. Throws `overloaded`. */
  open(id: BlobId): Promise<StoredBlob | null>;

  /**
   * Writes on from `from`, which is where the blob ends; its new size, durable when it resolves. Where `chunks` fails, what it
   * gave until then is kept as far as it could be stored, and the size says how much that was. One call at a time for one blob.
   * Throws `storage-full`, `overloaded`, `not-found`, `version-conflict` where the blob ends elsewhere, or what `chunks` throws.
   */
  append(id: BlobId, from: number, chunks: AsyncIterable<Uint8Array>): Promise<number>;

  /** What was appended is durable when it resolves, also where `append` did not. */
  sync(id: BlobId): Promise<void>;

  /** Never rejects: what cannot be removed now, the collector finds later. */
  remove(ids: readonly BlobId[]): Promise<void>;

  /** Those last written before `beforeMs`, by the clock of whoever stores them. Throws `overloaded`. */
  olderThan(beforeMs: number): AsyncIterable<BlobId>;
}

// SHA-256 of a blob whose bytes come one piece after another, which WebCrypto cannot do.
import type { Bytes } from "./primitives.ts";

export interface FileHasher {
  update(bytes: Uint8Array): unknown;
  /** 32 bytes; the last call. */
  digest(): Bytes;
}

export type NewFileHasher = () => Promise<FileHasher>;

/** Runs everywhere; where there is a native one, that is several times as fast. */
export const wasmFileHasher: NewFileHasher = async () => {
  const { createSHA256 } = await import("hash-wasm");
  const hasher = (await createSHA256()).init();
  return { update: (bytes) => hasher.update(bytes), digest: () => new Uint8Array(hasher.digest("binary")) };
};

// Encryption at rest of a browser's own store.
import { type CborValue, labels } from "@cychat/protocol";
import { type Bytes, openBox, sealBox } from "./primitives.ts";

/** A random, non-extractable AES-256-GCM key; IndexedDB keeps it as it is. It is of no use outside this browser. */
export function newStoreKey(): Promise<CryptoKey> {
  return crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

/** `place` names the table and key of what is sealed, and is authenticated: a row cannot be moved. */
export function sealLocal(key: CryptoKey, place: readonly CborValue[], bytes: Uint8Array): Promise<Bytes> {
  return sealBox(key, [labels.localStore, ...place], bytes);
}

/** Throws wrong-key, malformed-structure. */
export function openLocal(key: CryptoKey, place: readonly CborValue[], box: Uint8Array): Promise<Bytes> {
  return openBox(key, [labels.localStore, ...place], box);
}

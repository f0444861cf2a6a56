// Encryption at rest of a browser's own store.
import { type CborValue, encodeCbor, labels } from "@cychat/protocol";
import { aesOpen, aesSeal, type Bytes, openBox } from "./primitives.ts";

/** A random, non-extractable AES-256-GCM key; IndexedDB keeps it as it is. It is of no use outside this browser. */
export function newStoreKey(): Promise<CryptoKey> {
  return crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

/** The first byte of a box: this mark, the IV, the ciphertext. What was kept before that is a CBOR array, which never begins so. */
const mark = 1;
const ivBytes = 12;

/** `place` names the table and key of what is sealed, and is authenticated: a row cannot be moved. */
export async function sealLocal(key: CryptoKey, place: readonly CborValue[], bytes: Uint8Array): Promise<Bytes> {
  const { iv, ciphertext } = await aesSeal(key, encodeCbor([labels.localStore, ...place]), bytes);
  const box = new Uint8Array(1 + ivBytes + ciphertext.length);
  box[0] = mark;
  box.set(iv, 1);
  box.set(ciphertext, 1 + ivBytes);
  return box;
}

/** Throws wrong-key, malformed-structure. */
export async function openLocal(key: CryptoKey, place: readonly CborValue[], box: Uint8Array): Promise<Bytes> {
  const aad = [labels.localStore, ...place];
  if (box[0] !== mark) return openBox(key, aad, box);
  const own = box as Bytes;
  return aesOpen(key, encodeCbor(aad), { iv: own.subarray(1, 1 + ivBytes), ciphertext: own.subarray(1 + ivBytes) });
}

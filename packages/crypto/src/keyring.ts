// The keyring ("safe"): the epoch keys an account holds of one conversation, and the newest record it saw.
import { type AccountId, ArrayReader, type ConversationId, encodeCbor, equalBytes, labels, limits } from "@cychat/protocol";
import { CryptoError, decoded } from "./errors.ts";
import { assertKeyLength, type Bytes, hashBytes, keyBytes, openBox, plain, sealBox, sha256 } from "./primitives.ts";
import type { RecordPin } from "./record-chain.ts";

const formatVersion = 1;
/** Epochs per page, so that a later format can store the pages apart. */
const pageSize = 256;

export interface Keyring {
  /** epoch → epoch key. */
  readonly keys: ReadonlyMap<number, Bytes>;
  /** Epochs whose key was destroyed on purpose: no merge brings it back. */
  readonly erased: ReadonlySet<number>;
  readonly pin: RecordPin | null;
}

/** Authenticated with the ciphertext, so that the server cannot move, mix or roll back keyrings unnoticed. */
export interface KeyringPlace {
  readonly account: AccountId;
  readonly conversation: ConversationId;
  /** 1, 2, 3 … */
  readonly version: number;
  /** SHA-256 of the ciphertext of the version before; 32 zero bytes for version 1. */
  readonly previousHash: Bytes;
}

export const emptyKeyring: Keyring = { keys: new Map(), erased: new Set(), pin: null };

/** Non-extractable. */
export function importSafeKey(key: Uint8Array): Promise<CryptoKey> {
  assertKeyLength(key);
  return crypto.subtle.importKey("raw", plain(key), "AES-GCM", false, ["encrypt", "decrypt"]);
}

export function encodeKeyring(keyring: Keyring): Bytes {
  const entries = [...keyring.keys].toSorted(([a], [b]) => a - b);
  const pages = Map.groupBy(entries, ([epoch]) => Math.floor(epoch / pageSize));
  return encodeCbor([
    formatVersion,
    [...pages],
    [...keyring.erased].toSorted((a, b) => a - b),
    keyring.pin === null ? null : [keyring.pin.index, keyring.pin.hash],
  ]);
}

/** Throws malformed-structure. */
export function decodeKeyring(bytes: Uint8Array): Keyring {
  return decoded(() => {
    const reader = ArrayReader.ofBytes(bytes, "a keyring");
    reader.literal(formatVersion);
    const keys = new Map<number, Bytes>();
    reader.list("a page", (page) => {
      page.count();
      page.list("an epoch key", (entry) => keys.set(entry.count(), entry.bytes(keyBytes)));
    });
    const numbers = reader.value();
    const isNumbers = Array.isArray(numbers) && numbers.every((epoch) => typeof epoch === "number" && epoch >= 0);
    const erased = isNumbers ? new Set<number>(numbers) : reader.fail("wants epoch numbers here");
    const keyring: Keyring = { keys, erased, pin: readPin(reader.value()) };
    reader.end();
    // One keyring, one encoding: refuses wrong pages, anything unsorted or twice, and an erased epoch with a key.
    if (!equalBytes(encodeKeyring(keyring), bytes)) reader.fail("is not in its one form");
    for (const epoch of erased) if (keys.has(epoch)) reader.fail("holds an erased key");
    return keyring;
  });
}

function readPin(value: ReturnType<ArrayReader["value"]>): RecordPin | null {
  if (value === null) return null;
  const reader = new ArrayReader(value, "a pin");
  const pin = { index: reader.count(), hash: reader.bytes(hashBytes) };
  reader.end();
  return pin;
}

const aad = (place: KeyringPlace) => [labels.keyringBox, place.account, place.conversation, place.version, place.previousHash];

/**
 * `hash` is the next version's `previousHash`. Throws too-large above `limits.vaultBytes`, and malformed-structure for what
 * could not be opened again.
 */
export async function sealKeyring(
  safeKey: CryptoKey,
  place: KeyringPlace,
  keyring: Keyring,
): Promise<{ ciphertext: Bytes; hash: Bytes }> {
  const contents = decoded(() => encodeKeyring(keyring));
  decodeKeyring(contents);
  const ciphertext = await sealBox(safeKey, aad(place), contents);
  if (ciphertext.length > limits.vaultBytes) throw new CryptoError("too-large");
  return { ciphertext, hash: await sha256(ciphertext) };
}

/** Throws wrong-key (also for another place), malformed-structure. */
export async function openKeyring(safeKey: CryptoKey, place: KeyringPlace, ciphertext: Uint8Array): Promise<Keyring> {
  return decodeKeyring(await openBox(safeKey, aad(place), ciphertext));
}

/** For a version conflict: the union minus what either erased, and the furthest pin. Throws fork when the two contradict. */
export function mergeKeyrings(mine: Keyring, theirs: Keyring): Keyring {
  const keys = new Map(theirs.keys);
  for (const [epoch, key] of mine.keys) {
    const other = keys.get(epoch);
    if (other !== undefined && !equalBytes(key, other)) throw new CryptoError("fork", "Two keys for one epoch.");
    keys.set(epoch, key);
  }
  const erased = new Set([...mine.erased, ...theirs.erased]);
  for (const epoch of erased) keys.delete(epoch);
  return { keys, erased, pin: furthestPin(mine.pin, theirs.pin) };
}

/** Adds a key that was verified against its record, and moves the pin on. Throws not-allowed for an erased epoch, fork. */
export function withEpochKey(keyring: Keyring, epoch: number, key: Bytes, pin: RecordPin): Keyring {
  if (keyring.erased.has(epoch)) throw new CryptoError("not-allowed", "The key of this epoch was erased.");
  return mergeKeyrings({ keys: new Map([[epoch, key]]), erased: new Set(), pin }, keyring);
}

/** Adds verified keys at once, leaving out those of erased epochs: a history letter may hold more than is wanted. Throws fork. */
export function withEpochKeys(keyring: Keyring, keys: ReadonlyMap<number, Bytes>, pin: RecordPin): Keyring {
  return mergeKeyrings({ keys, erased: new Set(), pin }, keyring);
}

/** Forward secrecy follows retention: these keys are gone for good. */
export function eraseEpochs(keyring: Keyring, epochs: Iterable<number>): Keyring {
  return mergeKeyrings(keyring, { keys: new Map(), erased: new Set(epochs), pin: null });
}

function furthestPin(a: RecordPin | null, b: RecordPin | null): RecordPin | null {
  if (a === null || b === null) return a ?? b;
  if (a.index === b.index && !equalBytes(a.hash, b.hash)) throw new CryptoError("fork");
  return a.index > b.index ? a : b;
}

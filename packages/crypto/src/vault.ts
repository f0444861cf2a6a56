// The vault: what an account's browsers share, as one ciphertext under V. A new version replaces it whole (compare and set).
import {
  type AccountId,
  AccountId as AccountIdSchema,
  ArrayReader,
  branded,
  type CborValue,
  encodeCbor,
  equalBytes,
  labels,
  limits,
} from "@cychat/protocol";
import type { AccountPin } from "./account-log.ts";
import { CryptoError, decoded } from "./errors.ts";
import type { SealKeyPair } from "./hpke.ts";
import { hybridKemSizes } from "./hybrid-kem.ts";
import { type Bytes, hashBytes, keyBytes, openBox, randomBytes, sealBox, sha256 } from "./primitives.ts";

const formatVersion = 1;

/** How long a superseded encryption key is kept, for letters that were sealed to it. */
export const supersededKeyMs = 30 * 24 * 3600 * 1000;

export interface VaultEncryptionKey extends SealKeyPair {
  readonly generation: number;
  readonly createdAtMs: number;
  /** When the next generation was published; null for the newest. */
  readonly supersededAtMs: number | null;
}

/** A random key that keyrings are sealed under. Old ones stay until everything is sealed again. */
export interface SafeKey {
  /** 16 random bytes in base64url. */
  readonly id: string;
  readonly key: Bytes;
  readonly createdAtMs: number;
}

export interface ContactPin extends AccountPin {
  /** When this identity (not the account) was first seen. */
  readonly firstSeenMs: number;
  /** The safety number was compared. */
  readonly verified: boolean;
}

/** `changedAtMs` decides when two devices changed the same setting. */
export interface VaultSetting {
  readonly value: CborValue;
  readonly changedAtMs: number;
}

export interface VaultContents {
  readonly encryptionKeys: readonly VaultEncryptionKey[];
  /** Oldest first; the last one is the one to seal under. */
  readonly safeKeys: readonly SafeKey[];
  readonly pins: ReadonlyMap<AccountId, ContactPin>;
  readonly settings: ReadonlyMap<string, VaultSetting>;
}

export const emptyVault: VaultContents = { encryptionKeys: [], safeKeys: [], pins: new Map(), settings: new Map() };

export function generateSafeKey(nowMs: number): SafeKey {
  return {
    id: randomBytes(16).toBase64({ alphabet: "base64url", omitPadding: true }),
    key: randomBytes(keyBytes),
    createdAtMs: nowMs,
  };
}

const byText = (a: readonly [string, unknown], b: readonly [string, unknown]) => (a[0] < b[0] ? -1 : 1);
const byGeneration = (a: VaultEncryptionKey, b: VaultEncryptionKey) =>
  a.generation - b.generation || a.createdAtMs - b.createdAtMs || (a.publicKey.toHex() < b.publicKey.toHex() ? -1 : 1);
const byAge = (a: SafeKey, b: SafeKey) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1);

export function encodeVault(contents: VaultContents): Bytes {
  const { encryptionKeys, safeKeys, pins, settings } = contents;
  return encodeCbor([
    formatVersion,
    encryptionKeys.toSorted(byGeneration).map((k) => [k.generation, k.seed, k.publicKey, k.createdAtMs, k.supersededAtMs]),
    safeKeys.toSorted(byAge).map((k) => [k.id, k.key, k.createdAtMs]),
    [...pins].toSorted(byText).map(([account, p]) => [account, p.identityHash, p.firstSeenMs, p.verified, p.n, p.hash]),
    [...settings].toSorted(byText).map(([name, s]) => [name, s.value, s.changedAtMs]),
  ]);
}

/** Throws malformed-structure. */
export function decodeVault(bytes: Uint8Array): VaultContents {
  return decoded(() => {
    const reader = ArrayReader.ofBytes(bytes, "a vault");
    reader.literal(formatVersion);
    const contents: VaultContents = {
      encryptionKeys: reader.list("an encryption key", (item) => ({
        generation: item.count(),
        seed: item.bytes(hybridKemSizes.seed),
        publicKey: item.bytes(hybridKemSizes.publicKey),
        createdAtMs: item.count(),
        supersededAtMs: countOrNull(item),
      })),
      safeKeys: reader.list("a safe key", (item) => ({ id: item.text(), key: item.bytes(keyBytes), createdAtMs: item.count() })),
      pins: new Map(
        reader.list("a pin", (item): [AccountId, ContactPin] => [
          branded(AccountIdSchema, item.text()),
          {
            identityHash: item.bytes(hashBytes),
            firstSeenMs: item.count(),
            verified: item.boolean(),
            n: item.count(),
            hash: item.bytes(hashBytes),
          },
        ]),
      ),
      settings: new Map(
        reader.list("a setting", (item): [string, VaultSetting] => [
          item.text(),
          { value: item.value(), changedAtMs: item.count() },
        ]),
      ),
    };
    reader.end();
    // One vault, one encoding: refuses anything unsorted or named twice.
    if (!equalBytes(encodeVault(contents), bytes)) reader.fail("is not in its one form");
    return contents;
  });
}

function countOrNull(item: ArrayReader): number | null {
  const value = item.value();
  if (value === null) return null;
  return typeof value === "number" && value >= 0 ? value : item.fail("wants a non-negative integer or null here");
}

const vaultPlace = (account: AccountId, version: number) => [labels.vaultBox, account, version];

/**
 * `hash` = SHA-256(ciphertext): what a device certificate names. Throws too-large above `limits.vaultBytes`, and
 * malformed-structure for what could not be opened again: a vault replaces the one before, so that would lose everything.
 */
export async function sealVault(
  vaultKey: CryptoKey,
  account: AccountId,
  version: number,
  contents: VaultContents,
): Promise<{ ciphertext: Bytes; hash: Bytes }> {
  const encoded = decoded(() => encodeVault(contents));
  decodeVault(encoded);
  const ciphertext = await sealBox(vaultKey, vaultPlace(account, version), encoded);
  if (ciphertext.length > limits.vaultBytes) throw new CryptoError("too-large");
  return { ciphertext, hash: await sha256(ciphertext) };
}

/** Throws wrong-key (also for another account or version), malformed-structure. */
export async function openVault(
  vaultKey: CryptoKey,
  account: AccountId,
  version: number,
  ciphertext: Uint8Array,
): Promise<VaultContents> {
  return decodeVault(await openBox(vaultKey, vaultPlace(account, version), ciphertext));
}

/**
 * For a version conflict: the union of both, never losing a key. Of two pins with one identity the furthest is kept;
 * `conflicts` are the accounts pinned with two identities (the later one is kept), or with two logs of one identity:
 * unverified from then on, and must be shown.
 */
export function mergeVaults(mine: VaultContents, theirs: VaultContents): { contents: VaultContents; conflicts: AccountId[] } {
  const encryptionKeys = new Map(theirs.encryptionKeys.map((key) => [key.publicKey.toHex(), key]));
  for (const key of mine.encryptionKeys) {
    const other = encryptionKeys.get(key.publicKey.toHex());
    const supersededAtMs = maxOrNull(key.supersededAtMs, other?.supersededAtMs ?? null);
    encryptionKeys.set(key.publicKey.toHex(), { ...key, supersededAtMs });
  }
  const safeKeys = new Map([...theirs.safeKeys, ...mine.safeKeys].map((key) => [key.id, key]));
  const conflicts: AccountId[] = [];
  const pins = new Map(theirs.pins);
  for (const [account, pin] of mine.pins) {
    const other = pins.get(account);
    if (other !== undefined && contradict(pin, other)) conflicts.push(account);
    pins.set(account, other === undefined ? pin : mergePins(pin, other));
  }
  const settings = new Map(theirs.settings);
  for (const [name, setting] of mine.settings) {
    const other = settings.get(name);
    if (other === undefined || setting.changedAtMs > other.changedAtMs) settings.set(name, setting);
  }
  const contents = {
    encryptionKeys: [...encryptionKeys.values()].toSorted(byGeneration),
    safeKeys: [...safeKeys.values()].toSorted(byAge),
    pins,
    settings,
  };
  return { contents, conflicts };
}

/** Two identities, or two entries at one place of one identity's log. */
function contradict(a: ContactPin, b: ContactPin): boolean {
  return !equalBytes(a.identityHash, b.identityHash) || (a.n === b.n && !equalBytes(a.hash, b.hash));
}

function mergePins(a: ContactPin, b: ContactPin): ContactPin {
  if (!equalBytes(a.identityHash, b.identityHash)) return { ...(a.firstSeenMs > b.firstSeenMs ? a : b), verified: false };
  const furthest = a.n > b.n ? a : b;
  return {
    ...furthest,
    firstSeenMs: Math.min(a.firstSeenMs, b.firstSeenMs),
    verified: (a.verified || b.verified) && !contradict(a, b),
  };
}

function maxOrNull(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}

/** Drops encryption keys that were superseded more than 30 days ago. */
export function pruneVault(contents: VaultContents, nowMs: number): VaultContents {
  const kept = contents.encryptionKeys.filter(
    (key) => key.supersededAtMs === null || nowMs - key.supersededAtMs <= supersededKeyMs,
  );
  return { ...contents, encryptionKeys: kept };
}

export function newestEncryptionKey(contents: VaultContents): VaultEncryptionKey | undefined {
  return contents.encryptionKeys.toSorted(byGeneration).at(-1);
}

export function currentSafeKey(contents: VaultContents): SafeKey | undefined {
  return contents.safeKeys.toSorted(byAge).at(-1);
}

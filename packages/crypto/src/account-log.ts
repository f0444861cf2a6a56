// The account log: which identity, devices and encryption keys an account has, as a hash chain signed by the identity key.
import {
  type AccountId,
  type AccountLogBody,
  type DeviceId,
  decodeAccountLogEntry,
  encodeAccountLogEntry,
  equalBytes,
  labels,
  type Signed,
} from "@cychat/protocol";
import { deviceIdOf } from "./device.ts";
import { CryptoError, decoded } from "./errors.ts";
import { hashIdentity, type SigningKey, sign, verify } from "./identity.ts";
import { type Bytes, sha256, zeroHash } from "./primitives.ts";

/** A place in an account log: entry number, and SHA-256 of that entry's payload. */
export interface LogPosition {
  readonly n: number;
  readonly hash: Bytes;
}

/** The newest that was seen of an account. */
export interface AccountPin extends LogPosition {
  readonly identityHash: Bytes;
}

export interface AccountDevice {
  readonly publicKey: Bytes;
  /** The entry that certified it first. */
  readonly n: number;
  /** `revoked` rotates every conversation; `expired` (unseen for long) rotates nothing. */
  readonly state: "active" | "revoked" | "expired";
  /** The entry that revoked or expired it. */
  readonly endedAt: number | null;
  /** The vault that the device says it opened when it was certified. */
  readonly vaultVersion: number;
  readonly vaultHash: Bytes;
}

/** What a verified log says; structured-cloneable. */
export interface AccountState {
  readonly account: AccountId;
  readonly identityKey: Bytes;
  readonly identityHash: Bytes;
  readonly devices: ReadonlyMap<DeviceId, AccountDevice>;
  /** generation → HPKE public key. */
  readonly encryptionKeys: ReadonlyMap<number, Bytes>;
  /** generation → n of the entry that published it: whoever names a generation has seen the log up to there. */
  readonly generationEntries: ReadonlyMap<number, number>;
  /** 0 before the first one. */
  readonly newestGeneration: number;
  readonly head: LogPosition;
  /** SHA-256 of every entry's payload, by n. */
  readonly hashes: readonly Bytes[];
}

export type LaterBody = Exclude<AccountLogBody, { kind: "identity" }>;

/** n = 0: the identity key, signed by itself. */
export async function createAccountLog(
  account: AccountId,
  identity: SigningKey,
): Promise<{ entry: Signed; state: AccountState }> {
  const body: AccountLogBody = { kind: "identity", identityKey: identity.publicKey };
  const payload = encodeAccountLogEntry({ account, n: 0, prev: zeroHash(), body });
  const entry = await sign(identity.privateKey, labels.accountLog, payload);
  return { entry, state: await append(account, null, entry) };
}

/** Signs the next entry and applies it, under the same rules as `verifyAccountLog`. */
export async function appendEntry(
  state: AccountState,
  identity: SigningKey,
  body: LaterBody,
): Promise<{ entry: Signed; state: AccountState }> {
  const payload = encodeAccountLogEntry({ account: state.account, n: state.head.n + 1, prev: state.head.hash, body });
  const entry = await sign(identity.privateKey, labels.accountLog, payload);
  return { entry, state: await append(state.account, state, entry) };
}

/**
 * Verifies a whole log. Throws bad-signature, broken-chain, malformed-structure; with a pin also identity-changed
 * (another identity key), rollback (shorter than seen) and fork (another entry than seen).
 */
export async function verifyAccountLog(account: AccountId, entries: readonly Signed[], pin?: AccountPin): Promise<AccountState> {
  let state: AccountState | null = null;
  for (const entry of entries) {
    state = await append(account, state, entry);
    if (pin !== undefined && state.head.n === 0 && !equalBytes(state.identityHash, pin.identityHash))
      throw new CryptoError("identity-changed");
  }
  if (state === null) throw new CryptoError("broken-chain", "An account log begins with an identity key.");
  if (pin !== undefined) {
    const seen = state.hashes[pin.n];
    if (seen === undefined) throw new CryptoError("rollback");
    if (!equalBytes(seen, pin.hash)) throw new CryptoError("fork");
  }
  return state;
}

/** Appends to what is known. `entries` may overlap it; one that differs from what is known is a fork. */
export async function extendAccountLog(state: AccountState, entries: readonly Signed[]): Promise<AccountState> {
  let current = state;
  for (const entry of entries) {
    const { n } = decoded(() => decodeAccountLogEntry(entry.payload));
    const known = current.hashes[n];
    if (known === undefined) current = await append(state.account, current, entry);
    else if (!equalBytes(known, await sha256(entry.payload))) throw new CryptoError("fork");
  }
  return current;
}

export function pinOf(state: AccountState): AccountPin {
  return { identityHash: state.identityHash, ...state.head };
}

async function append(account: AccountId, state: AccountState | null, signed: Signed): Promise<AccountState> {
  const entry = decoded(() => decodeAccountLogEntry(signed.payload));
  if (entry.account !== account) throw new CryptoError("broken-chain", "The entry is of another account.");
  const expected = state === null ? { n: 0, prev: zeroHash() } : { n: state.head.n + 1, prev: state.head.hash };
  if (entry.n !== expected.n || !equalBytes(entry.prev, expected.prev)) throw new CryptoError("broken-chain");
  const identityKey = state?.identityKey ?? (entry.body.kind === "identity" ? entry.body.identityKey : null);
  if (identityKey === null) throw new CryptoError("broken-chain");
  await verify(identityKey, labels.accountLog, signed);
  const head = { n: entry.n, hash: await sha256(signed.payload) };
  if (state === null) return firstState(account, identityKey, head);
  return applyBody({ ...state, head, hashes: [...state.hashes, head.hash] }, entry.body);
}

async function firstState(account: AccountId, identityKey: Bytes, head: LogPosition): Promise<AccountState> {
  return {
    account,
    identityKey,
    identityHash: await hashIdentity(identityKey),
    devices: new Map(),
    encryptionKeys: new Map(),
    generationEntries: new Map(),
    newestGeneration: 0,
    head,
    hashes: [head.hash],
  };
}

async function applyBody(state: AccountState, body: AccountLogBody): Promise<AccountState> {
  switch (body.kind) {
    case "identity":
      throw new CryptoError("broken-chain", "A second identity key.");
    case "device": {
      const id = await deviceIdOf(body.deviceKey);
      const known = state.devices.get(id);
      // An expired device that came back is certified anew, and keeps its first place: what it signed back then stays valid.
      if (known !== undefined && known.state !== "expired")
        throw new CryptoError("broken-chain", "A device is certified twice, or after it was revoked.");
      const { deviceKey: publicKey, vaultVersion, vaultHash } = body;
      const device: AccountDevice = {
        publicKey,
        n: known?.n ?? state.head.n,
        state: "active",
        endedAt: null,
        vaultVersion,
        vaultHash,
      };
      return { ...state, devices: new Map(state.devices).set(id, device) };
    }
    case "encryption": {
      if (body.generation !== state.newestGeneration + 1)
        throw new CryptoError("broken-chain", "A generation is left out or repeated.");
      const encryptionKeys = new Map(state.encryptionKeys).set(body.generation, body.publicKey);
      const generationEntries = new Map(state.generationEntries).set(body.generation, state.head.n);
      return { ...state, encryptionKeys, generationEntries, newestGeneration: body.generation };
    }
    case "revoke": {
      const id = body.device as DeviceId;
      const device = state.devices.get(id);
      // An expired device may still turn out to be stolen, so `expired` can become `revoked`, and never the other way.
      if (device === undefined || device.state === "revoked" || device.state === body.reason) {
        throw new CryptoError("broken-chain", "Revokes a device that is not there, or not any more.");
      }
      const ended: AccountDevice = { ...device, state: body.reason, endedAt: state.head.n };
      return { ...state, devices: new Map(state.devices).set(id, ended) };
    }
  }
}

// Verifies account logs as every client does: chain, signatures, and what each entry says. Pure: no database here.
import type { KeyObject } from "node:crypto";
import {
  type AccountId,
  type AccountLogEntry,
  type DeviceId,
  decodeAccountLogEntry,
  equalBytes,
  hybridPublicKeyBytes,
  labels,
  ProtocolError,
  type Signed,
  toBase64url,
} from "@cychat/protocol";
import { p256PublicKey, sha256, verifySigned } from "./signature.ts";

export interface LogState {
  readonly account: AccountId;
  readonly identityKey: KeyObject;
  readonly identityHash: Uint8Array<ArrayBuffer>;
  /** n of the newest entry, and SHA-256 of its payload. */
  readonly head: number;
  readonly headHash: Uint8Array<ArrayBuffer>;
  /** 0 before the first encryption key. */
  readonly generation: number;
  readonly devices: ReadonlyMap<DeviceId, "active" | "revoked">;
}

/** An entry that has been verified in its place. */
export interface VerifiedEntry {
  readonly entry: AccountLogEntry;
  readonly signed: Signed;
  readonly hash: Uint8Array<ArrayBuffer>;
  /** The device that the entry certifies or revokes. */
  readonly device: DeviceId | null;
}

function deviceIdOf(publicKey: Uint8Array): DeviceId {
  return toBase64url(sha256(publicKey)) as DeviceId;
}

/** A whole log from its identity entry on. Throws `malformed-structure` or `bad-signature`. */
export function verifyLog(
  account: AccountId,
  log: readonly Signed[],
): { readonly state: LogState; readonly entries: readonly VerifiedEntry[] } {
  const [first, ...rest] = log;
  if (!first) throw new ProtocolError("malformed-structure", "an account log starts with an identity key");
  const entry = decodeAccountLogEntry(first.payload);
  if (entry.body.kind !== "identity")
    throw new ProtocolError("malformed-structure", "an account log starts with an identity key");
  assertPlace(entry, account, 0, new Uint8Array(32));
  const identityKey = p256PublicKey(entry.body.identityKey);
  verifySigned(identityKey, labels.accountLog, first);
  const hash = sha256(first.payload);
  const state: LogState = {
    account,
    identityKey,
    identityHash: sha256(entry.body.identityKey),
    head: 0,
    headHash: hash,
    generation: 0,
    devices: new Map(),
  };
  const extended = extendLog(state, rest);
  return { state: extended.state, entries: [{ entry, signed: first, hash, device: null }, ...extended.entries] };
}

/** More entries on top of a verified log. Throws `malformed-structure` or `bad-signature`. */
export function extendLog(
  state: LogState,
  added: readonly Signed[],
): { readonly state: LogState; readonly entries: readonly VerifiedEntry[] } {
  let head = state;
  const entries: VerifiedEntry[] = [];
  for (const signed of added) {
    const step = extendByOne(head, signed);
    entries.push(step.entry);
    head = step.state;
  }
  return { state: head, entries };
}

function extendByOne(state: LogState, signed: Signed): { state: LogState; entry: VerifiedEntry } {
  const entry = decodeAccountLogEntry(signed.payload);
  assertPlace(entry, state.account, state.head + 1, state.headHash);
  verifySigned(state.identityKey, labels.accountLog, signed);
  const hash = sha256(signed.payload);
  const next = { ...state, head: entry.n, headHash: hash };
  switch (entry.body.kind) {
    case "identity":
      throw new ProtocolError("malformed-structure", "an account has one identity key");
    case "encryption": {
      const { generation, publicKey } = entry.body;
      if (generation !== state.generation + 1)
        throw new ProtocolError("malformed-structure", "an encryption key of another generation than the next");
      if (publicKey.length !== hybridPublicKeyBytes)
        throw new ProtocolError("malformed-structure", "an encryption key of an unknown length");
      return { state: { ...next, generation }, entry: { entry, signed, hash, device: null } };
    }
    case "device": {
      p256PublicKey(entry.body.deviceKey);
      const device = deviceIdOf(entry.body.deviceKey);
      if (state.devices.has(device)) throw new ProtocolError("malformed-structure", "a device that this account has had already");
      return {
        state: { ...next, devices: new Map(state.devices).set(device, "active") },
        entry: { entry, signed, hash, device },
      };
    }
    case "revoke": {
      const device = entry.body.device as DeviceId;
      if (state.devices.get(device) !== "active")
        throw new ProtocolError("malformed-structure", "a revocation of no active device of this account");
      return {
        state: { ...next, devices: new Map(state.devices).set(device, "revoked") },
        entry: { entry, signed, hash, device },
      };
    }
  }
}

function assertPlace(entry: AccountLogEntry, account: AccountId, n: number, prev: Uint8Array): void {
  if (entry.account !== account) throw new ProtocolError("malformed-structure", "an entry of another account");
  if (entry.n !== n) throw new ProtocolError("malformed-structure", "an entry out of its order");
  if (!equalBytes(entry.prev, prev))
    throw new ProtocolError("malformed-structure", "an entry that does not follow the one before it");
}

// The account log: a hash chain of signed entries that says which keys an account has. PROTOCOL.md section 3.
import { type CborValue, encodeCbor } from "../cbor.ts";
import { ProtocolError } from "../errors.ts";
import { AccountId } from "../ids.ts";
import { branded } from "./envelope.ts";
import { ArrayReader } from "./read.ts";

export const accountLogVersion = 1;

/** Uncompressed P-256 point. */
export const p256PublicKeyBytes = 65;

export type AccountLogBody =
  /** n = 0 only: the account's identity key, which signs this and every later entry. */
  | { readonly kind: "identity"; readonly identityKey: Uint8Array<ArrayBuffer> }
  /** A device certificate; names the vault version and hash (SHA-256 of the vault's ciphertext) the device opened. */
  | {
      readonly kind: "device";
      readonly deviceKey: Uint8Array<ArrayBuffer>;
      readonly vaultVersion: number;
      readonly vaultHash: Uint8Array<ArrayBuffer>;
    }
  /** An HPKE public key; generations count 1, 2, 3 …, the newest is the one to seal to. */
  | { readonly kind: "encryption"; readonly generation: number; readonly publicKey: Uint8Array<ArrayBuffer> }
  | { readonly kind: "revoke"; readonly device: string; readonly reason: "revoked" | "expired" };

export interface AccountLogEntry {
  readonly account: AccountId;
  readonly n: number;
  /** SHA-256 of the previous entry's payload; 32 zero bytes for n = 0. */
  readonly prev: Uint8Array<ArrayBuffer>;
  readonly body: AccountLogBody;
}

export function encodeAccountLogEntry(entry: AccountLogEntry): Uint8Array<ArrayBuffer> {
  return encodeCbor([accountLogVersion, entry.account, entry.n, entry.prev, entry.body.kind, bodyFields(entry.body)]);
}

export function decodeAccountLogEntry(bytes: Uint8Array): AccountLogEntry {
  const reader = ArrayReader.ofBytes(bytes, "an account-log entry");
  reader.literal(accountLogVersion);
  const account = branded(AccountId, reader.text());
  const n = reader.count();
  const prev = reader.bytes(32);
  const kind = reader.text();
  const fields = reader.array("an account-log body");
  const body = readBody(kind, fields);
  fields.end();
  reader.end();
  if ((n === 0) !== (body.kind === "identity"))
    throw new ProtocolError("malformed-structure", "an identity key stands at n = 0 only");
  return { account, n, prev, body };
}

function bodyFields(body: AccountLogBody): CborValue[] {
  switch (body.kind) {
    case "identity":
      return [body.identityKey];
    case "device":
      return [body.deviceKey, body.vaultVersion, body.vaultHash];
    case "encryption":
      return [body.generation, body.publicKey];
    case "revoke":
      return [body.device, body.reason];
  }
}

function readBody(kind: string, fields: ArrayReader): AccountLogBody {
  switch (kind) {
    case "identity":
      return { kind, identityKey: fields.bytes(p256PublicKeyBytes) };
    case "device":
      return { kind, deviceKey: fields.bytes(p256PublicKeyBytes), vaultVersion: fields.count(), vaultHash: fields.bytes(32) };
    case "encryption":
      return { kind, generation: fields.count(), publicKey: fields.bytes() };
    case "revoke": {
      const device = fields.text();
      const reason = fields.text();
      if (reason !== "revoked" && reason !== "expired") return fields.fail("has an unknown reason");
      return { kind, device, reason };
    }
    default:
      return fields.fail("is of a kind that this software does not know");
  }
}

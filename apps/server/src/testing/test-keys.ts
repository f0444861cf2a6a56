// Keys for tests, made with node:crypto alone: the server does not import packages/crypto, and neither do its tests.
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import {
  type AccountId,
  type AccountLogBody,
  type AccountLogEntry,
  type DeviceId,
  encodeAccountLogEntry,
  encodeWraps,
  type Label,
  labels,
  type Signed,
  type SignedJson,
  signedBytes,
  signedToJson,
  toBase64url,
  type UnlockMethodKind,
  type UnlockMethodsUpdate,
} from "@cychat/protocol";

export interface TestKey {
  readonly point: Uint8Array<ArrayBuffer>;
  readonly privateKey: KeyObject;
}

export function newKey(): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { point: new Uint8Array(publicKey.export({ format: "der", type: "spki" }).subarray(-65)), privateKey };
}

export function signWith(key: TestKey, label: Label, payload: Uint8Array<ArrayBuffer>): Signed {
  return {
    payload,
    signature: new Uint8Array(sign("sha256", signedBytes(label, payload), { key: key.privateKey, dsaEncoding: "ieee-p1363" })),
  };
}

export function hashOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

export interface TestMethod {
  readonly method: string;
  readonly kind: UnlockMethodKind;
  readonly authSecret?: string;
}

export function newMethod(kind: UnlockMethodKind, authSecret?: string): TestMethod {
  return { method: toBase64url(randomBytes(16)), kind, ...(authSecret === undefined ? {} : { authSecret }) };
}

export function newRecoverySecret(): string {
  return `cychat-auth-v1.recovery.${toBase64url(randomBytes(32))}`;
}

/** An account's keys as a client would hold them, with a log that grows as entries are made. */
export class TestAccountKeys {
  readonly identity = newKey();
  readonly device = newKey();
  readonly log: Signed[] = [];
  generation = 0;

  constructor(readonly account: AccountId) {}

  get deviceId(): DeviceId {
    return toBase64url(hashOf(this.device.point)) as DeviceId;
  }

  /** Signs without appending: what a test may then tamper with. `place` overrides what would be right. */
  make(body: AccountLogBody, place: Partial<AccountLogEntry> & { readonly signer?: TestKey } = {}): Signed {
    const { signer = this.identity, ...overrides } = place;
    const last = this.log.at(-1);
    const entry: AccountLogEntry = {
      account: this.account,
      n: this.log.length,
      prev: last ? hashOf(last.payload) : new Uint8Array(32),
      body,
      ...overrides,
    };
    return signWith(signer, labels.accountLog, encodeAccountLogEntry(entry));
  }

  append(body: AccountLogBody): SignedJson {
    const entry = this.make(body);
    this.log.push(entry);
    return signedToJson(entry);
  }

  identityEntry(): SignedJson {
    return this.append({ kind: "identity", identityKey: this.identity.point });
  }

  encryptionEntry(): SignedJson {
    this.generation += 1;
    return this.append({ kind: "encryption", generation: this.generation, publicKey: new Uint8Array(randomBytes(1249)) });
  }

  deviceEntry(device: TestKey = this.device): SignedJson {
    return this.append({ kind: "device", deviceKey: device.point, vaultVersion: 1, vaultHash: new Uint8Array(32) });
  }

  revokeEntry(device: DeviceId): SignedJson {
    return this.append({ kind: "revoke", device, reason: "revoked" });
  }

  firstLog(): SignedJson[] {
    return [this.identityEntry(), this.encryptionEntry(), this.deviceEntry()];
  }

  methods(version: number, methods: readonly TestMethod[], signer: TestKey = this.identity): UnlockMethodsUpdate {
    const payload = encodeWraps({
      account: this.account,
      version,
      identityHash: hashOf(this.identity.point),
      wraps: methods.map(({ method, kind }) => ({
        method,
        kind,
        publicKey: new Uint8Array(randomBytes(1249)),
        encapsulated: new Uint8Array(randomBytes(1153)),
        ciphertext: new Uint8Array(randomBytes(48)),
      })),
    });
    return {
      wraps: signedToJson(signWith(signer, labels.wraps, payload)),
      boxes: methods.map(({ method, kind }) => ({ method, kind, box: toBase64url(randomBytes(120)) })),
      auth_secrets: methods.flatMap(({ method, authSecret }) =>
        authSecret === undefined ? [] : [{ method, auth_secret: authSecret }],
      ),
    };
  }

  /** The body of `POST /keys`. */
  creation(methods: readonly TestMethod[] = [newMethod("password")]) {
    return {
      log: this.firstLog(),
      methods: this.methods(1, methods),
      identity_box: toBase64url(randomBytes(200)),
      vault: { version: 1, ciphertext: toBase64url(randomBytes(300)) },
    };
  }
}

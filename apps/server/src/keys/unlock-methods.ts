// Checks a new statement of wraps and its boxes (e2ee: "Method box", "Wrap"). Pure: no database here.
import type { KeyObject } from "node:crypto";
import {
  type AccountId,
  authSecretPattern,
  decodeWraps,
  equalBytes,
  labels,
  ProtocolError,
  type Signed,
  signedFromJson,
  type UnlockMethodKind,
  type UnlockMethodsUpdate,
} from "@cychat/protocol";
import { verifySigned } from "./signature.ts";

export interface VerifiedMethod {
  readonly method: string;
  readonly kind: UnlockMethodKind;
  /** CBOR [IV, ciphertext] in base64url, as it was sent. */
  readonly box: string;
  /** Only where this update brings a new one. */
  readonly authSecret: string | null;
}

export interface VerifiedMethods {
  readonly version: number;
  readonly statement: Signed;
  readonly methods: readonly VerifiedMethod[];
}

interface Against {
  readonly account: AccountId;
  readonly identityKey: KeyObject;
  readonly identityHash: Uint8Array;
}

/** Throws `malformed-structure`, `bad-signature` or `malformed-request`. The version is for the caller to compare. */
export function verifyMethods(update: UnlockMethodsUpdate, against: Against): VerifiedMethods {
  const statement = signedFromJson(update.wraps);
  const wraps = decodeWraps(statement.payload);
  verifySigned(against.identityKey, labels.wraps, statement);
  if (wraps.account !== against.account) throw new ProtocolError("malformed-structure", "a wraps statement of another account");
  if (!equalBytes(wraps.identityHash, against.identityHash))
    throw new ProtocolError("malformed-structure", "a wraps statement for another identity key");

  const boxes = new Map(update.boxes.map((box) => [box.method, box]));
  const secrets = new Map(update.auth_secrets.map((each) => [each.method, each.auth_secret]));
  if (boxes.size !== update.boxes.length || secrets.size !== update.auth_secrets.length) {
    throw new ProtocolError("malformed-request", "an unlock method is named twice");
  }
  const methods = wraps.wraps.map(({ method, kind }): VerifiedMethod => {
    const box = boxes.get(method);
    if (!box || box.kind !== kind) throw new ProtocolError("malformed-request", "the boxes are not those of the wraps statement");
    boxes.delete(method);
    const authSecret = secrets.get(method) ?? null;
    secrets.delete(method);
    if (authSecret !== null && authSecretPattern.exec(authSecret)?.[1] !== kind) {
      throw new ProtocolError("malformed-request", "an authentication secret is not of its method's kind");
    }
    return { method, kind, box: box.box, authSecret };
  });
  // A wrap named twice has taken its box away already, and failed above.
  if (boxes.size > 0 || secrets.size > 0)
    throw new ProtocolError("malformed-request", "the boxes are not those of the wraps statement");
  return { version: wraps.version, statement, methods };
}

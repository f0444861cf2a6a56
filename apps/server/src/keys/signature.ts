import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { type Label, ProtocolError, type Signed, signedBytes } from "@cychat/protocol";

/** SubjectPublicKeyInfo of every P-256 key up to its uncompressed point (RFC 5480). */
const spkiPrefix = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");

/** Throws `malformed-structure` for what is no point of the curve. */
export function p256PublicKey(point: Uint8Array): KeyObject {
  if (point.length !== 65 || point[0] !== 4)
    throw new ProtocolError("malformed-structure", "a public key is not an uncompressed P-256 point");
  try {
    return createPublicKey({ key: Buffer.concat([spkiPrefix, point]), format: "der", type: "spki" });
  } catch {
    throw new ProtocolError("malformed-structure", "a public key is not a point of P-256");
  }
}

/** Throws `bad-signature`. */
export function verifySigned(key: KeyObject, label: Label, signed: Signed): void {
  const fits =
    signed.signature.length === 64 &&
    verify("sha256", signedBytes(label, signed.payload), { key, dsaEncoding: "ieee-p1363" }, signed.signature);
  if (!fits) throw new ProtocolError("bad-signature");
}

export function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

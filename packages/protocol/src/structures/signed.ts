// Signed bytes: a payload as it was sent, and an ECDSA P-256 signature over CBOR [label, payload].
import * as v from "valibot";
import { fromBase64url, toBase64url } from "../base64url.ts";
import { type CborValue, encodeCbor } from "../cbor.ts";
import type { Label } from "../labels.ts";
import { bytesText } from "../rest/fields.ts";
import type { ArrayReader } from "./read.ts";

/** A payload kept as the exact bytes that were signed; hashes and ids cover it and never the (malleable) signature. */
export interface Signed {
  readonly payload: Uint8Array<ArrayBuffer>;
  /** 64 bytes, r and s (IEEE P1363). */
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** What the signature covers. */
export function signedBytes(label: Label, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  return encodeCbor([label, payload]);
}

export const SignedJson = v.strictObject({
  payload: bytesText(256 * 1024),
  signature: bytesText(64),
});
export type SignedJson = v.InferOutput<typeof SignedJson>;

export function signedToJson(signed: Signed): SignedJson {
  return { payload: toBase64url(signed.payload), signature: toBase64url(signed.signature) };
}

export function signedFromJson(json: SignedJson): Signed {
  return { payload: fromBase64url(json.payload), signature: fromBase64url(json.signature) };
}

/** Inside another structure: payload, signature. */
export function signedFields({ payload, signature }: Signed): CborValue[] {
  return [payload, signature];
}

export function readSigned(reader: ArrayReader): Signed {
  return { payload: reader.bytes(), signature: reader.bytes(64) };
}

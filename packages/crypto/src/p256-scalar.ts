// P-256 private keys from their scalar: WebCrypto takes them as PKCS #8 only, and tells the public half as JWK only.
import { type Bytes, concatBytes } from "./primitives.ts";

export const p256ScalarBytes = 32;
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
/** PrivateKeyInfo (RFC 5208) of a P-256 key up to its scalar, without the optional public key. */
const pkcs8Prefix = Uint8Array.fromHex("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420");

export function isScalar(bytes: Uint8Array): boolean {
  const value = BigInt(`0x${bytes.toHex()}`);
  return value > 0n && value < order;
}

export function pkcs8OfScalar(scalar: Uint8Array): Bytes {
  return concatBytes(pkcs8Prefix, scalar);
}

/** The uncompressed public point of an extractable private key. */
export async function publicPointOf(privateKey: CryptoKey): Promise<Bytes> {
  const { x, y } = await crypto.subtle.exportKey("jwk", privateKey);
  return concatBytes(Uint8Array.of(4), fromJwk(x), fromJwk(y));
}

export function fromJwk(text: string | undefined): Bytes {
  return Uint8Array.fromBase64(text ?? "", { alphabet: "base64url" });
}

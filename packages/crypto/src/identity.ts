// ECDSA P-256 keys (FIPS 186-5) and signatures over CBOR [label, payload].
import { type Label, p256PublicKeyBytes, type Signed, signedBytes } from "@cychat/protocol";
import { CryptoError } from "./errors.ts";
import { type Bytes, plain, sha256 } from "./primitives.ts";

/** Raw 65-byte public key, and a private CryptoKey that is not extractable. */
export interface SigningKey {
  readonly publicKey: Bytes;
  readonly privateKey: CryptoKey;
}

const curve = { name: "ECDSA", namedCurve: "P-256" } as const;
const ecdsa = { name: "ECDSA", hash: "SHA-256" } as const;

/** `pkcs8` is there only to be boxed with `sealIdentity` at once; overwrite it afterwards. */
export async function generateIdentity(): Promise<{ identity: SigningKey; pkcs8: Bytes }> {
  const pair = await crypto.subtle.generateKey(curve, true, ["sign", "verify"]);
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
  return { identity: await importIdentity(pkcs8, publicKey), pkcs8 };
}

/** Throws malformed-key, also when the two halves are not of one pair. */
export async function importIdentity(pkcs8: Uint8Array, publicKey: Uint8Array): Promise<SigningKey> {
  try {
    const privateKey = await crypto.subtle.importKey("pkcs8", plain(pkcs8), curve, false, ["sign"]);
    const probe = new Uint8Array(32);
    const signature = await crypto.subtle.sign(ecdsa, privateKey, probe);
    if (!(await crypto.subtle.verify(ecdsa, await importPublicKey(publicKey), signature, probe)))
      throw new CryptoError("malformed-key");
    return { publicKey: new Uint8Array(publicKey), privateKey };
  } catch {
    throw new CryptoError("malformed-key");
  }
}

/** SHA-256 of the raw identity public key. */
export function hashIdentity(publicKey: Uint8Array): Promise<Bytes> {
  return sha256(publicKey);
}

export async function generateSigningKey(): Promise<SigningKey> {
  const pair = await crypto.subtle.generateKey(curve, false, ["sign", "verify"]);
  return { publicKey: new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)), privateKey: pair.privateKey };
}

export async function sign(privateKey: CryptoKey, label: Label, payload: Bytes): Promise<Signed> {
  const signature = new Uint8Array(await crypto.subtle.sign(ecdsa, privateKey, signedBytes(label, payload)));
  return { payload, signature };
}

/** Throws bad-signature, malformed-key. */
export async function verify(publicKey: Uint8Array, label: Label, signed: Signed): Promise<void> {
  const key = await importPublicKey(publicKey);
  const valid = await crypto.subtle.verify(ecdsa, key, signed.signature, signedBytes(label, signed.payload));
  if (!valid) throw new CryptoError("bad-signature");
}

async function importPublicKey(publicKey: Uint8Array): Promise<CryptoKey> {
  if (publicKey.length !== p256PublicKeyBytes || publicKey[0] !== 4) throw new CryptoError("malformed-key");
  try {
    return await crypto.subtle.importKey("raw", plain(publicKey), curve, false, ["verify"]);
  } catch {
    throw new CryptoError("malformed-key");
  }
}

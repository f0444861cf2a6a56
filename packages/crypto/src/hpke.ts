// Sealing to a public key: HPKE base mode (RFC 9180), MLKEM768-P256 + HKDF-SHA256 + AES-256-GCM.
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, type KEMFactory, type Key } from "hpke";
import { CryptoError } from "./errors.ts";
import { hybridKemSizes, nativeHybridKem, nativeHybridKemWorks } from "./hybrid-kem.ts";
import { assertKeyLength, type Bytes, plain, randomBytes } from "./primitives.ts";

export interface SealKeyPair {
  /** 32 bytes, the input of HPKE's DeriveKeyPair (RFC 9180 section 7.1.3): the private half, as vault and boxes keep it. */
  readonly seed: Bytes;
  /** 1,249 bytes: ML-KEM-768 (1,184), then an uncompressed P-256 point (65). */
  readonly publicKey: Bytes;
}

export interface Sealed {
  /** 1,153 bytes. */
  readonly encapsulated: Bytes;
  /** The plaintext and a 16-byte tag. */
  readonly ciphertext: Bytes;
}

type Suite = CipherSuite<Key>;

function suiteWith<K extends Key>(kem: KEMFactory<K>): Suite {
  return new CipherSuite(kem, KDF_HKDF_SHA256, AEAD_AES_256_GCM) as unknown as Suite;
}

export const nativeSuite = (): Suite => suiteWith(nativeHybridKem);

/** Pure JavaScript and several times slower; loaded only where WebCrypto lacks ML-KEM. */
export async function fallbackSuite(): Promise<Suite> {
  const { KEM_MLKEM768_P256 } = await import("@panva/hpke-noble");
  return suiteWith(KEM_MLKEM768_P256);
}

/** Remembers what `make` gives; a failure is not remembered, so that the next call tries again. */
export function onceItWorks<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

const suite = onceItWorks(async () => ((await nativeHybridKemWorks()) ? nativeSuite() : fallbackSuite()));

export function generateSealKeyPair(): Promise<SealKeyPair> {
  return deriveSealKeyPair(randomBytes(hybridKemSizes.seed));
}

/** HPKE's DeriveKeyPair with `seed` as its input keying material. Throws malformed-key. */
export async function deriveSealKeyPair(seed: Uint8Array): Promise<SealKeyPair> {
  return deriveWith(await suite(), seed);
}

export async function deriveWith(hpke: Suite, seed: Uint8Array): Promise<SealKeyPair> {
  assertKeyLength(seed, hybridKemSizes.seed);
  const { publicKey } = await hpke.DeriveKeyPair(seed, false);
  return { seed: new Uint8Array(seed), publicKey: plain(await hpke.SerializePublicKey(publicKey)) };
}

/** `info` is a CBOR array that starts with a label. Throws malformed-key. */
export async function sealTo(publicKey: Uint8Array, info: Uint8Array, plaintext: Uint8Array, aad?: Uint8Array): Promise<Sealed> {
  const hpke = await suite();
  let recipient: Key;
  try {
    recipient = await hpke.DeserializePublicKey(publicKey);
  } catch {
    throw new CryptoError("malformed-key");
  }
  const sealed = await hpke.Seal(recipient, plaintext, aad === undefined ? { info } : { info, aad });
  return { encapsulated: plain(sealed.encapsulatedSecret), ciphertext: plain(sealed.ciphertext) };
}

/** Throws wrong-key when key, info, aad, encapsulation or ciphertext do not belong together. */
export async function openSealed(keyPair: SealKeyPair, info: Uint8Array, sealed: Sealed, aad?: Uint8Array): Promise<Bytes> {
  assertKeyLength(keyPair.seed, hybridKemSizes.seed);
  const hpke = await suite();
  const keys = await hpke.DeriveKeyPair(keyPair.seed, false);
  try {
    return plain(await hpke.Open(keys, sealed.encapsulated, sealed.ciphertext, aad === undefined ? { info } : { info, aad }));
  } catch {
    throw new CryptoError("wrong-key");
  }
}

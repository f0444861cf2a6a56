// MLKEM768-P256 (HPKE KEM 0x0050) over WebCrypto's ML-KEM-768 (FIPS 203) and ECDH P-256.
// draft-ietf-hpke-pq-05 section 4, draft-irtf-cfrg-concrete-hybrid-kems, draft-irtf-cfrg-hybrid-kems (CG framework,
// C2PRI combiner). Only SHA-3 is JavaScript: neither Chromium 156 nor any other browser has it in WebCrypto.
import { sha3_256, shake256 } from "@noble/hashes/sha3.js";
import { I2OSP, type KEM, type KEMFactory, type Key, LabeledDerive } from "hpke";
import { fromJwk, isScalar, p256ScalarBytes, pkcs8OfScalar, publicPointOf } from "./p256-scalar.ts";
import { type Bytes, concatBytes, plain, randomBytes } from "./primitives.ts";

const mlkem = { name: "ML-KEM-768", publicKeyBytes: 1184, ciphertextBytes: 1088, seedBytes: 64 } as const;
const p256 = { algorithm: { name: "ECDH", namedCurve: "P-256" }, pointBytes: 65 } as const;
/** Four candidates for rejection sampling: all four fail with a probability of about 2^-128. */
const curveSeedBytes = 128;
const ascii = new TextEncoder();
const combinerLabel = ascii.encode("MLKEM768-P256");

export const hybridKemSizes = { seed: 32, publicKey: 1249, encapsulated: 1153 } as const;

/** What WebCrypto has of ML-KEM (WICG "Modern Algorithms in the Web Cryptography API"), not yet in TypeScript's DOM. */
interface ModernSubtle {
  importKey(
    format: "raw-seed" | "raw-public",
    bytes: Bytes,
    algorithm: string,
    extractable: boolean,
    usages: string[],
  ): Promise<CryptoKey>;
  encapsulateBits(algorithm: string, key: CryptoKey): Promise<{ sharedKey: ArrayBuffer; ciphertext: ArrayBuffer }>;
  decapsulateBits(algorithm: string, key: CryptoKey, ciphertext: Bytes): Promise<ArrayBuffer>;
}
const modern = () => crypto.subtle as unknown as ModernSubtle;

interface HybridKey extends Key {
  readonly pq: CryptoKey;
  readonly curve: CryptoKey;
  /** The serialized public key, of a private key too. */
  readonly publicBytes: Bytes;
  /** Private keys only. */
  readonly seed?: Bytes;
}

const name = "MLKEM768-P256";

export const nativeHybridKem: KEMFactory<HybridKey> = (): KEM<HybridKey> => ({
  id: 0x0050,
  type: "KEM",
  name,
  Nsecret: 32,
  Nenc: hybridKemSizes.encapsulated,
  Npk: hybridKemSizes.publicKey,
  Nsk: hybridKemSizes.seed,

  async DeriveKeyPair(ikm, extractable) {
    const oneStage = { Derive: async (input: Uint8Array, length: number) => shake256(input, { dkLen: length }) };
    const suiteId = concatBytes(ascii.encode("KEM"), I2OSP(0x0050, 2));
    const seed = await LabeledDerive(
      oneStage,
      suiteId,
      ikm,
      ascii.encode("DeriveKeyPair"),
      new Uint8Array(0),
      hybridKemSizes.seed,
    );
    return keyPair(seed, extractable);
  },
  GenerateKeyPair: (extractable) => keyPair(randomBytes(hybridKemSizes.seed), extractable),
  SerializePublicKey: async (key) => new Uint8Array(key.publicBytes),
  DeserializePublicKey: (bytes) => importPublic(new Uint8Array(bytes)),
  async SerializePrivateKey(key) {
    if (!key.extractable || key.seed === undefined) throw new TypeError("key must be an extractable private key");
    return new Uint8Array(key.seed);
  },
  DeserializePrivateKey: (seed, extractable) => importPrivate(new Uint8Array(seed), extractable),

  async Encap(recipient) {
    const [encapsulated, ephemeral] = await Promise.all([
      modern().encapsulateBits(mlkem.name, recipient.pq),
      crypto.subtle.generateKey(p256.algorithm, false, ["deriveBits"]),
    ]);
    const curveCiphertext = new Uint8Array(await crypto.subtle.exportKey("raw", ephemeral.publicKey));
    const curveSecret = await agree(ephemeral.privateKey, recipient.curve);
    return {
      shared_secret: combine(new Uint8Array(encapsulated.sharedKey), curveSecret, curveCiphertext, recipient),
      enc: concatBytes(new Uint8Array(encapsulated.ciphertext), curveCiphertext),
    };
  },

  async Decap(enc, recipient) {
    const curveCiphertext = new Uint8Array(enc.subarray(mlkem.ciphertextBytes));
    const [pqSecret, ephemeral] = await Promise.all([
      modern().decapsulateBits(mlkem.name, recipient.pq, new Uint8Array(enc.subarray(0, mlkem.ciphertextBytes))),
      importPoint(curveCiphertext),
    ]);
    return combine(new Uint8Array(pqSecret), await agree(recipient.curve, ephemeral), curveCiphertext, recipient);
  },
});

/** Feature detection: one key pair and one round trip; false in Firefox and WebKit (no ML-KEM in WebCrypto yet). */
export async function nativeHybridKemWorks(): Promise<boolean> {
  try {
    const kem = nativeHybridKem();
    const pair = await kem.GenerateKeyPair(false);
    const { shared_secret, enc } = await kem.Encap(pair.publicKey);
    return (await kem.Decap(enc, pair.privateKey, undefined)).toHex() === shared_secret.toHex();
  } catch {
    return false;
  }
}

async function keyPair(seed: Uint8Array, extractable: boolean) {
  const privateKey = await importPrivate(new Uint8Array(seed), extractable);
  return { privateKey, publicKey: await importPublic(privateKey.publicBytes) };
}

/** Expands the seed with SHAKE256 into ML-KEM's seed (d, z) and the candidates for the scalar. */
async function importPrivate(seed: Bytes, extractable: boolean): Promise<HybridKey> {
  const expanded = plain(shake256(seed, { dkLen: mlkem.seedBytes + curveSeedBytes }));
  const pkcs8 = pkcs8OfScalar(firstScalar(expanded.subarray(mlkem.seedBytes)));
  // Extractable only so that the public halves can be read from them; both keys stay inside this file.
  const [pq, curve] = await Promise.all([
    modern().importKey("raw-seed", expanded.slice(0, mlkem.seedBytes), mlkem.name, true, ["decapsulateBits"]),
    crypto.subtle.importKey("pkcs8", pkcs8, p256.algorithm, true, ["deriveBits"]),
  ]);
  const [pqJwk, point] = await Promise.all([exportJwk(pq), publicPointOf(curve)]);
  const publicBytes = concatBytes(fromJwk(pqJwk.pub), point);
  return { algorithm: { name }, type: "private", extractable, pq, curve, publicBytes, seed };
}

async function importPublic(publicBytes: Bytes): Promise<HybridKey> {
  const [pq, curve] = await Promise.all([
    modern().importKey("raw-public", publicBytes.slice(0, mlkem.publicKeyBytes), mlkem.name, true, ["encapsulateBits"]),
    importPoint(publicBytes.slice(mlkem.publicKeyBytes)),
  ]);
  return { algorithm: { name }, type: "public", extractable: true, pq, curve, publicBytes };
}

/** Throws for compressed, truncated and off-curve points. */
async function importPoint(point: Bytes): Promise<CryptoKey> {
  if (point.length !== p256.pointBytes || point[0] !== 4) throw new TypeError("not an uncompressed P-256 point");
  return crypto.subtle.importKey("raw", point, p256.algorithm, true, []);
}

function firstScalar(candidates: Bytes): Bytes {
  for (let at = 0; at < candidates.length; at += p256ScalarBytes) {
    const scalar = candidates.slice(at, at + p256ScalarBytes);
    if (isScalar(scalar)) return scalar;
  }
  throw new Error("no scalar in this seed");
}

async function agree(privateKey: CryptoKey, publicKey: CryptoKey): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "ECDH", public: publicKey }, privateKey, 256));
}

function combine(pqSecret: Bytes, curveSecret: Bytes, curveCiphertext: Bytes, recipient: HybridKey): Bytes {
  const curvePublic = recipient.publicBytes.subarray(mlkem.publicKeyBytes);
  return plain(sha3_256(concatBytes(pqSecret, curveSecret, curveCiphertext, curvePublic, combinerLabel)));
}

const exportJwk = async (key: CryptoKey) => (await crypto.subtle.exportKey("jwk", key)) as JsonWebKey & { pub?: string };

// The same work by WebCrypto alone, with keys at hand: no encoding, no padding, no key derivation, no checks.

type Operation = () => Promise<unknown>;

export interface NativePrimitives {
  /** ML-KEM-768 encapsulation, a new P-256 key pair, one agreement. */
  readonly encapsulate: Operation;
  /** ML-KEM-768 decapsulation and one agreement. */
  readonly decapsulate: Operation;
  readonly sign: (bytes: Uint8Array<ArrayBuffer>) => Promise<unknown>;
  /** Of the bytes that this was made with. */
  readonly verify: Operation;
  readonly encrypt: (bytes: Uint8Array<ArrayBuffer>) => Promise<ArrayBuffer>;
  /** Of what `encrypt` gave. */
  readonly decrypt: (ciphertext: ArrayBuffer) => Promise<unknown>;
}

/** Not in TypeScript's DOM yet (WICG "Modern Algorithms in the Web Cryptography API"). */
interface ModernSubtle {
  generateKey(algorithm: string, extractable: boolean, usages: string[]): Promise<CryptoKeyPair>;
  encapsulateBits(algorithm: string, key: CryptoKey): Promise<{ ciphertext: ArrayBuffer }>;
  decapsulateBits(algorithm: string, key: CryptoKey, ciphertext: ArrayBuffer): Promise<ArrayBuffer>;
}

const mlkem = "ML-KEM-768";
const ecdh = { name: "ECDH", namedCurve: "P-256" } as const;
const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export async function nativePrimitives(signedBytes: Uint8Array<ArrayBuffer>): Promise<NativePrimitives> {
  const { subtle } = crypto;
  const modern = subtle as unknown as ModernSubtle;
  const kem = await modern.generateKey(mlkem, false, ["encapsulateBits", "decapsulateBits"]);
  const { ciphertext } = await modern.encapsulateBits(mlkem, kem.publicKey);
  const curve = await subtle.generateKey(ecdh, false, ["deriveBits"]);
  const signing = await subtle.generateKey(ecdsa, false, ["sign", "verify"]);
  const signature = await subtle.sign(ecdsa, signing.privateKey, signedBytes);
  const aes = await subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const gcm = { name: "AES-GCM", iv: new Uint8Array(12) };
  const agree = (privateKey: CryptoKey) => subtle.deriveBits({ name: "ECDH", public: curve.publicKey }, privateKey, 256);
  return {
    async encapsulate() {
      await modern.encapsulateBits(mlkem, kem.publicKey);
      await agree((await subtle.generateKey(ecdh, false, ["deriveBits"])).privateKey);
    },
    async decapsulate() {
      await modern.decapsulateBits(mlkem, kem.privateKey, ciphertext);
      await agree(curve.privateKey);
    },
    sign: (bytes) => subtle.sign(ecdsa, signing.privateKey, bytes),
    verify: () => subtle.verify(ecdsa, signing.publicKey, signature, signedBytes),
    encrypt: (bytes) => subtle.encrypt(gcm, aes, bytes),
    decrypt: (bytes) => subtle.decrypt(gcm, aes, bytes),
  };
}

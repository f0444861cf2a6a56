import { expect, test } from "bun:test";
import * as HPKE from "hpke";
import { eachFlip, refusal } from "../testing/world.ts";
import draft from "../vectors/hpke-pq-draft.json" with { type: "json" };
import {
  deriveSealKeyPair,
  deriveWith,
  fallbackSuite,
  generateSealKeyPair,
  nativeSuite,
  onceItWorks,
  openSealed,
  sealTo,
} from "./hpke.ts";
import { nativeHybridKem, nativeHybridKemWorks } from "./hybrid-kem.ts";
import { randomBytes } from "./primitives.ts";

const hex = Uint8Array.fromHex;
const info = Uint8Array.of(1, 2, 3);
const secret = new Uint8Array(32).fill(7);

test("this runtime has the native KEM", async () => {
  expect(await nativeHybridKemWorks()).toBe(true);
});

test("without ML-KEM in WebCrypto (Firefox, WebKit) the native KEM says that it does not work", async () => {
  Object.defineProperty(crypto.subtle, "encapsulateBits", { value: undefined, configurable: true });
  try {
    expect(await nativeHybridKemWorks()).toBe(false);
  } finally {
    Reflect.deleteProperty(crypto.subtle, "encapsulateBits");
  }
  expect(await nativeHybridKemWorks()).toBe(true);
});

test("draft-ietf-hpke-pq-05 A.4: public key, shared secret and ciphertext", async () => {
  const kem = nativeHybridKem();
  const privateKey = await kem.DeserializePrivateKey(hex(draft.skRm), false);
  expect(privateKey.publicBytes.toHex()).toEndWith(draft.pkRmEndsWith);
  expect((await kem.Decap(hex(draft.enc), privateKey, undefined)).toHex()).toBe(draft.sharedSecret);
  const suite = new HPKE.CipherSuite(nativeHybridKem, HPKE.KDF_HKDF_SHA256, HPKE.AEAD_AES_128_GCM);
  const opened = await suite.Open(privateKey, hex(draft.enc), hex(draft.ct), { info: hex(draft.info), aad: hex(draft.aad) });
  expect(opened.toHex()).toBe(draft.pt);
});

test("native and @panva/hpke-noble derive the same key pairs and open each other's seals", async () => {
  const native = nativeSuite();
  const fallback = await fallbackSuite();
  for (let round = 0; round < 3; round++) {
    const seed = randomBytes(32);
    const { publicKey } = await deriveWith(native, seed);
    expect((await deriveWith(fallback, seed)).publicKey).toEqual(publicKey);
    for (const [sender, recipient] of [
      [native, fallback],
      [fallback, native],
    ] as const) {
      const sealed = await sender.Seal(await sender.DeserializePublicKey(publicKey), secret, { info });
      const keys = await recipient.DeriveKeyPair(seed);
      expect(await recipient.Open(keys, sealed.encapsulatedSecret, sealed.ciphertext, { info })).toEqual(secret);
    }
  }
});

test("the private key serializes to the same bytes in both", async () => {
  const seed = randomBytes(32);
  const [native, fallback] = [nativeSuite(), await fallbackSuite()];
  const serialized = await native.SerializePrivateKey((await native.DeriveKeyPair(seed, true)).privateKey);
  expect(await fallback.SerializePrivateKey((await fallback.DeriveKeyPair(seed, true)).privateKey)).toEqual(serialized);
  expect(serialized).not.toEqual(seed);
});

test("opens only with the right key, info and aad", async () => {
  const keyPair = await generateSealKeyPair();
  const sealed = await sealTo(keyPair.publicKey, info, secret, Uint8Array.of(9));
  expect(sealed.encapsulated.length).toBe(1153);
  expect(keyPair.publicKey.length).toBe(1249);
  expect(await openSealed(keyPair, info, sealed, Uint8Array.of(9))).toEqual(secret);
  expect(await openSealed(await deriveSealKeyPair(keyPair.seed), info, sealed, Uint8Array.of(9))).toEqual(secret);
  expect(await refusal(openSealed(keyPair, info, sealed))).toBe("wrong-key");
  expect(await refusal(openSealed(keyPair, Uint8Array.of(1), sealed, Uint8Array.of(9)))).toBe("wrong-key");
  expect(await refusal(openSealed(await generateSealKeyPair(), info, sealed, Uint8Array.of(9)))).toBe("wrong-key");
});

test("every flipped bit of a seal is refused", async () => {
  const keyPair = await generateSealKeyPair();
  const sealed = await sealTo(keyPair.publicKey, info, secret);
  const ofCiphertext = await eachFlip(sealed.ciphertext, (ciphertext) => openSealed(keyPair, info, { ...sealed, ciphertext }));
  expect([...ofCiphertext]).toEqual(["wrong-key"]);
  // Every byte of the encapsulation, one bit each: a round is a key derivation.
  const ofEncapsulation = await eachFlip(
    sealed.encapsulated,
    (encapsulated) => openSealed(keyPair, info, { ...sealed, encapsulated }),
    9,
  );
  expect([...ofEncapsulation]).toEqual(["wrong-key"]);
});

test("truncated and lengthened encapsulations, ciphertexts and keys are refused", async () => {
  const keyPair = await generateSealKeyPair();
  const sealed = await sealTo(keyPair.publicKey, info, secret);
  for (const change of [(b: Uint8Array) => b.slice(0, -1), (b: Uint8Array) => Uint8Array.of(...b, 0), () => new Uint8Array(0)]) {
    expect(
      await refusal(
        openSealed(keyPair, info, { ...sealed, encapsulated: change(sealed.encapsulated) as Uint8Array<ArrayBuffer> }),
      ),
    ).toBe("wrong-key");
    expect(
      await refusal(openSealed(keyPair, info, { ...sealed, ciphertext: change(sealed.ciphertext) as Uint8Array<ArrayBuffer> })),
    ).toBe("wrong-key");
    expect(await refusal(sealTo(change(keyPair.publicKey), info, secret))).toBe("malformed-key");
  }
  const offCurve = new Uint8Array(keyPair.publicKey);
  offCurve[1248] = (offCurve[1248] ?? 0) ^ 1;
  expect(await refusal(sealTo(offCurve, info, secret))).toBe("malformed-key");
  expect(await refusal(() => deriveSealKeyPair(new Uint8Array(31)))).toBe("malformed-key");
});

test("a fallback that could not be loaded (offline) is loaded again at the next use", async () => {
  let calls = 0;
  const load = onceItWorks(async () => {
    calls += 1;
    if (calls === 1) throw new TypeError("Failed to fetch dynamically imported module");
    return calls;
  });
  await expect(load()).rejects.toThrow(TypeError);
  expect([await load(), await load(), calls]).toEqual([2, 2, 2]);
});

// Everything the SDK may use of this package. No I/O, no state, no HTTP in here.
export * from "./account-log.ts";
export * from "./chain.ts";
export * from "./content.ts";
export * from "./device.ts";
export * from "./envelope.ts";
export * from "./epoch-key.ts";
export * from "./epochs.ts";
export { CryptoError, type CryptoErrorCode, cryptoErrors } from "./errors.ts";
export { deriveSealKeyPair, generateSealKeyPair, openSealed, type Sealed, type SealKeyPair, sealTo } from "./hpke.ts";
export { generateIdentity, hashIdentity, importIdentity, type SigningKey, sign, verify } from "./identity.ts";
export * from "./keyring.ts";
export * from "./local-box.ts";
export {
  type Argon2id,
  type Argon2Parameters,
  assertStrongParameters,
  derivePasswordSecrets,
  type PasswordInput,
  passwordSalt,
  type UnlockSecrets,
  wasmArgon2id,
} from "./password.ts";
export { type Bytes, concatBytes, randomBytes, sha256, zeroHash } from "./primitives.ts";
export * from "./record-chain.ts";
export * from "./recovery-key.ts";
export * from "./safety-number.ts";
export * from "./unlock-methods.ts";
export * from "./vault.ts";

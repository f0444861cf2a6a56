// Everything the SDK may use of this package. No I/O, no state, no HTTP in here.
export * from "./account-log.ts";
export * from "./chain.ts";
export * from "./content.ts";
export * from "./device.ts";
export * from "./direct-chats.ts";
export * from "./envelope.ts";
export * from "./epoch-access.ts";
export * from "./epoch-key.ts";
export {
  type Author,
  type NewRecord,
  type RecordEvidence,
  type VerifyOptions,
  verifyRecord,
  verifyRecords,
} from "./epochs.ts";
export { CryptoError, type CryptoErrorCode, cryptoErrors } from "./errors.ts";
export { FileReading, openFile, type ReadBytes, sealFile } from "./file-cipher.ts";
export { type FileHasher, type NewFileHasher, wasmFileHasher } from "./file-hash.ts";
export { blobLength, type FileSecret, fileSegmentBytes, generateFileSecret } from "./file-shape.ts";
export * from "./history-letter.ts";
export { deriveSealKeyPair, generateSealKeyPair, openSealed, type Sealed, type SealKeyPair, sealTo } from "./hpke.ts";
export { generateIdentity, hashIdentity, importIdentity, type SigningKey, sign, verify } from "./identity.ts";
export * from "./keyring.ts";
export * from "./local-box.ts";
export * from "./member-requests.ts";
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
export {
  type DerivedInvite,
  deriveInvite,
  generateInviteSecret,
  inviteFragment,
  parseInvite,
  proveInvite,
  signGuest,
} from "./room-invite.ts";
export {
  decodeRoomProfile,
  encodeRoomProfile,
  maxRoomPictureBytes,
  openRoomProfile,
  type RoomProfile,
  sealRoomProfile,
} from "./room-profile.ts";
export * from "./rooms.ts";
export * from "./safety-number.ts";
export * from "./stored-chain.ts";
export * from "./unlock-methods.ts";
export * from "./vault.ts";

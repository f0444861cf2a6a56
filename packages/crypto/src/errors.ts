// The one family of errors of this package. Messages are plain and carry neither content nor keys.
import { ProtocolError } from "@cychat/protocol";

/** Every stable code and its plain-words message. */
export const cryptoErrors = {
  "wrong-key": "This cannot be opened with this key, or it was altered.",
  "bad-signature": "A signature does not verify.",
  "broken-chain": "An entry does not follow the one before it.",
  "identity-changed": "This account's identity key is not the one known so far.",
  "unknown-device": "The device is not certified by its account.",
  "device-revoked": "The device had been revoked before it signed this.",
  "not-a-member": "The author is not a member of this conversation.",
  "not-allowed": "The change is not allowed in this conversation.",
  banned: "This account is banned from the room.",
  "already-member": "This account is a member of the room already.",
  "invite-ended": "This invite link has expired, was used up, or was withdrawn.",
  "room-deleted": "The room was deleted.",
  "rotation-missing": "The change needs a new key, and came without one.",
  "profile-mismatch": "The name and picture of the room are not the ones that its records name.",
  "wrong-conversation": "This belongs to another conversation or epoch.",
  "unknown-epoch": "This epoch is not in the records known so far.",
  "unknown-record": "The message names a record that is not known here: read the newer records, then try again.",
  "account-behind": "The account log known here is older than this. Read the newer entries, then try again.",
  "member-list-mismatch": "The member list is not the one that the record names.",
  "commitment-mismatch": "The key is not the one that the record commits to.",
  fork: "Two different versions of the same history were shown.",
  "late-epoch": "The message was placed after its epoch had closed.",
  rollback: "The server showed an older version than one already seen.",
  "weak-parameters": "The server asked for password settings outside the safe range.",
  "too-large": "This is larger than allowed.",
  "malformed-structure": "A signed or sealed structure is not well formed.",
  "malformed-key": "A key is not well formed.",
  "malformed-content": "A message's content is not well formed.",
  "malformed-padding": "The padding is not well formed.",
  "file-damaged": "This is not the file that was sent: it was altered, or a part is missing.",
  "file-changed": "The file was changed while it was read. Choose it again.",
  "recovery-unknown-word": "A word is not in the list of recovery words.",
  "recovery-wrong-length": "The recovery key is too short or too long.",
  "recovery-wrong-character": "The recovery key has a character that does not belong there.",
  "recovery-checksum": "The recovery key has a typing mistake somewhere.",
} as const;

export type CryptoErrorCode = keyof typeof cryptoErrors;

export class CryptoError extends Error {
  override readonly name = "CryptoError";
  constructor(
    readonly code: CryptoErrorCode,
    message: string = cryptoErrors[code],
    /** For the screen: the 1-based position of the wrong word or group of a recovery key. */
    readonly position?: number,
  ) {
    super(message);
  }
}

/** Runs a codec of the protocol; its refusals become this package's `malformed-structure` or `too-large`. */
export function decoded<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    // Arrays nested thousands deep exhaust the stack before the codec can say no.
    if (error instanceof RangeError) throw new CryptoError("malformed-structure");
    if (!(error instanceof ProtocolError)) throw error;
    throw new CryptoError(error.code === "too-large" ? "too-large" : "malformed-structure", error.message);
  }
}

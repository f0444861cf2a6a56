// A room's name, topic and picture, under its epoch key and bound to its records by hash (PROTOCOL.md P9.14).
import { ArrayReader, type ConversationId, encodeCbor, equalBytes, labels, limits } from "@cychat/protocol";
import { CryptoError, decoded } from "./errors.ts";
import { assertKeyLength, type Bytes, hkdfAesKey, openBox, randomBytes, sealBox, sha256 } from "./primitives.ts";

export interface RoomProfile {
  /** 1 to `limits.roomNameChars` UTF-16 code units, not only white space. */
  readonly name: string;
  /** At most `limits.roomTopicChars`; may be empty. */
  readonly topic: string;
  readonly picture: { readonly type: string; readonly bytes: Bytes } | null;
}

const saltBytes = 32;
export const maxRoomPictureBytes = 96 * 1024;
const pictureTypes = ["image/png", "image/jpeg", "image/webp"];

/** With a fresh salt, so that the hash in the records tells nobody what the name is. Throws malformed-content, too-large. */
export function encodeRoomProfile({ name, topic, picture }: RoomProfile): Bytes {
  checkProfile({ name, topic, picture });
  const fields = picture === null ? null : [picture.type, picture.bytes];
  return decoded(() => encodeCbor([randomBytes(saltBytes), name, topic, fields]));
}

/** Throws malformed-structure. */
export function decodeRoomProfile(bytes: Uint8Array): RoomProfile {
  return decoded(() => {
    const reader = ArrayReader.ofBytes(bytes, "a room's profile");
    reader.bytes(saltBytes);
    const profile = { name: reader.text(), topic: reader.text(), picture: readPicture(reader) };
    reader.end();
    try {
      checkProfile(profile);
    } catch {
      reader.fail("has fields that no room has");
    }
    return profile;
  });
}

function checkProfile({ name, topic, picture }: RoomProfile): void {
  if (name.trim() === "" || name.length > limits.roomNameChars)
    throw new CryptoError("malformed-content", "The room's name is empty or too long.");
  if (topic.length > limits.roomTopicChars) throw new CryptoError("malformed-content", "The room's topic is too long.");
  if (picture === null) return;
  if (!pictureTypes.includes(picture.type)) throw new CryptoError("malformed-content", "The picture is not PNG, JPEG or WebP.");
  if (picture.bytes.length > maxRoomPictureBytes) throw new CryptoError("too-large", "The picture is too large.");
}

function readPicture(reader: ArrayReader): RoomProfile["picture"] {
  const value = reader.value();
  if (value === null) return null;
  const fields = new ArrayReader(value, "a picture");
  const picture = { type: fields.text(), bytes: fields.bytes() };
  fields.end();
  return picture;
}

const place = (conversation: ConversationId, epoch: number) => [labels.roomProfile, conversation, epoch];

/** The box that is made anew with every epoch, of the same bytes. */
export async function sealRoomProfile(
  epochKey: Uint8Array,
  conversation: ConversationId,
  epoch: number,
  profileBytes: Uint8Array,
): Promise<Bytes> {
  assertKeyLength(epochKey);
  const info = place(conversation, epoch);
  return sealBox(await hkdfAesKey(epochKey, info), info, profileBytes);
}

/** `expectedHash`: what the records say; null before they are known. Throws wrong-key, profile-mismatch, malformed-structure. */
export async function openRoomProfile(
  epochKey: Uint8Array,
  conversation: ConversationId,
  epoch: number,
  box: Uint8Array,
  expectedHash: Bytes | null,
): Promise<{ bytes: Bytes; profile: RoomProfile }> {
  assertKeyLength(epochKey);
  const info = place(conversation, epoch);
  const bytes = await openBox(await hkdfAesKey(epochKey, info), info, box);
  if (expectedHash !== null) await checkRoomProfile(bytes, expectedHash);
  return { bytes, profile: decodeRoomProfile(bytes) };
}

/** Throws profile-mismatch. */
export async function checkRoomProfile(bytes: Uint8Array, expectedHash: Bytes): Promise<void> {
  if (!equalBytes(await sha256(bytes), expectedHash)) throw new CryptoError("profile-mismatch");
}

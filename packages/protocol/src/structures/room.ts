// What a room's records say beside its members: settings, bans, invites, pins, and the hash of its encrypted profile.
// PROTOCOL.md section 9.
import { type CborValue, cborArrayOf, encodeCbor } from "../cbor.ts";
import { AccountId, InviteId, MessageId } from "../ids.ts";
import { labels } from "../labels.ts";
import { limits } from "../limits.ts";
import { p256PublicKeyBytes } from "./account-log.ts";
import { branded } from "./envelope.ts";
import type { ArrayReader } from "./read.ts";
import type { EpochRecord, Member } from "./record.ts";

export const hybridPublicKeyBytes = 1249;

/** `open`: any member admits who asks; `approval`: an admin does; `invitation`: nobody can ask. */
export type JoinPolicy = "open" | "approval" | "invitation";
/** Who may do something: every member, or admins and owners. */
export type Right = "member" | "admin";

export interface RoomSettings {
  readonly join: JoinPolicy;
  readonly post: Right;
  readonly invite: Right;
  readonly pin: Right;
  /** Name, topic and picture. */
  readonly rename: Right;
  /** In clear: the name that people join by; null for rooms that cannot be found. */
  readonly handle: string | null;
  /** In clear, shown beside the handle. */
  readonly description: string | null;
}

export interface RoomInvite {
  readonly id: InviteId;
  /** HPKE public key: epoch keys are sealed to it as if the link were a member. */
  readonly sealKey: Uint8Array<ArrayBuffer>;
  /** ECDSA P-256 public key: signs for the account that comes in by it. */
  readonly signKey: Uint8Array<ArrayBuffer>;
  readonly expiresAtMs: number;
  /** How many people may still come in by it. */
  readonly uses: number;
}

export interface RoomPin {
  readonly messageId: MessageId;
  readonly envelopeHash: Uint8Array<ArrayBuffer>;
}

export interface RoomState {
  readonly settings: RoomSettings;
  /** SHA-256 of the room's profile plaintext, which is salted inside. */
  readonly profile: Uint8Array<ArrayBuffer>;
  /** Sorted. */
  readonly bans: readonly AccountId[];
  /** In the order of their making. */
  readonly invites: readonly RoomInvite[];
  /** In the order of pinning. */
  readonly pins: readonly RoomPin[];
  readonly isDeleted: boolean;
}

const joinPolicies = ["open", "approval", "invitation"] as const;
const rights = ["member", "admin"] as const;

export function settingsFields(settings: RoomSettings): CborValue[] {
  const { join, post, invite, pin, rename, handle, description } = settings;
  return [join, post, invite, pin, rename, handle, description];
}

export function readSettings(reader: ArrayReader): RoomSettings {
  const join = oneOf(reader, joinPolicies);
  const post = oneOf(reader, rights);
  const invite = oneOf(reader, rights);
  const pin = oneOf(reader, rights);
  const rename = oneOf(reader, rights);
  const handle = textOrNull(reader, limits.roomNameChars);
  const description = textOrNull(reader, limits.roomDescriptionChars);
  if (handle === null && join !== "invitation") reader.fail("opens a room that nobody can name");
  reader.end();
  return { join, post, invite, pin, rename, handle, description };
}

export function inviteFields({ id, sealKey, signKey, expiresAtMs, uses }: RoomInvite): CborValue[] {
  return [id, sealKey, signKey, expiresAtMs, uses];
}

export function readInvite(reader: ArrayReader): RoomInvite {
  const invite = {
    id: branded(InviteId, reader.text()),
    sealKey: reader.bytes(hybridPublicKeyBytes),
    signKey: reader.bytes(p256PublicKeyBytes),
    expiresAtMs: reader.count(),
    uses: reader.count(),
  };
  if (invite.uses < 1) reader.fail("makes an invite that nobody can use");
  return invite;
}

export function readPin(reader: ArrayReader): RoomPin {
  return { messageId: branded(MessageId, reader.text()), envelopeHash: reader.bytes(32) };
}

/** Encoded members, kept as long as the members are: of a thousand, a record changes one or two. */
const encodedMembers = new WeakMap<Member, Uint8Array>();

function encodeMember(member: Member): Uint8Array {
  let encoded = encodedMembers.get(member);
  if (encoded === undefined) {
    encoded = encodeCbor([member.account, member.identityHash, member.role, member.generation]);
    encodedMembers.set(member, encoded);
  }
  return encoded;
}

/** What a room's record names by hash: CBOR [label, members, settings, profile, bans, invites, pins, deleted]. */
export function encodeRoomState(members: readonly Member[], room: RoomState): Uint8Array<ArrayBuffer> {
  const sorted = members.toSorted((a, b) => (a.account < b.account ? -1 : 1));
  return cborArrayOf([
    encodeCbor(labels.roomState),
    cborArrayOf(sorted.map(encodeMember)),
    encodeCbor(settingsFields(room.settings)),
    encodeCbor(room.profile),
    encodeCbor([...room.bans]),
    encodeCbor(room.invites.map(inviteFields)),
    encodeCbor(room.pins.map(({ messageId, envelopeHash }) => [messageId, envelopeHash])),
    encodeCbor(room.isDeleted),
  ]);
}

/**
 * What a room's id is the SHA-256 of: its genesis without the id itself and the commitment, which depends on the id. So
 * nobody can show another first record, other first members or other settings for the same id.
 */
export function roomIdPreimage(
  genesis: Pick<EpochRecord, "author" | "device" | "authorLog" | "memberListHash" | "history">,
  changes: CborValue,
): Uint8Array<ArrayBuffer> {
  const { author, device, authorLog, memberListHash, history } = genesis;
  return encodeCbor([labels.room, author, device, [...authorLog], changes, memberListHash, history]);
}

function oneOf<T extends string>(reader: ArrayReader, words: readonly T[]): T {
  const word = reader.text();
  return words.find((known) => known === word) ?? reader.fail("has a word that this software does not know");
}

function textOrNull(reader: ArrayReader, maxChars: number): string | null {
  const text = reader.textOrNull();
  if (text !== null && (text === "" || text.length > maxChars)) reader.fail("has a text that is empty or too long");
  return text;
}

/** Accounts sorted, nobody twice. */
export function readAccount(reader: ArrayReader): AccountId {
  return branded(AccountId, reader.text());
}

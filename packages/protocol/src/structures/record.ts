// Epoch records: the signed, hash-chained log of a conversation. PROTOCOL.md section 4.
import { type CborValue, encodeCbor } from "../cbor.ts";
import { AccountId, ConversationId, DeviceId, InviteId, MessageId } from "../ids.ts";
import { labels } from "../labels.ts";
import { limits } from "../limits.ts";
import { branded } from "./envelope.ts";
import { ArrayReader } from "./read.ts";
import {
  inviteFields,
  type RoomInvite,
  type RoomPin,
  type RoomSettings,
  readAccount,
  readInvite,
  readPin,
  readSettings,
  settingsFields,
} from "./room.ts";
import { readSigned, type Signed, signedFields } from "./signed.ts";

export const recordVersion = 1;

export type Role = "member" | "admin" | "owner";

/** An account's new encryption-key generation in a room. */
export type GenerationUpdate = readonly [account: AccountId, generation: number];

/** Changes of rooms. Who may make them, and what follows from them: PROTOCOL.md section 9. */
export type RoomChange =
  /** index 0 only; the nonce makes the room's id its own. */
  | {
      readonly kind: "create-room";
      readonly nonce: Uint8Array<ArrayBuffer>;
      readonly settings: RoomSettings;
      readonly profile: Uint8Array<ArrayBuffer>;
    }
  /** Opens the next epoch, and brings the list up to the generations that its key is sealed to. */
  | { readonly kind: "renew"; readonly generations: readonly GenerationUpdate[] }
  | { readonly kind: "add"; readonly member: Member }
  /** Lets in somebody who asked; `request` is signed by one of their devices. */
  | { readonly kind: "admit"; readonly request: Signed; readonly generation: number }
  /** Somebody comes in by an invite link, whose key has signed for them; the author is the newcomer. */
  | {
      readonly kind: "join";
      readonly identityHash: Uint8Array<ArrayBuffer>;
      readonly generation: number;
      readonly invite: InviteId;
      readonly signature: Uint8Array<ArrayBuffer>;
    }
  | { readonly kind: "remove"; readonly account: AccountId; readonly ban: boolean }
  | { readonly kind: "ban" | "unban"; readonly account: AccountId }
  | { readonly kind: "leave" }
  | { readonly kind: "role"; readonly account: AccountId; readonly role: Role }
  | { readonly kind: "settings"; readonly settings: RoomSettings }
  | { readonly kind: "profile"; readonly profile: Uint8Array<ArrayBuffer> }
  | { readonly kind: "invite"; readonly invite: RoomInvite }
  | { readonly kind: "end-invite"; readonly invite: InviteId }
  | { readonly kind: "pin"; readonly pin: RoomPin }
  | { readonly kind: "unpin"; readonly messageId: MessageId }
  | { readonly kind: "delete" };

export type RecordChange =
  /** A direct chat's first record; its members are its two accounts, both owners. */
  { readonly kind: "create" } | { readonly kind: "rotate" } | RoomChange;

export interface Member {
  readonly account: AccountId;
  /** SHA-256 of the identity public key. */
  readonly identityHash: Uint8Array<ArrayBuffer>;
  readonly role: Role;
  /** The encryption-key generation the epoch key was sealed to. */
  readonly generation: number;
}

export interface EpochRecord {
  readonly conversation: ConversationId;
  /** 0, 1, 2 …: grows by one with every record. */
  readonly index: number;
  /** 1, 2, 3 …: grows by one with every new epoch key. */
  readonly epoch: number;
  /** SHA-256 of the previous record's payload; 32 zero bytes for index 0. */
  readonly prev: Uint8Array<ArrayBuffer>;
  readonly author: AccountId;
  readonly device: DeviceId;
  /** The newest entry of the author's account log: its n and SHA-256 of its payload. */
  readonly authorLog: readonly [n: number, hash: Uint8Array<ArrayBuffer>];
  readonly changes: readonly RecordChange[];
  /** SHA-256 of {@link encodeMemberList}; in a room, of `encodeRoomState`. */
  readonly memberListHash: Uint8Array<ArrayBuffer>;
  readonly history: "shared" | "joined";
  /** 32 bytes that commit to the epoch key. */
  readonly commitment: Uint8Array<ArrayBuffer>;
}

export function encodeRecord(record: EpochRecord): Uint8Array<ArrayBuffer> {
  return encodeCbor([
    recordVersion,
    record.conversation,
    record.index,
    record.epoch,
    record.prev,
    record.author,
    record.device,
    [...record.authorLog],
    record.changes.map(encodeChange),
    record.memberListHash,
    record.history,
    record.commitment,
  ]);
}

export function decodeRecord(bytes: Uint8Array): EpochRecord {
  const reader = ArrayReader.ofBytes(bytes, "a record");
  reader.literal(recordVersion);
  const conversation = branded(ConversationId, reader.text());
  const index = reader.count();
  const epoch = reader.count();
  const prev = reader.bytes(32);
  const author = branded(AccountId, reader.text());
  const device = branded(DeviceId, reader.text());
  const log = reader.array("an account-log position");
  const authorLog = [log.count(), log.bytes(32)] as const;
  log.end();
  const changes = reader.list("a change", readChange);
  const memberListHash = reader.bytes(32);
  const history = reader.text();
  if (history !== "shared" && history !== "joined") return reader.fail("has an unknown history policy");
  const commitment = reader.bytes(32);
  reader.end();
  return { conversation, index, epoch, prev, author, device, authorLog, changes, memberListHash, history, commitment };
}

/** Sorted by account, so that one membership has one encoding. */
export function encodeMemberList(members: readonly Member[]): Uint8Array<ArrayBuffer> {
  const sorted = [...members].sort((a, b) => (a.account < b.account ? -1 : 1));
  return encodeCbor([labels.memberList, sorted.map(memberFields)]);
}

export function decodeMemberList(bytes: Uint8Array): Member[] {
  const reader = ArrayReader.ofBytes(bytes, "a member list");
  reader.literal(labels.memberList);
  const members = reader.list("a member", readMember);
  if (members.length > limits.roomMembers) reader.fail("is too long");
  reader.end();
  for (let i = 1; i < members.length; i++) {
    if ((members[i - 1] as Member).account >= (members[i] as Member).account)
      reader.fail("is not sorted, or names somebody twice");
  }
  return members;
}

/** What a direct conversation's id is the SHA-256 of: the same whoever of the two starts. */
export function directConversationPreimage(a: AccountId, b: AccountId): Uint8Array<ArrayBuffer> {
  return encodeCbor([labels.direct, a < b ? [a, b] : [b, a]]);
}

export function encodeChange(change: RecordChange): CborValue {
  switch (change.kind) {
    case "create":
      return ["create", "direct"];
    case "create-room":
      return ["create", "room", change.nonce, settingsFields(change.settings), change.profile];
    case "rotate":
    case "leave":
    case "delete":
      return [change.kind];
    case "renew":
      return ["renew", change.generations.map(([account, generation]) => [account, generation])];
    case "add":
      return ["add", ...memberFields(change.member)];
    case "admit":
      return ["admit", ...signedFields(change.request), change.generation];
    case "join":
      return ["join", change.identityHash, change.generation, change.invite, change.signature];
    case "remove":
      return ["remove", change.account, change.ban];
    case "ban":
    case "unban":
      return [change.kind, change.account];
    case "role":
      return ["role", change.account, change.role];
    case "settings":
      return ["settings", settingsFields(change.settings)];
    case "profile":
      return ["profile", change.profile];
    case "invite":
      return ["invite", ...inviteFields(change.invite)];
    case "end-invite":
      return ["end-invite", change.invite];
    case "pin":
      return ["pin", change.pin.messageId, change.pin.envelopeHash];
    case "unpin":
      return ["unpin", change.messageId];
  }
}

function readChange(item: ArrayReader): RecordChange {
  const kind = item.text();
  switch (kind) {
    case "create":
      return readCreate(item);
    case "rotate":
    case "leave":
    case "delete":
      return { kind };
    case "renew":
      return { kind, generations: readGenerations(item) };
    case "add":
      return { kind, member: readMember(item) };
    case "admit":
      return { kind, request: readSigned(item), generation: item.count() };
    case "join":
      return {
        kind,
        identityHash: item.bytes(32),
        generation: item.count(),
        invite: branded(InviteId, item.text()),
        signature: item.bytes(64),
      };
    case "remove":
      return { kind, account: readAccount(item), ban: item.boolean() };
    case "ban":
    case "unban":
      return { kind, account: readAccount(item) };
    case "role":
      return { kind, account: readAccount(item), role: readRole(item) };
    case "settings":
      return { kind, settings: readSettings(item.array("settings")) };
    case "profile":
      return { kind, profile: item.bytes(32) };
    case "invite":
      return { kind, invite: readInvite(item) };
    case "end-invite":
      return { kind, invite: branded(InviteId, item.text()) };
    case "pin":
      return { kind, pin: readPin(item) };
    case "unpin":
      return { kind, messageId: branded(MessageId, item.text()) };
    default:
      return item.fail("is of a kind that this software does not know");
  }
}

function readCreate(item: ArrayReader): RecordChange {
  const conversationKind = item.text();
  if (conversationKind === "direct") return { kind: "create" };
  if (conversationKind !== "room") return item.fail("makes an unknown kind of conversation");
  const nonce = item.bytes(32);
  const settings = readSettings(item.array("settings"));
  return { kind: "create-room", nonce, settings, profile: item.bytes(32) };
}

/** Sorted by account, nobody twice. */
function readGenerations(item: ArrayReader): GenerationUpdate[] {
  const updates = item.list("a generation", (update): GenerationUpdate => [readAccount(update), update.count()]);
  for (let i = 1; i < updates.length; i++) {
    if ((updates[i - 1] as GenerationUpdate)[0] >= (updates[i] as GenerationUpdate)[0])
      item.fail("is not sorted, or names somebody twice");
  }
  return updates;
}

function memberFields({ account, identityHash, role, generation }: Member): CborValue[] {
  return [account, identityHash, role, generation];
}

function readMember(item: ArrayReader): Member {
  return { account: readAccount(item), identityHash: item.bytes(32), role: readRole(item), generation: item.count() };
}

function readRole(item: ArrayReader): Role {
  const role = item.text();
  if (role !== "member" && role !== "admin" && role !== "owner") return item.fail("has an unknown role");
  return role;
}

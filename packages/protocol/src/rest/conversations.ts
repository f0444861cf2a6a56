import * as v from "valibot";
import { AccountId, ConversationId, DeviceId, InviteId, MessageId } from "../ids.ts";
import { limits } from "../limits.ts";
import { SignedJson } from "../structures/signed.ts";
import { Person } from "./contacts.ts";
import { endpoint } from "./endpoint.ts";
import { bytesText, Count, Email, PositiveCount, QueryCount, TimeMs } from "./fields.ts";
import { VersionedBox } from "./keys.ts";
import { done } from "./user.ts";

export const EnvelopeText = bytesText(limits.envelopeBytes);

/** One numbered entry of a conversation. `at_ms` is the server's clock at the commit. */
export const MessageEntry = v.object({
  kind: v.literal("message"),
  seq: PositiveCount,
  at_ms: TimeMs,
  id: MessageId,
  sender: AccountId,
  device: DeviceId,
  envelope: EnvelopeText,
});
/** A message whose ciphertext its sender had erased; the number stays. */
export const ErasedEntry = v.object({
  kind: v.literal("erased"),
  seq: PositiveCount,
  at_ms: TimeMs,
  id: MessageId,
  sender: AccountId,
  device: DeviceId,
});
export const RecordEntry = v.object({
  kind: v.literal("record"),
  seq: PositiveCount,
  at_ms: TimeMs,
  index: Count,
  epoch: PositiveCount,
  record: SignedJson,
  /**
   * The member list that the record names by hash: of every record of a direct chat, and of a room's first one. Later lists
   * of a room follow from the changes, and this is null.
   */
  members: v.nullable(bytesText(limits.vaultBytes)),
});
export const Entry = v.variant("kind", [MessageEntry, ErasedEntry, RecordEntry]);
export type Entry = v.InferOutput<typeof Entry>;
export type MessageEntry = v.InferOutput<typeof MessageEntry>;
export type ErasedEntry = v.InferOutput<typeof ErasedEntry>;
export type RecordEntry = v.InferOutput<typeof RecordEntry>;

/** How far an account has got: everything up to and with these numbers. */
export const Receipt = v.object({ account: AccountId, delivered_seq: Count, read_seq: Count });
export type Receipt = v.InferOutput<typeof Receipt>;

/** What the server says of a room beside its entries; clients take members, roles and settings from the records. */
export const RoomFacts = v.object({
  /** The name in clear that people join by. */
  handle: v.nullable(v.string()),
  member_count: Count,
  /** Who waits to be let in. */
  pending_joins: Count,
  /** The number from which on this account may read. */
  first_seq: PositiveCount,
  /** Of a former member: the number of the record that ended the membership, and the last one to be read. */
  until_seq: v.nullable(PositiveCount),
});
export type RoomFacts = v.InferOutput<typeof RoomFacts>;

export const Conversation = v.object({
  id: ConversationId,
  kind: v.picklist(["direct", "room"]),
  /**
   * `request`: from somebody who is no contact; `ignored` and `blocked` are not listed unless asked for. `former`: of a room
   * that one left or was removed from; what was there before can still be read, until it is forgotten.
   */
  state: v.picklist(["active", "request", "ignored", "blocked", "former"]),
  /** Both sides of a direct chat; empty for rooms. */
  members: v.array(Person),
  /** Null for direct chats. */
  room: v.nullable(RoomFacts),
  last_seq: Count,
  /** Index of the newest record, and the open epoch. */
  record_index: Count,
  epoch: PositiveCount,
  /** Everybody's in direct chats and small rooms; one's own alone in others. */
  receipts: v.array(Receipt),
  /** Messages of others above this account's `read_seq`. */
  unread: Count,
  /** The newest message entry, for previews. */
  last_message: v.nullable(v.union([MessageEntry, ErasedEntry])),
  /** 0 when this account has no keyring here yet. */
  keyring_version: Count,
  changed_at_ms: TimeMs,
});
export type Conversation = v.InferOutput<typeof Conversation>;

/** An epoch key sealed to one member account, or to a live invite link (HPKE). */
export const Seal = v.strictObject({
  recipient: v.union([AccountId, InviteId]),
  /** Of the account's encryption key; 1 for an invite. */
  generation: PositiveCount,
  encapsulated: bytesText(2048),
  ciphertext: bytesText(128),
});
export type Seal = v.InferOutput<typeof Seal>;

/** The keys of earlier epochs, sealed to a newcomer, to an invite link, or to somebody whose letters were lost. */
export const HistoryLetter = v.strictObject({
  recipient: v.union([AccountId, InviteId]),
  generation: PositiveCount,
  encapsulated: bytesText(2048),
  ciphertext: bytesText(limits.historyLetterBytes),
});
export type HistoryLetter = v.InferOutput<typeof HistoryLetter>;

/** A history letter as it is kept; the record that it names is part of what it is sealed for. */
export const StoredLetter = v.object({
  record_index: Count,
  generation: PositiveCount,
  encapsulated: v.string(),
  ciphertext: v.string(),
});
export type StoredLetter = v.InferOutput<typeof StoredLetter>;

export const StoredSeal = v.object({
  epoch: PositiveCount,
  generation: PositiveCount,
  encapsulated: v.string(),
  ciphertext: v.string(),
});
export type StoredSeal = v.InferOutput<typeof StoredSeal>;

export const conversationParams = v.object({ id: ConversationId });

/** The seed's message, `content` being an envelope in base64url. */
export const SeedMessage = v.object({
  msg_id: v.string(),
  seq: PositiveCount,
  content: v.string(),
  type: v.picklist(["sent", "received"]),
  message_type: v.string(),
  media: v.nullable(v.string()),
  creation_date: v.pipe(v.string(), v.isoTimestamp()),
  id: AccountId,
  nickname: v.string(),
  email: v.string(),
});
export type SeedMessage = v.InferOutput<typeof SeedMessage>;

export const SeedSend = v.strictObject({
  receiver: Email,
  content: v.pipe(v.string(), v.maxLength(limits.frameBytes)),
  message_type: v.optional(v.picklist(["text", "media", "file"]), "text"),
  media: v.optional(v.nullable(v.string())),
});

export const conversationEndpoints = {
  sendMessage: endpoint({
    method: "POST",
    path: "/message",
    tag: "messages",
    summary: "Send an encrypted envelope to somebody; answered once it is durable",
    auth: true,
    body: SeedSend,
    response: v.object({ msg_id: MessageId, seq: PositiveCount, at_ms: TimeMs, ...done.entries }),
    status: 201,
    refusals: [
      "not-encrypted",
      "envelope-mismatch",
      "device-unknown",
      "epoch-closed",
      "rotation-due",
      "not-allowed",
      "message-id-reused",
      "not-found",
      "rate-limited",
      "overloaded",
    ],
  }),
  seedConversation: endpoint({
    method: "GET",
    path: "/conversation",
    tag: "messages",
    summary: "Messages with somebody, oldest first; `before` and `after` are `seq` numbers",
    auth: true,
    query: v.object({
      receiver: Email,
      before: v.optional(QueryCount),
      after: v.optional(QueryCount),
      limit: v.optional(v.pipe(QueryCount, v.minValue(1), v.maxValue(limits.historyPage)), "50"),
    }),
    response: v.object({ status_code: v.number(), result: v.array(SeedMessage) }),
    status: 200,
    refusals: ["not-found"],
  }),
  conversations: endpoint({
    method: "GET",
    path: "/conversations",
    tag: "conversations",
    summary: "Your conversations, newest change first; with `changed_since_ms`, those that changed since that server time",
    auth: true,
    query: v.object({
      changed_since_ms: v.optional(QueryCount),
      state: v.optional(v.picklist(["active", "request", "ignored", "blocked", "former"])),
    }),
    /** Hand `as_of_ms` back as the next `changed_since_ms`. */
    response: v.object({ conversations: v.array(Conversation), as_of_ms: TimeMs }),
    status: 200,
    refusals: [],
  }),
  conversation: endpoint({
    method: "GET",
    path: "/conversations/{id}",
    tag: "conversations",
    summary: "One conversation",
    auth: true,
    params: conversationParams,
    response: Conversation,
    status: 200,
    refusals: ["not-found"],
  }),
  entries: endpoint({
    method: "GET",
    path: "/conversations/{id}/entries",
    tag: "conversations",
    summary: "Entries in ascending order: the oldest after `after`, or the newest before `before`, or the newest",
    auth: true,
    params: conversationParams,
    query: v.object({
      after: v.optional(QueryCount),
      before: v.optional(QueryCount),
      limit: v.optional(v.pipe(QueryCount, v.minValue(1), v.maxValue(limits.historyPage)), "50"),
    }),
    response: v.object({ entries: v.array(Entry), last_seq: Count }),
    status: 200,
    refusals: ["not-found"],
  }),
  records: endpoint({
    method: "GET",
    path: "/conversations/{id}/records",
    tag: "conversations",
    summary: "The conversation's records in order, at most 100, from index `from`",
    auth: true,
    params: conversationParams,
    query: v.object({ from: v.optional(QueryCount, "0") }),
    response: v.object({ records: v.array(RecordEntry) }),
    status: 200,
    refusals: ["not-found"],
  }),
  addRecord: endpoint({
    method: "POST",
    path: "/conversations/{id}/records",
    tag: "conversations",
    summary: "Append a record (the first one makes the conversation), with its key sealed to every member",
    auth: true,
    params: conversationParams,
    maxBodyBytes: limits.recordBodyBytes,
    body: v.strictObject({
      record: SignedJson,
      /** The member list of a direct chat, and of a room's first record; null for later ones of a room. */
      members: v.nullable(bytesText(limits.vaultBytes)),
      /** Of a record that opens an epoch: one for every member, and for every live invite that may read back. */
      seals: v.pipe(v.array(Seal), v.maxLength(limits.roomMembers + limits.roomInvites)),
      /** Of a room with shared history: for whoever this record lets in, and for the invite that it makes. */
      letters: v.optional(v.pipe(v.array(HistoryLetter), v.maxLength(limits.roomMembers)), []),
      /** Of a record that opens an epoch of a room or changes its profile: the profile under the open epoch's key. */
      profile: v.optional(v.nullable(bytesText(limits.roomProfileBytes)), null),
    }),
    response: v.object({ seq: PositiveCount, index: Count, at_ms: TimeMs, ...done.entries }),
    status: 201,
    /** `record-conflict` carries `details: { records }`: those from the index that was tried. */
    refusals: [
      "record-conflict",
      "seal-missing",
      "not-allowed",
      "banned",
      "invite-ended",
      "room-exists",
      "room-full",
      "room-deleted",
      "bad-signature",
      "malformed-structure",
      "device-unknown",
      "no-keys",
      "not-found",
      "rate-limited",
    ],
  }),
  seals: endpoint({
    method: "GET",
    path: "/conversations/{id}/seals",
    tag: "conversations",
    summary: "Epoch keys sealed to you that are not in your keyring yet, one by one and as history letters",
    auth: true,
    params: conversationParams,
    response: v.object({ seals: v.array(StoredSeal), letters: v.array(StoredLetter) }),
    status: 200,
    refusals: ["not-found"],
  }),
  keyring: endpoint({
    method: "GET",
    path: "/conversations/{id}/keyring",
    tag: "conversations",
    summary: "Your keyring of this conversation",
    auth: true,
    params: conversationParams,
    response: v.object({
      keyring: v.nullable(v.object({ ...VersionedBox.entries, prev_hash: bytesText(32) })),
    }),
    status: 200,
    refusals: ["not-found"],
  }),
  putKeyring: endpoint({
    method: "PUT",
    path: "/conversations/{id}/keyring",
    tag: "conversations",
    summary: "Store your keyring (version must be the stored one plus one) and delete the seals that are now in it",
    auth: true,
    params: conversationParams,
    body: v.strictObject({
      ...VersionedBox.entries,
      /** SHA-256 of the previous ciphertext, zeros for version 1: part of the associated data. */
      prev_hash: v.pipe(bytesText(32), v.length(43)),
      epochs: v.array(PositiveCount),
      /** Record indices of history letters whose keys are all in it. */
      letters: v.optional(v.array(Count), []),
    }),
    response: done,
    status: 200,
    refusals: ["version-conflict", "not-found"],
  }),
  erase: endpoint({
    method: "POST",
    path: "/conversations/{id}/erase",
    tag: "messages",
    summary: "Erase the ciphertext of messages: those named (in a room, an admin's may be anybody's), or all that you sent",
    auth: true,
    params: conversationParams,
    body: v.union([
      v.strictObject({ ids: v.pipe(v.array(MessageId), v.minLength(1), v.maxLength(limits.deleteBatch)) }),
      v.strictObject({ all: v.literal(true) }),
    ]),
    response: v.object({ erased: Count, ...done.entries }),
    status: 200,
    refusals: ["not-found"],
  }),
} as const;

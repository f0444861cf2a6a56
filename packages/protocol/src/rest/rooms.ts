import * as v from "valibot";
import { AccountId, ConversationId, InviteId } from "../ids.ts";
import { limits } from "../limits.ts";
import { SignedJson } from "../structures/signed.ts";
import { PresenceStatus, RoomPerson } from "./contacts.ts";
import {
  conversationParams,
  HistoryLetter,
  RecordEntry,
  SeedMessage,
  SeedSend,
  StoredLetter,
  StoredSeal,
} from "./conversations.ts";
import { endpoint } from "./endpoint.ts";
import { bytesText, Count, lineOfText, PositiveCount, QueryCount, TimeMs } from "./fields.ts";
import { done } from "./user.ts";

/** The name in clear that people join an open room by. Two that differ in case only are one. */
export const RoomHandle = lineOfText(limits.roomNameChars);
const RoomDescription = v.pipe(v.string(), v.trim(), v.maxLength(limits.roomDescriptionChars));

const MemberRole = v.picklist(["member", "admin", "owner"]);

/** A room as it is listed: one's own ones, and those that can be found by name. */
export const RoomSummary = v.object({
  /** The conversation; null while a room that a script made waits for its owner's first client with keys. */
  id: v.nullable(ConversationId),
  /** Null for a room that cannot be found by name: its name is encrypted. */
  room_name: v.nullable(v.string()),
  description: v.nullable(v.string()),
  /** One's own role; null for those who are no members. */
  member_role: v.nullable(MemberRole),
  member_count: Count,
  /** How one comes in: at once (`open`), or after an admin's yes (`approval`); `invitation` is listed for members only. */
  join: v.picklist(["open", "approval", "invitation"]),
  /** One has asked to come in. `unsigned`: by a script, so that a client with keys has to ask again. */
  pending: v.picklist(["no", "unsigned", "waiting"]),
  /** SHA-256 of the newest record: what a join request names. */
  record_hash: v.nullable(v.string()),
  creation_date: v.pipe(v.string(), v.isoTimestamp()),
});
export type RoomSummary = v.InferOutput<typeof RoomSummary>;

export const RoomMember = v.object({
  ...RoomPerson.entries,
  role: MemberRole,
  presence: PresenceStatus,
  delivered_seq: Count,
  read_seq: Count,
});
export type RoomMember = v.InferOutput<typeof RoomMember>;

/** The profile under HKDF(epoch key): name, topic, picture. */
export const RoomProfileBox = v.object({ epoch: PositiveCount, ciphertext: bytesText(limits.roomProfileBytes) });
export type RoomProfileBox = v.InferOutput<typeof RoomProfileBox>;

/** The invite's key has signed CBOR [conversation, invite, account] (label `invite-open`): so the link is really there. */
const inviteProof = { conversation: ConversationId, signature: bytesText(64) };
const inviteParams = v.object({ invite: InviteId });
const accountParams = v.object({ id: ConversationId, account: AccountId });

export const roomEndpoints = {
  seedRoom: endpoint({
    method: "POST",
    path: "/room",
    tag: "rooms",
    summary: "Create (`join: 0`) or join (`join: 1`) a room by its name. Without keys it waits for your first client with keys",
    auth: true,
    body: v.strictObject({
      join: v.picklist([0, 1]),
      room_name: RoomHandle,
      description: v.optional(v.nullable(RoomDescription), null),
    }),
    response: v.object({ room: RoomSummary, ...done.entries }),
    status: 200,
    refusals: ["room-exists", "room-unknown", "room-joined", "banned", "rate-limited"],
  }),
  rooms: endpoint({
    method: "GET",
    path: "/rooms",
    tag: "rooms",
    summary: "Your rooms; with `search`, also the rooms that anybody can find whose name or description contains it",
    auth: true,
    query: v.object({ search: v.optional(v.pipe(v.string(), v.maxLength(limits.roomDescriptionChars))) }),
    response: v.object({ status_code: v.number(), result: v.array(RoomSummary) }),
    status: 200,
    refusals: ["rate-limited"],
  }),
  seedRoomMessage: endpoint({
    method: "POST",
    path: "/room/message",
    tag: "rooms",
    summary: "Send an encrypted envelope to a room, by its name or id; answered once it is durable",
    auth: true,
    body: v.strictObject({
      room: v.pipe(v.string(), v.maxLength(100)),
      content: SeedSend.entries.content,
      message_type: SeedSend.entries.message_type,
      media: SeedSend.entries.media,
    }),
    response: v.object({ msg_id: v.string(), seq: PositiveCount, at_ms: TimeMs, ...done.entries }),
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
  seedRoomConversation: endpoint({
    method: "GET",
    path: "/room/conversation",
    tag: "rooms",
    summary: "Messages of a room, by its name or id, oldest first; `before` and `after` are `seq` numbers",
    auth: true,
    query: v.object({
      room: v.pipe(v.string(), v.maxLength(100)),
      before: v.optional(QueryCount),
      after: v.optional(QueryCount),
      limit: v.optional(v.pipe(QueryCount, v.minValue(1), v.maxValue(limits.historyPage)), "50"),
    }),
    response: v.object({ status_code: v.number(), result: v.array(SeedMessage) }),
    status: 200,
    refusals: ["not-found"],
  }),

  roomMembers: endpoint({
    method: "GET",
    path: "/conversations/{id}/members",
    tag: "rooms",
    summary: "Everybody in a room and everybody banned from it, with names, presence and how far they have read",
    auth: true,
    params: conversationParams,
    response: v.object({ members: v.array(RoomMember), banned: v.array(RoomPerson) }),
    status: 200,
    refusals: ["not-found"],
  }),
  memberKeys: endpoint({
    method: "GET",
    path: "/conversations/{id}/member-keys",
    tag: "rooms",
    summary: "How far each member's account log goes; with `since_ms`, of those whose log changed since that server time",
    auth: true,
    params: conversationParams,
    query: v.object({ since_ms: v.optional(QueryCount) }),
    /** Hand `as_of_ms` back as the next `since_ms`. */
    response: v.object({
      members: v.array(v.object({ account: AccountId, log_n: Count, generation: PositiveCount })),
      as_of_ms: TimeMs,
    }),
    status: 200,
    refusals: ["not-found"],
  }),
  people: endpoint({
    method: "POST",
    path: "/people",
    tag: "rooms",
    summary: "Names and pictures of accounts that share a conversation with you, or once did",
    auth: true,
    body: v.strictObject({ accounts: v.pipe(v.array(AccountId), v.minLength(1), v.maxLength(limits.keysBatch)) }),
    response: v.object({ people: v.array(RoomPerson) }),
    status: 200,
    refusals: [],
  }),
  roomProfile: endpoint({
    method: "GET",
    path: "/conversations/{id}/profile",
    tag: "rooms",
    summary: "A room's encrypted name, topic and picture",
    auth: true,
    params: conversationParams,
    response: v.object({ profile: v.nullable(RoomProfileBox) }),
    status: 200,
    refusals: ["not-found"],
  }),
  liveEpochs: endpoint({
    method: "GET",
    path: "/conversations/{id}/epochs",
    tag: "rooms",
    summary: "The closed epochs of which some message can still be read; keys of all others can be erased",
    auth: true,
    params: conversationParams,
    response: v.object({ epochs: v.array(PositiveCount) }),
    status: 200,
    refusals: ["not-found"],
  }),
  forgetConversation: endpoint({
    method: "DELETE",
    path: "/conversations/{id}/membership",
    tag: "rooms",
    summary: "Take a room that you left, were removed from, or that was deleted off your list",
    auth: true,
    params: conversationParams,
    response: done,
    status: 200,
    refusals: ["not-found", "not-allowed"],
  }),

  requestJoin: endpoint({
    method: "POST",
    path: "/conversations/{id}/join-requests",
    tag: "rooms",
    summary: "Ask to be let into a room; a member's client answers",
    auth: true,
    params: conversationParams,
    body: v.strictObject({ request: SignedJson }),
    response: done,
    status: 201,
    refusals: [
      "not-found",
      "not-allowed",
      "banned",
      "room-joined",
      "device-unknown",
      "malformed-structure",
      "bad-signature",
      "rate-limited",
    ],
  }),
  withdrawJoin: endpoint({
    method: "DELETE",
    path: "/conversations/{id}/join-requests",
    tag: "rooms",
    summary: "Do not want in any more",
    auth: true,
    params: conversationParams,
    response: done,
    status: 200,
    refusals: ["not-found"],
  }),
  joinRequests: endpoint({
    method: "GET",
    path: "/conversations/{id}/join-requests",
    tag: "rooms",
    summary: "Who waits to be let in",
    auth: true,
    params: conversationParams,
    response: v.object({ requests: v.array(v.object({ person: RoomPerson, request: SignedJson, at_ms: TimeMs })) }),
    status: 200,
    refusals: ["not-found"],
  }),
  declineJoin: endpoint({
    method: "DELETE",
    path: "/conversations/{id}/join-requests/{account}",
    tag: "rooms",
    summary: "Turn somebody away who asked to be let in (admins)",
    auth: true,
    params: accountParams,
    response: done,
    status: 200,
    refusals: ["not-found", "not-allowed"],
  }),

  requestSeals: endpoint({
    method: "POST",
    path: "/conversations/{id}/seal-requests",
    tag: "rooms",
    summary: "Ask the other members to write lost epoch keys again",
    auth: true,
    params: conversationParams,
    body: v.strictObject({ request: SignedJson }),
    response: done,
    status: 201,
    refusals: ["not-found", "device-unknown", "malformed-structure", "bad-signature", "rate-limited"],
  }),
  putLetter: endpoint({
    method: "POST",
    path: "/conversations/{id}/letters",
    tag: "rooms",
    summary: "Answer a member's request for lost epoch keys",
    auth: true,
    params: conversationParams,
    body: v.strictObject({ ...HistoryLetter.entries, recipient: AccountId, record_index: Count }),
    response: done,
    status: 201,
    refusals: ["not-found", "seal-missing", "rate-limited"],
  }),
  leaseRotation: endpoint({
    method: "POST",
    path: "/conversations/{id}/rotation-lease",
    tag: "rooms",
    summary: "Ask to be the one device that makes the next key now; the others wait a little",
    auth: true,
    params: conversationParams,
    response: v.object({ granted: v.boolean(), retry_after_ms: Count }),
    status: 200,
    refusals: ["not-found"],
  }),

  openInvite: endpoint({
    method: "POST",
    path: "/invites/{invite}/room",
    tag: "rooms",
    summary: "What an invite link opens: the room's keys sealed to it, and its profile",
    auth: true,
    params: inviteParams,
    body: v.strictObject(inviteProof),
    response: v.object({
      conversation: ConversationId,
      member_count: Count,
      /** One is a member already. */
      is_member: v.boolean(),
      seals: v.array(StoredSeal),
      letters: v.array(StoredLetter),
      profile: v.nullable(RoomProfileBox),
    }),
    status: 200,
    refusals: ["not-found", "invite-ended", "banned", "bad-signature", "rate-limited"],
  }),
  inviteRecords: endpoint({
    method: "POST",
    path: "/invites/{invite}/records",
    tag: "rooms",
    summary: "The room's records for somebody who holds an invite link, at most 100, from index `from`",
    auth: true,
    params: inviteParams,
    body: v.strictObject({ ...inviteProof, from: Count }),
    response: v.object({ records: v.array(RecordEntry) }),
    status: 200,
    refusals: ["not-found", "invite-ended", "banned", "bad-signature", "rate-limited"],
  }),
} as const;

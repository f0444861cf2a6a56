// Every table, as Kysely sees it. Times are milliseconds since 1970; ids and hashes are the texts of the wire; bytes are bytes.

import type {
  AccountId,
  BlobId,
  ConversationId,
  DeviceId,
  InviteId,
  JoinPolicy,
  MessageId,
  Right,
  SessionId,
} from "@cychat/protocol";
import type { Generated } from "kysely";

export type Bytes = Uint8Array<ArrayBuffer>;

export interface AccountsTable {
  id: AccountId;
  /** In its normal form (`normalEmail`), unique. */
  email: string;
  nickname: string;
  /** `nickname` folded for look-ups without regard to case. */
  nickname_key: string;
  phone_number: string | null;
  user_role: "user" | "admin";
  password_hash: string;
  password_salt: Bytes;
  chat_status: Generated<"online" | "offline" | "busy" | "dnd">;
  picture_version: Generated<number>;
  /** Media type of the stored picture; null without one. */
  picture_type: string | null;
  created_at_ms: number;
  last_seen_ms: number | null;
}

export interface SessionsTable {
  id: SessionId;
  account: AccountId;
  device_name: string;
  /** The certified device this session is bound to. */
  device: DeviceId | null;
  created_at_ms: number;
  last_seen_ms: number;
  revoked_at_ms: number | null;
}

export interface RefreshTokensTable {
  /** base64url of SHA-256 of the token. */
  hash: string;
  session: SessionId;
  issued_at_ms: number;
  expires_at_ms: number;
  used_at_ms: number | null;
  successor: string | null;
}

export interface InvitesTable {
  code_hash: string;
  uses_left: number;
  expires_at_ms: number;
  created_by: AccountId;
}

export interface ContactsTable {
  account: AccountId;
  contact: AccountId;
  added_at_ms: number;
}

export interface BlocksTable {
  account: AccountId;
  blocked: AccountId;
  at_ms: number;
}

export interface AccountKeysTable {
  account: AccountId;
  wraps_payload: Bytes;
  wraps_signature: Bytes;
  wraps_version: number;
  identity_box: Bytes;
  vault_version: number;
  vault: Bytes;
  /** The newest entry of the account log: its number, and SHA-256 of its payload. */
  log_n: number;
  log_hash: Bytes;
  /** The newest encryption-key generation. */
  generation: number;
  /** When the log last grew. */
  changed_at_ms: Generated<number>;
}

export interface AccountLogTable {
  account: AccountId;
  n: number;
  payload: Bytes;
  signature: Bytes;
}

export interface DevicesTable {
  device: DeviceId;
  account: AccountId;
  /** The log entry that certified it. */
  n: number;
  /** Uncompressed P-256 point, 65 bytes. */
  public_key: Bytes;
  state: "active" | "revoked" | "expired";
}

export interface UnlockMethodsTable {
  account: AccountId;
  method: string;
  kind: "password" | "recovery" | "passkey";
  box: Bytes;
  auth_hash: string | null;
}

export interface ConversationsTable {
  id: ConversationId;
  kind: "direct" | "room";
  created_at_ms: number;
  /** Never goes back: entries, receipts, states and keyrings all move it. */
  changed_at_ms: number;
  last_seq: number;
  /** `last_seq` of the newest message; 0 without one. */
  last_message_seq: Generated<number>;
  /** Everything below was looked at by the retention job. */
  retained_from_seq: Generated<number>;
  record_index: number;
  record_hash: Bytes;
  epoch: number;
  // Of rooms only, from here on.
  join_policy: Generated<JoinPolicy | null>;
  post: Generated<Right | null>;
  invite_right: Generated<Right | null>;
  pin_right: Generated<Right | null>;
  rename_right: Generated<Right | null>;
  handle: Generated<string | null>;
  /** `handle` folded, unique; null also once the room is deleted. */
  handle_key: Generated<string | null>;
  description: Generated<string | null>;
  /** Handle and description folded, for searching. */
  search_key: Generated<string | null>;
  /** SHA-256 of the profile, as the records have it. */
  profile_hash: Generated<Bytes | null>;
  /** From where on newcomers may read under shared history. */
  shared_from_seq: Generated<number>;
  /** 1: no message before the next key. */
  rotation_owed: Generated<number>;
  is_deleted: Generated<number>;
  member_count: Generated<number>;
}

/** `former`: of a room that the account left, was removed from, or that was deleted. */
export type MemberState = "active" | "request" | "ignored" | "blocked" | "former";

export interface MembersTable {
  conversation: ConversationId;
  account: AccountId;
  role: "member" | "admin" | "owner";
  state: MemberState;
  delivered_seq: Generated<number>;
  read_seq: Generated<number>;
  /** As the newest record has it; rooms only. */
  identity_hash: Generated<Bytes | null>;
  /** As the newest record has it; rooms only. */
  generation: Generated<number | null>;
  /** The record that let the account in. */
  since_seq: Generated<number>;
  since_index: Generated<number>;
  /** From where on the account may read. */
  first_seq: Generated<number>;
  /** The record that ended the membership: the last thing to be read. Null while it lasts. */
  until_seq: Generated<number | null>;
  until_index: Generated<number | null>;
  /** Stands for the conversation's `changed_at_ms`, which a former member must not watch. */
  former_changed_at_ms: Generated<number | null>;
  /** 1: taken off the former member's list. The row stays because the others still show the name. */
  is_forgotten: Generated<number>;
}

export interface EntriesTable {
  conversation: ConversationId;
  seq: number;
  kind: "message" | "erased" | "record";
  at_ms: number;
  /** The sender's UUIDv7; `record:<index>` for a record, so that the unique index never meets a null. */
  message_id: string;
  sender: AccountId;
  device: DeviceId;
  /** Null once erased, and for records. */
  envelope: Bytes | null;
  /** SHA-256 of the envelope: kept when it is erased, so that a repetition is still recognised. */
  envelope_hash: Bytes;
}

export interface RecordsTable {
  conversation: ConversationId;
  /** The record's index (`index` is a reserved word). */
  idx: number;
  seq: number;
  epoch: number;
  at_ms: number;
  /** SHA-256 of the payload. */
  hash: Bytes;
  payload: Bytes;
  signature: Bytes;
  /** Null for later records of rooms. */
  member_list: Bytes | null;
}

export interface SealsTable {
  conversation: ConversationId;
  epoch: number;
  recipient: AccountId | InviteId;
  generation: number;
  encapsulated: Bytes;
  ciphertext: Bytes;
}

export interface KeyringsTable {
  conversation: ConversationId;
  account: AccountId;
  version: number;
  prev_hash: Bytes;
  ciphertext: Bytes;
}

/** The newest profile of a room, under the key of `epoch`. */
export interface RoomProfilesTable {
  conversation: ConversationId;
  epoch: number;
  /** The record that it came with. */
  record_index: number;
  ciphertext: Bytes;
}

export interface RoomBansTable {
  conversation: ConversationId;
  account: AccountId;
}

export interface RoomPinsTable {
  conversation: ConversationId;
  message_id: MessageId;
  envelope_hash: Bytes;
  /** Grows in the order of pinning. */
  position: number;
}

export interface RoomInvitesTable {
  conversation: ConversationId;
  invite: InviteId;
  /** HPKE public key. */
  seal_key: Bytes;
  /** Uncompressed P-256 point, 65 bytes. */
  sign_key: Bytes;
  expires_at_ms: number;
  uses_left: number;
  /** Grows in the order of making. */
  position: number;
  /** 1: used up or withdrawn; kept so that whoever holds the link is told so. */
  is_ended: Generated<number>;
}

export interface HistoryLettersTable {
  conversation: ConversationId;
  recipient: AccountId | InviteId;
  /** The record that its info names. */
  record_index: number;
  /** Who sealed it: nobody replaces a letter of somebody else. */
  author: AccountId;
  generation: number;
  encapsulated: Bytes;
  ciphertext: Bytes;
}

export interface JoinRequestsTable {
  conversation: ConversationId;
  account: AccountId;
  /** Null where a script asked: a client with keys has to ask again. */
  payload: Bytes | null;
  signature: Bytes | null;
  at_ms: number;
}

export interface SealRequestsTable {
  conversation: ConversationId;
  account: AccountId;
  payload: Bytes;
  signature: Bytes;
  at_ms: number;
}

/** What was uploaded, or is being uploaded. The bytes lie under that name in the upload folder or the bucket. */
export interface BlobsTable {
  id: BlobId;
  /** Whoever uploads it. */
  account: AccountId;
  /** Where it may be named. */
  conversation: ConversationId;
  /** As declared when the upload was made: what counts for the quotas from then on. */
  bytes: number;
  /** 1: all of them are stored. */
  is_whole: Generated<number>;
  created_at_ms: number;
  /** When the upload last went on. */
  touched_at_ms: number;
}

/** Which entry refers to a blob: one at most. */
export interface BlobRefsTable {
  blob: BlobId;
  conversation: ConversationId;
  seq: number;
}

/** Rooms made by scripts, until their owner's first client with keys opens them. */
export interface WaitingRoomsTable {
  handle_key: string;
  handle: string;
  description: string | null;
  search_key: string;
  owner: AccountId;
  created_at_ms: number;
}

/** Who wants into a waiting room. */
export interface JoinWishesTable {
  handle_key: string;
  account: AccountId;
  at_ms: number;
}

export interface Database {
  accounts: AccountsTable;
  sessions: SessionsTable;
  refresh_tokens: RefreshTokensTable;
  invites: InvitesTable;
  contacts: ContactsTable;
  blocks: BlocksTable;
  account_keys: AccountKeysTable;
  account_log: AccountLogTable;
  devices: DevicesTable;
  unlock_methods: UnlockMethodsTable;
  conversations: ConversationsTable;
  members: MembersTable;
  entries: EntriesTable;
  records: RecordsTable;
  seals: SealsTable;
  keyrings: KeyringsTable;
  room_profiles: RoomProfilesTable;
  room_bans: RoomBansTable;
  room_pins: RoomPinsTable;
  room_invites: RoomInvitesTable;
  history_letters: HistoryLettersTable;
  join_requests: JoinRequestsTable;
  seal_requests: SealRequestsTable;
  blobs: BlobsTable;
  blob_refs: BlobRefsTable;
  waiting_rooms: WaitingRoomsTable;
  join_wishes: JoinWishesTable;
}

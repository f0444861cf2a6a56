// Every table, as Kysely sees it. Times are milliseconds since 1970; ids and hashes are the texts of the wire; bytes are bytes.

import type { AccountId, ConversationId, DeviceId, SessionId } from "@cychat/protocol";
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
}

export type MemberState = "active" | "request" | "ignored" | "blocked";

export interface MembersTable {
  conversation: ConversationId;
  account: AccountId;
  role: "member" | "admin" | "owner";
  state: MemberState;
  delivered_seq: Generated<number>;
  read_seq: Generated<number>;
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
  payload: Bytes;
  signature: Bytes;
  member_list: Bytes;
}

export interface SealsTable {
  conversation: ConversationId;
  epoch: number;
  recipient: AccountId;
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
}

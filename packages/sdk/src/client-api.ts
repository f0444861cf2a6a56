// What a client offers to a screen, a bot or another tab: plain data in, plain data out (structured-cloneable), so
// that the very same interface works in one process, from a worker, and from a tab that is not the owner.
import type {
  AccountId,
  ChatStatus,
  ConversationId,
  InviteId,
  JoinPolicy,
  MessageId,
  PresenceStatus,
  Right,
  Role,
} from "@cychat/protocol";

export interface Profile {
  readonly id: AccountId;
  readonly nickname: string;
  readonly email: string;
  readonly phoneNumber: string | null;
  readonly role: "user" | "admin";
  readonly chatStatus: ChatStatus;
  readonly pictureVersion: number;
}

/** `locked`: tokens are there but the keys are not (an unlock method is needed). */
export type SessionState =
  | { readonly status: "signed-out"; readonly reason: "never" | "log-out" | "revoked" | "expired" }
  | { readonly status: "locked"; readonly profile: Profile }
  | {
      readonly status: "ready";
      readonly profile: Profile;
      readonly hasRecoveryKey: boolean;
      /** Whether the reminder for the recovery key should be shown now. */
      readonly recoveryReminderDue: boolean;
      /** The password was not used to log in and should be changed (after a log-in with the recovery key). */
      readonly shouldSetPassword: boolean;
      /** About the account as a whole: what the server showed contradicts what this device has seen. */
      readonly problem: Problem | null;
    };

/** `offline`: no network or no answer; `retryAtMs` is the next try. */
export interface ConnectionState {
  readonly status: "online" | "connecting" | "offline";
  readonly retryAtMs: number | null;
}

export interface PersonView {
  readonly id: AccountId;
  readonly nickname: string;
  readonly email: string;
  readonly pictureVersion: number;
  readonly hasKeys: boolean;
}

export interface ContactView extends PersonView {
  readonly phoneNumber: string | null;
  readonly addedAtMs: number;
  readonly presence: PresenceStatus;
  readonly lastSeenMs: number | null;
  readonly conversation: ConversationId;
}

/** Why something in a conversation is not as it should be, in the user's words, with a stable code. */
export interface Problem {
  /** e.g. `identity-changed`, `fork`, `rollback`, `bad-signature`, `gap`, `replayed`, `undecryptable`. */
  readonly code: string;
  readonly message: string;
}

/** Somebody as a room shows them: members do not see each other's addresses. */
export interface RoomPersonView {
  readonly id: AccountId;
  /** Empty until it is known. */
  readonly nickname: string;
  readonly pictureVersion: number;
}

/** What happened in a room: one line in its timeline, `actor` being who did it. */
export type SystemLine =
  | { readonly kind: "created" | "left" | "deleted"; readonly actor: RoomPersonView }
  /** `link`: by an invite link; `request`: let in by `actor` after asking; `added`: by `actor`. */
  | {
      readonly kind: "joined";
      readonly by: "link" | "request" | "added";
      readonly actor: RoomPersonView;
      readonly who: RoomPersonView;
    }
  | { readonly kind: "removed" | "banned" | "unbanned"; readonly actor: RoomPersonView; readonly who: RoomPersonView }
  /** `succeeded`: nobody made them the owner, the last one left. */
  | {
      readonly kind: "role";
      readonly role: Role;
      readonly succeeded: boolean;
      readonly actor: RoomPersonView;
      readonly who: RoomPersonView;
    }
  /** Name, topic or picture. */
  | { readonly kind: "renamed"; readonly actor: RoomPersonView }
  | { readonly kind: "settings"; readonly actor: RoomPersonView }
  | { readonly kind: "history"; readonly history: "shared" | "joined"; readonly actor: RoomPersonView }
  | { readonly kind: "invite" | "invite-ended" | "pinned" | "unpinned"; readonly actor: RoomPersonView };

/** A file to be sent. What describes it comes from whoever picked it; only `blob` is the file. */
export interface FileToSend {
  readonly name: string;
  /** Its media type, like `image/png`; empty when unknown. */
  readonly type: string;
  readonly blob: Blob;
  /** Pixels, of a picture or a video. */
  readonly width?: number;
  readonly height?: number;
  /** A small JPEG, PNG or WebP, of `limits.thumbnailBytes` at most. */
  readonly thumbnail?: Uint8Array<ArrayBuffer>;
  /** How long a recording or a video plays. */
  readonly durationMs?: number;
  /** Makes it a voice message: how loud each of 1 to `limits.waveformBars` equal parts is, 0 to 255. */
  readonly waveform?: Uint8Array<ArrayBuffer>;
}

/** A file of a message. Everything here was written by its sender: it is not to be trusted, only shown. */
export interface FileView {
  readonly name: string;
  readonly type: string;
  /** In bytes. */
  readonly size: number;
  readonly width: number | null;
  readonly height: number | null;
  readonly thumbnail: Uint8Array<ArrayBuffer> | null;
  readonly durationMs: number | null;
  /** Of a voice message. */
  readonly waveform: Uint8Array<ArrayBuffer> | null;
  /** Of an own message that waits: how much the server has, in bytes of this file; null for all others. */
  readonly uploadedBytes: number | null;
}

export interface FileQuota {
  readonly maxUploadBytes: number;
  /** Of all of this account's files together; null: as much as there is. */
  readonly quotaBytes: number | null;
  readonly usedBytes: number;
}

export interface MessageView {
  readonly id: MessageId;
  readonly conversation: ConversationId;
  /** null until the server has acknowledged it. */
  readonly seq: number | null;
  readonly sender: AccountId;
  /** How the sender is called; empty while that is not known. */
  readonly senderName: string;
  readonly senderPictureVersion: number;
  readonly mine: boolean;
  /**
   * `files`: `files`, `text` being the caption, or empty; `deleted`: its sender, or an admin, deleted it; `unreadable`: see `problem`; `unknown`: made by a newer version of CyChat;
   * `system`: no message, but what `system` says happened in the room.
   */
  readonly kind: "text" | "files" | "deleted" | "unreadable" | "unknown" | "system";
  readonly text: string;
  /** Of a message of the kind `files`; empty for others. */
  readonly files: readonly FileView[];
  /** An own message whose files wait until `setUploadPaused` lets them go on. */
  readonly isPaused: boolean;
  /** Its sender changed the text later. */
  readonly edited: boolean;
  /** Of a deleted message: who deleted it, where that was not its sender. */
  readonly deletedBy: RoomPersonView | null;
  /** Whom the text names with `@`, in its order; `all` is everybody. */
  readonly mentions: readonly (RoomPersonView | "all")[];
  readonly mentionsMe: boolean;
  readonly system: readonly SystemLine[];
  /** Own messages in rooms: how many others have read it, where that is known. */
  readonly readBy: number | null;
  /** The sender's clock, signed; for one's own unsent messages the local clock. */
  readonly sentAtMs: number;
  /** The server's clock at the commit; null until acknowledged. Order and day separators follow `seq`, then `sentAtMs`. */
  readonly atMs: number | null;
  /** For one's own messages; `sent` for those of others. */
  readonly state: "sending" | "sent" | "delivered" | "read" | "failed";
  /** Why it failed (retry or discard), or what is wrong with a received message. */
  readonly problem: Problem | null;
}

/** What one may do in a room right now. */
export interface RoomRights {
  readonly post: boolean;
  /** Add people and make invite links. */
  readonly invite: boolean;
  readonly rename: boolean;
  readonly pin: boolean;
  /** Settings, bans, join requests, other people's messages. */
  readonly moderate: boolean;
  readonly delete: boolean;
}

/**
 * How one stands to a room. `pending`: asked to be let in; `keys`: a member, but the keys have not arrived yet; `removed`,
 * `banned`, `left`: what was there before can be read.
 */
export type RoomStanding = "member" | "pending" | "keys" | "removed" | "banned" | "left" | "deleted";

export interface RoomView {
  readonly standing: RoomStanding;
  readonly topic: string;
  /** Changes with the picture; null without one. See `roomPicture`. */
  readonly picture: string | null;
  /** The name in clear that people can find the room by; null for a room that cannot be found. */
  readonly handle: string | null;
  readonly description: string | null;
  readonly join: JoinPolicy;
  readonly history: "shared" | "joined";
  readonly settings: { readonly post: Right; readonly invite: Right; readonly pin: Right; readonly rename: Right };
  readonly memberCount: number;
  /** null for those who are no members. */
  readonly myRole: Role | null;
  readonly rights: RoomRights;
  /** How many wait for somebody's yes; 0 for those who cannot give it. */
  readonly joinRequests: number;
  readonly pinned: readonly MessageId[];
}

export interface ConversationView {
  readonly id: ConversationId;
  readonly kind: "direct" | "room";
  /** `former`, `pending`: rooms that one is no member of, any more or yet (see `room.standing`). */
  readonly state: "active" | "request" | "ignored" | "blocked" | "former" | "pending";
  /** What lists and headings call it: the peer's nickname, or the room's name. */
  readonly title: string;
  /** The other side of a direct chat; null for rooms. */
  readonly peer: PersonView | null;
  /** null for direct chats. */
  readonly room: RoomView | null;
  readonly isContact: boolean;
  readonly presence: PresenceStatus;
  readonly lastSeenMs: number | null;
  readonly lastMessage: MessageView | null;
  readonly unread: number;
  /** Whether an unread message names one. */
  readonly mentioned: boolean;
  /** Everything up to and with this number was read; the unread divider stands after it. */
  readonly readSeq: number;
  /** Nicknames of those who are typing. */
  readonly typing: readonly string[];
  readonly draft: string;
  /** Shown as a banner in the conversation. */
  readonly problem: Problem | null;
  /** `true` while `problem` must be looked at (and accepted) before one may write. */
  readonly sendingBlocked: boolean;
  readonly verified: boolean;
  /** The peer has never opened the account with a client: what one writes waits here. */
  readonly peerHasNoKeys: boolean;
  /** Never rings, unless one is named. The same on all of the account's devices, as the next two. */
  readonly muted: boolean;
  readonly archived: boolean;
  readonly favourite: boolean;
  readonly changedAtMs: number;
}

export interface RoomMemberView extends RoomPersonView {
  readonly role: Role;
  readonly presence: PresenceStatus;
  readonly isContact: boolean;
  readonly isMe: boolean;
  /** What I may do with them. */
  readonly may: { readonly remove: boolean; readonly ban: boolean; readonly roles: readonly Role[] };
  /** Their keys contradict what the room's records say. */
  readonly problem: Problem | null;
}

export interface RoomPeopleView {
  /** Owners, then admins, then members; by name. */
  readonly members: readonly RoomMemberView[];
  readonly banned: readonly RoomPersonView[];
}

export interface JoinRequestView {
  readonly person: RoomPersonView;
  readonly atMs: number;
}

export interface InviteView {
  readonly id: InviteId;
  /** Only where it was made by this account. */
  readonly link: string | null;
  readonly expiresAtMs: number;
  readonly usesLeft: number;
}

/** What an invite link opens, before one comes in by it. */
export interface InvitePreview {
  readonly conversation: ConversationId;
  readonly name: string;
  readonly topic: string;
  readonly memberCount: number;
  readonly history: "shared" | "joined";
  readonly isMember: boolean;
}

/** A room that can be found by its name. */
export interface FoundRoom {
  /** null while it waits for its owner. */
  readonly conversation: ConversationId | null;
  readonly handle: string;
  readonly description: string | null;
  readonly memberCount: number;
  readonly join: JoinPolicy;
  readonly isMember: boolean;
  readonly isPending: boolean;
}

export interface NewRoom {
  /** 1 to 50 characters. For a room that can be found it is also the handle. */
  readonly name: string;
  readonly topic?: string;
  readonly picture?: RoomPicture | null;
  readonly join: JoinPolicy;
  readonly history: "shared" | "joined";
  /** Members from the start. */
  readonly people?: readonly AccountId[];
}

/** At most 96 kB. */
export interface RoomPicture {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
}

export interface SafetyNumber {
  /** 12 groups of 5 digits. */
  readonly groups: readonly string[];
  /** Text for the QR code. */
  readonly qr: string;
  readonly verified: boolean;
}

export interface RecoveryKeyView {
  readonly words: readonly string[];
  /** Grouped base32. */
  readonly base32: string;
}

export interface SessionView {
  readonly id: string;
  readonly deviceName: string;
  readonly current: boolean;
  readonly createdAtMs: number;
  readonly lastSeenMs: number;
}

export interface HistoryPage {
  /** Oldest first. */
  readonly messages: readonly MessageView[];
  readonly reachedStart: boolean;
}

/** `media`: pictures and videos; `voice`: voice messages; `other`: everything else. */
export type SharedFileKind = "media" | "voice" | "other";

export interface SharedFilesPage {
  readonly items: readonly { readonly message: MessageView; readonly index: number }[];
  /** Where the next page begins; null: that was all. */
  readonly next: string | null;
}

/**
 * Every method rejects with `ClientError` (a stable `code`, a message for people): the server's refusals, plus
 * `offline`, `wrong-password`, `wrong-recovery-key` (`details: { reason, position? }` when the text itself is wrong),
 * `password-required`, `locked`, `signed-out`, `already-signed-in`, `empty-message`, `too-long`, `sending-blocked`,
 * `not-found`, `not-yours`, `unsent-messages`, `no-recovery-key-prepared`, and `CryptoError`'s where a server is caught
 * lying (`rollback`, `fork`, `identity-changed`, `bad-signature`, `weak-parameters`).
 */
export interface ChatApi {
  session(): Promise<SessionState>;
  connection(): Promise<ConnectionState>;

  register(input: {
    nickname: string;
    email: string;
    password: string;
    phoneNumber?: string | null;
    invite?: string;
  }): Promise<void>;
  logIn(input: { email: string; password: string }): Promise<void>;
  logInWithRecoveryKey(input: { email: string; recoveryKey: string }): Promise<void>;
  /** Waits up to 10 s for unsent messages, then refuses with `unsent-messages` unless `force`. Clears everything stored here. */
  logOut(input?: { force?: boolean }): Promise<void>;
  changePassword(input: { currentPassword: string; newPassword: string }): Promise<void>;
  /** After a log-in with the recovery key. */
  setPasswordWithRecoveryKey(input: { recoveryKey: string; newPassword: string }): Promise<void>;

  /** Makes a recovery key and stores its box only at `confirmRecoveryKey`. Right after registration no password is asked. */
  prepareRecoveryKey(input?: { password?: string }): Promise<RecoveryKeyView>;
  confirmRecoveryKey(): Promise<void>;
  /** Not now: reminds again later (gently: after a day, then after three, then weekly). */
  postponeRecoveryKey(): Promise<void>;

  updateProfile(input: { nickname?: string; phoneNumber?: string | null }): Promise<void>;
  setChatStatus(status: ChatStatus): Promise<void>;
  setPicture(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  removePicture(): Promise<void>;
  /** The bytes of a picture with its media type, or null. Cached by version. */
  picture(account: AccountId, version: number): Promise<{ bytes: Uint8Array<ArrayBuffer>; type: string } | null>;
  sessions(): Promise<readonly SessionView[]>;
  revokeSession(id: string): Promise<void>;
  revokeOtherSessions(): Promise<void>;

  contacts(): Promise<readonly ContactView[]>;
  addContact(input: { email: string } | { nickname: string }): Promise<ContactView>;
  removeContact(id: AccountId): Promise<void>;
  blocked(): Promise<readonly PersonView[]>;
  block(id: AccountId): Promise<void>;
  unblock(id: AccountId): Promise<void>;

  /** Active ones and requests, newest change first. */
  conversations(): Promise<readonly ConversationView[]>;
  /** The direct conversation with somebody; it exists on the server from the first message on. */
  openDirect(account: AccountId): Promise<ConversationView>;
  answerRequest(conversation: ConversationId, action: "accept" | "ignore" | "block"): Promise<void>;

  /** From the local store, then from the server. `before`: the oldest message already shown. */
  history(conversation: ConversationId, input?: { before?: MessageId; limit?: number }): Promise<HistoryPage>;
  /**
   * Resolves once the message is safely in the outbox (also offline), with its first view (`sending`). `id`: the message's
   * name, made by the caller; asking again with the same one never sends twice. `mentions`: whom the text names.
   */
  sendText(
    conversation: ConversationId,
    text: string,
    options?: { id?: MessageId; mentions?: readonly (AccountId | "all")[] },
  ): Promise<MessageView>;
  /**
   * As `sendText`, with up to `limits.filesPerMessage` files, which are encrypted and kept here before it resolves: uploading
   * goes on after a lost connection, or a restart. `progress`: bytes of all the files that are encrypted. Rejects with
   * `file-too-large`, `quota-exceeded` (where that is known), `too-many-files`, `file-changed`, `file-unreadable`, and `cancelled` by the signal.
   */
  sendFiles(
    conversation: ConversationId,
    files: readonly FileToSend[],
    options?: {
      caption?: string;
      id?: MessageId;
      mentions?: readonly (AccountId | "all")[];
      progress?: (bytes: number) => void;
      signal?: AbortSignal;
    },
  ): Promise<MessageView>;
  /**
   * A file of a message, whole and verified: from here, or from the server. `progress`: bytes that have come. Rejects with
   * `file-damaged` for what is not the file that was sent, `file-gone` where the server has it no more, `offline`, and
   * `cancelled` by the signal; never gives a part of a file. The blob has the type `application/octet-stream`.
   */
  openFile(
    conversation: ConversationId,
    message: MessageId,
    index: number,
    options?: { progress?: (bytes: number) => void; signal?: AbortSignal },
  ): Promise<Blob>;
  /**
   * Some bytes of a file, from `from` up to, not including, `to`, without fetching the rest: for playing and seeking. Each chunk
   * is verified in its place. Who gives itself a name (`reader`) reads from 0 to the end without a hole, and gets the last bytes
   * only if the whole is what was sent; `interrupted` where what it had read is not known any more, or a hole is left. Fewer
   * bytes only where the file ends. Rejects as `openFile` does.
   */
  readFile(
    conversation: ConversationId,
    message: MessageId,
    index: number,
    options: { from: number; to: number; reader?: string; signal?: AbortSignal },
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** Holds the files of a waiting message back, or lets them go on; survives a restart. */
  setUploadPaused(message: MessageId, paused: boolean): Promise<void>;
  /**
   * The files of a conversation, newest first, as far back as this account may read. `search`: part of a name, in any case.
   * `after`: the `next` of the page before. A page may have fewer items than `limit` (at most 100), or none, and still not be
   * the last one: `next` tells.
   */
  sharedFiles(
    conversation: ConversationId,
    input?: { show?: SharedFileKind; search?: string; after?: string; limit?: number },
  ): Promise<SharedFilesPage>;
  /** What the server allows. */
  fileQuota(): Promise<FileQuota>;
  /** Replaces the text of an own message that was sent. */
  editText(
    conversation: ConversationId,
    message: MessageId,
    text: string,
    options?: { mentions?: readonly (AccountId | "all")[] },
  ): Promise<void>;
  retry(message: MessageId): Promise<void>;
  /** Takes a failed or unsent message out of the outbox. */
  discard(message: MessageId): Promise<void>;
  /** Deletes messages for everyone: one's own; in a room that one moderates, anybody's. */
  deleteMessages(conversation: ConversationId, ids: readonly MessageId[]): Promise<void>;
  deleteAllMyMessages(conversation: ConversationId): Promise<void>;
  markRead(conversation: ConversationId, seq: number): Promise<void>;
  setTyping(conversation: ConversationId, active: boolean): Promise<void>;
  setDraft(conversation: ConversationId, text: string): Promise<void>;
  setMuted(conversation: ConversationId, muted: boolean): Promise<void>;
  setArchived(conversation: ConversationId, archived: boolean): Promise<void>;
  setFavourite(conversation: ConversationId, favourite: boolean): Promise<void>;

  createRoom(input: NewRoom): Promise<ConversationView>;
  /** Rooms that can be found by name, and whose name or description contains the text. */
  findRooms(search: string): Promise<readonly FoundRoom[]>;
  /** Asks to be let into a room that can be found. The conversation is `pending` until a member's client has answered. */
  joinRoom(handle: string): Promise<ConversationView>;
  withdrawJoin(conversation: ConversationId): Promise<void>;
  openInvite(link: string): Promise<InvitePreview>;
  joinByInvite(link: string): Promise<ConversationView>;
  /** Answers once the room knows it; then it is off the list. */
  leaveRoom(conversation: ConversationId): Promise<void>;
  deleteRoom(conversation: ConversationId): Promise<void>;
  /** Takes a room that one is no member of any more off the list, with all that was kept of it. */
  forgetRoom(conversation: ConversationId): Promise<void>;
  roomPeople(conversation: ConversationId): Promise<RoomPeopleView>;
  addToRoom(conversation: ConversationId, who: { email: string } | { account: AccountId }): Promise<void>;
  removeFromRoom(conversation: ConversationId, account: AccountId, options?: { ban?: boolean }): Promise<void>;
  unban(conversation: ConversationId, account: AccountId): Promise<void>;
  setRole(conversation: ConversationId, account: AccountId, role: Role): Promise<void>;
  /** Makes somebody else the owner, and oneself an admin. */
  handOver(conversation: ConversationId, account: AccountId): Promise<void>;
  updateRoom(
    conversation: ConversationId,
    changes: { name?: string; topic?: string; picture?: RoomPicture | null },
  ): Promise<void>;
  updateRoomSettings(
    conversation: ConversationId,
    changes: {
      join?: JoinPolicy;
      history?: "shared" | "joined";
      post?: Right;
      invite?: Right;
      pin?: Right;
      rename?: Right;
      description?: string | null;
    },
  ): Promise<void>;
  roomPicture(conversation: ConversationId): Promise<RoomPicture | null>;
  /** The link of a new invite, its secret in the fragment. `expiresInMs`: at most a year. */
  createInvite(conversation: ConversationId, input: { expiresInMs: number; uses: number }): Promise<InviteView>;
  invites(conversation: ConversationId): Promise<readonly InviteView[]>;
  endInvite(conversation: ConversationId, invite: InviteId): Promise<void>;
  joinRequests(conversation: ConversationId): Promise<readonly JoinRequestView[]>;
  answerJoinRequest(conversation: ConversationId, account: AccountId, action: "admit" | "decline"): Promise<void>;
  setPinned(conversation: ConversationId, message: MessageId, pinned: boolean): Promise<void>;
  /** The pinned messages that this device can show, in the order of pinning. */
  pinnedMessages(conversation: ConversationId): Promise<readonly MessageView[]>;

  safetyNumber(conversation: ConversationId): Promise<SafetyNumber>;
  setVerified(conversation: ConversationId, verified: boolean): Promise<void>;
  /** The user has looked at a changed key and goes on with it; it is pinned from now on, unverified. */
  acceptIdentityChange(conversation: ConversationId): Promise<void>;
}

/** What changed; each event carries the whole new value of what it names, so that losing one heals with the next. */
export type ChatEvent =
  | { readonly type: "session"; readonly session: SessionState }
  | { readonly type: "connection"; readonly connection: ConnectionState }
  | { readonly type: "contacts"; readonly contacts: readonly ContactView[] }
  | { readonly type: "conversations"; readonly conversations: readonly ConversationView[] }
  /** New or changed messages of one conversation (new ones by anybody, state changes of one's own). */
  | { readonly type: "messages"; readonly conversation: ConversationId; readonly messages: readonly MessageView[] }
  | { readonly type: "removed"; readonly conversation: ConversationId; readonly ids: readonly MessageId[] }
  /** Members, roles, requests or invites of a room are others than before: read again what is shown of them. */
  | { readonly type: "room"; readonly conversation: ConversationId }
  /** A message arrived that should ring: not one's own, not from a request, not while chat status is `dnd`. */
  | { readonly type: "ring"; readonly conversation: ConversationId; readonly message: MessageView }
  /** Messages may have been missed by this listener (another tab took over): read again what is shown. */
  | { readonly type: "resync" };

/** A client, local or behind a tab boundary. */
export interface ChatClient extends ChatApi {
  /** Calls `listener` for every event until the returned function is called. */
  subscribe(listener: (event: ChatEvent) => void): () => void;
  close(): Promise<void>;
}

// What a client offers to a screen, a bot or another tab: plain data in, plain data out (structured-cloneable), so
// that the very same interface works in one process, from a worker, and from a tab that is not the owner.
import type { AccountId, ChatStatus, ConversationId, MessageId, PresenceStatus } from "@cychat/protocol";

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

export interface MessageView {
  readonly id: MessageId;
  readonly conversation: ConversationId;
  /** null until the server has acknowledged it. */
  readonly seq: number | null;
  readonly sender: AccountId;
  readonly mine: boolean;
  /** `deleted`: its sender deleted it; `unreadable`: see `problem`; `unknown`: made by a newer version of CyChat. */
  readonly kind: "text" | "deleted" | "unreadable" | "unknown";
  readonly text: string;
  /** The sender's clock, signed; for one's own unsent messages the local clock. */
  readonly sentAtMs: number;
  /** The server's clock at the commit; null until acknowledged. Order and day separators follow `seq`, then `sentAtMs`. */
  readonly atMs: number | null;
  /** For one's own messages; `sent` for those of others. */
  readonly state: "sending" | "sent" | "delivered" | "read" | "failed";
  /** Why it failed (retry or discard), or what is wrong with a received message. */
  readonly problem: Problem | null;
}

export interface ConversationView {
  readonly id: ConversationId;
  readonly kind: "direct";
  readonly state: "active" | "request" | "ignored" | "blocked";
  readonly peer: PersonView;
  readonly isContact: boolean;
  readonly presence: PresenceStatus;
  readonly lastSeenMs: number | null;
  readonly lastMessage: MessageView | null;
  readonly unread: number;
  /** Everything up to and with this number was read; the unread divider stands after it. */
  readonly readSeq: number;
  readonly typing: boolean;
  readonly draft: string;
  /** Shown as a banner in the conversation. */
  readonly problem: Problem | null;
  /** `true` while `problem` must be looked at (and accepted) before one may write. */
  readonly sendingBlocked: boolean;
  readonly verified: boolean;
  /** The peer has never opened the account with a client: what one writes waits here. */
  readonly peerHasNoKeys: boolean;
  /** Never rings. The same on all of the account's devices. */
  readonly muted: boolean;
  readonly changedAtMs: number;
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
  /** Resolves once the message is safely in the outbox (also offline), with its first view (`sending`). */
  /** `id`: the message's name, made by the caller; asking again with the same one never sends twice. */
  sendText(conversation: ConversationId, text: string, options?: { id?: MessageId }): Promise<MessageView>;
  retry(message: MessageId): Promise<void>;
  /** Takes a failed or unsent message out of the outbox. */
  discard(message: MessageId): Promise<void>;
  /** Deletes one's own messages for everyone. */
  deleteMessages(conversation: ConversationId, ids: readonly MessageId[]): Promise<void>;
  deleteAllMyMessages(conversation: ConversationId): Promise<void>;
  markRead(conversation: ConversationId, seq: number): Promise<void>;
  setTyping(conversation: ConversationId, active: boolean): Promise<void>;
  setDraft(conversation: ConversationId, text: string): Promise<void>;
  setMuted(conversation: ConversationId, muted: boolean): Promise<void>;

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

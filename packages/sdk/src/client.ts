// The client: who is signed in here, and everything a screen can ask for, handed on to the part that does it.
import type { AccountId, ChatStatus, ConversationId, MessageId } from "@cychat/protocol";
import type {
  ChatClient,
  ChatEvent,
  ConnectionState,
  ContactView,
  ConversationView,
  FileQuota,
  FoundRoom,
  HistoryPage,
  InvitePreview,
  InviteView,
  JoinRequestView,
  MessageView,
  NewRoom,
  PersonView,
  RecoveryKeyView,
  RoomPeopleView,
  RoomPicture,
  SafetyNumber,
  SessionState,
  SessionView,
  SharedFilesPage,
} from "./client-api.ts";
import { toClientError } from "./client-error.ts";
import type { Environment } from "./environment.ts";
import type { RoomActions } from "./rooms/room-actions.ts";
import { pictureOf, pinnedIn } from "./rooms/room-content.ts";
import { Session } from "./session/session.ts";
import type { SignedIn } from "./signed-in.ts";
import type { Store } from "./store/store.ts";

export interface ClientOptions {
  /** The server's address, e.g. `https://chat.example.org`. */
  readonly url: string;
  readonly store: Store;
  readonly environment: Environment;
  /** Shown in the list of sessions. */
  readonly deviceName?: string;
  /** Bugs and failing stores: for a log. Never carries content or keys. */
  readonly report?: (error: unknown) => void;
}

/** Opens a client on what its store holds: signed out, locked, or ready to be used at once, also offline. */
export async function openClient(options: ClientOptions): Promise<ChatClient> {
  return new Client(await Session.open(options));
}

class Client implements ChatClient {
  constructor(readonly own: Session) {}

  subscribe(listener: (event: ChatEvent) => void): () => void {
    return this.own.events.subscribe(listener);
  }
  async close(): Promise<void> {
    await this.own.close();
  }

  async session(): Promise<SessionState> {
    return this.own.state();
  }
  async connection(): Promise<ConnectionState> {
    return this.own.connectionState();
  }

  register(input: Parameters<ChatClient["register"]>[0]): Promise<void> {
    return refusing(() => this.own.register(input));
  }
  logIn(input: { email: string; password: string }): Promise<void> {
    return refusing(() => this.own.logIn(input));
  }
  logInWithRecoveryKey(input: { email: string; recoveryKey: string }): Promise<void> {
    return refusing(() => this.own.logInWithRecoveryKey(input));
  }
  logOut(input?: { force?: boolean }): Promise<void> {
    return refusing(() => this.own.logOut(input?.force ?? false));
  }
  changePassword(input: { currentPassword: string; newPassword: string }): Promise<void> {
    return refusing(() => this.own.changePassword(input));
  }
  setPasswordWithRecoveryKey(input: { recoveryKey: string; newPassword: string }): Promise<void> {
    return refusing(() => this.own.setPasswordWithRecoveryKey(input));
  }
  prepareRecoveryKey(input?: { password?: string }): Promise<RecoveryKeyView> {
    return refusing(() => this.own.prepareRecoveryKey(input?.password));
  }
  confirmRecoveryKey(): Promise<void> {
    return refusing(() => this.own.confirmRecoveryKey());
  }
  postponeRecoveryKey(): Promise<void> {
    return refusing(() => this.own.postponeRecoveryKey());
  }

  updateProfile(input: { nickname?: string; phoneNumber?: string | null }): Promise<void> {
    return this.#ready(({ settings }) => settings.updateProfile(input));
  }
  setChatStatus(status: ChatStatus): Promise<void> {
    return this.#ready(({ settings }) => settings.setChatStatus(status));
  }
  setPicture(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#ready(({ settings }) => settings.setPicture(bytes));
  }
  removePicture(): Promise<void> {
    return this.#ready(({ settings }) => settings.removePicture());
  }
  picture(account: AccountId, version: number): Promise<{ bytes: Uint8Array<ArrayBuffer>; type: string } | null> {
    return this.#ready(({ settings }) => settings.picture(account, version));
  }
  sessions(): Promise<readonly SessionView[]> {
    return this.#ready(({ settings }) => settings.sessions());
  }
  revokeSession(id: string): Promise<void> {
    return this.#ready(({ settings }) => settings.revokeSession(id));
  }
  revokeOtherSessions(): Promise<void> {
    return this.#ready(({ settings }) => settings.revokeOtherSessions());
  }

  contacts(): Promise<readonly ContactView[]> {
    return this.#ready(async ({ contacts }) => contacts.list());
  }
  addContact(input: { email: string } | { nickname: string }): Promise<ContactView> {
    return this.#ready(({ people }) => people.add(input));
  }
  removeContact(id: AccountId): Promise<void> {
    return this.#ready(({ contacts }) => contacts.remove(id));
  }
  blocked(): Promise<readonly PersonView[]> {
    return this.#ready(({ contacts }) => contacts.blocked());
  }
  block(id: AccountId): Promise<void> {
    return this.#ready(({ people }) => people.block(id));
  }
  unblock(id: AccountId): Promise<void> {
    return this.#ready(({ people }) => people.unblock(id));
  }

  conversations(): Promise<readonly ConversationView[]> {
    return this.#ready(async ({ directory }) => directory.views());
  }
  openDirect(account: AccountId): Promise<ConversationView> {
    return this.#ready(async ({ directory }) => directory.view(await directory.direct(account)));
  }
  answerRequest(conversation: ConversationId, action: "accept" | "ignore" | "block"): Promise<void> {
    return this.#ready(({ people }) => people.answerRequest(conversation, action));
  }

  history(conversation: ConversationId, input?: { before?: MessageId; limit?: number }): Promise<HistoryPage> {
    return this.#ready(({ messaging }) => messaging.history(conversation, input));
  }
  sendText(...[conversation, text, options]: Parameters<ChatClient["sendText"]>): Promise<MessageView> {
    return this.#ready(({ messaging }) => messaging.sendText(conversation, text, options));
  }
  sendFiles(...[conversation, files, options]: Parameters<ChatClient["sendFiles"]>): Promise<MessageView> {
    return this.#ready(async ({ fileActions }) => (await fileActions()).files.send(conversation, files, options));
  }
  openFile(...[conversation, message, index, options]: Parameters<ChatClient["openFile"]>): Promise<Blob> {
    return this.#ready(async ({ fileActions }) => (await fileActions()).downloads.open(conversation, message, index, options));
  }
  readFile(...[conversation, message, index, options]: Parameters<ChatClient["readFile"]>): Promise<Uint8Array<ArrayBuffer>> {
    return this.#ready(async ({ fileActions }) => (await fileActions()).downloads.read(conversation, message, index, options));
  }
  setUploadPaused(message: MessageId, paused: boolean): Promise<void> {
    return this.#ready(({ messaging }) => messaging.setUploadPaused(message, paused));
  }
  sharedFiles(...[conversation, input]: Parameters<ChatClient["sharedFiles"]>): Promise<SharedFilesPage> {
    return this.#ready(async ({ fileActions }) => (await fileActions()).shared.page(conversation, input));
  }
  fileQuota(): Promise<FileQuota> {
    return this.#ready(async ({ fileActions }) => (await fileActions()).files.quota());
  }
  editText(...[conversation, message, text, options]: Parameters<ChatClient["editText"]>): Promise<void> {
    return this.#ready(({ messaging }) => messaging.editText(conversation, message, text, options?.mentions));
  }
  retry(message: MessageId): Promise<void> {
    return this.#ready(({ messaging }) => messaging.retry(message));
  }
  discard(message: MessageId): Promise<void> {
    return this.#ready(({ messaging }) => messaging.discard(message));
  }
  deleteMessages(conversation: ConversationId, ids: readonly MessageId[]): Promise<void> {
    return this.#ready(({ messaging }) => messaging.deleteMessages(conversation, ids));
  }
  deleteAllMyMessages(conversation: ConversationId): Promise<void> {
    return this.#ready(({ messaging }) => messaging.deleteAllMyMessages(conversation));
  }
  markRead(conversation: ConversationId, seq: number): Promise<void> {
    return this.#ready((ready) => ready.markRead(conversation, seq));
  }
  setTyping(conversation: ConversationId, active: boolean): Promise<void> {
    return this.#ready((ready) => ready.setTyping(conversation, active));
  }
  setDraft(conversation: ConversationId, text: string): Promise<void> {
    return this.#ready((ready) => ready.setDraft(conversation, text));
  }
  setMuted(conversation: ConversationId, muted: boolean): Promise<void> {
    return this.#ready((ready) => ready.setMuted(conversation, muted));
  }

  setArchived(conversation: ConversationId, archived: boolean): Promise<void> {
    return this.#ready((ready) => ready.setArchived(conversation, archived));
  }
  setFavourite(conversation: ConversationId, favourite: boolean): Promise<void> {
    return this.#ready((ready) => ready.setFavourite(conversation, favourite));
  }

  createRoom(input: NewRoom): Promise<ConversationView> {
    return this.#room(({ rooms }) => rooms.create(input));
  }
  findRooms(search: string): Promise<readonly FoundRoom[]> {
    return this.#room(({ rooms }) => rooms.find(search));
  }
  joinRoom(handle: string): Promise<ConversationView> {
    return this.#room(({ rooms }) => rooms.join(handle));
  }
  withdrawJoin(conversation: ConversationId): Promise<void> {
    return this.#room(({ rooms }) => rooms.withdraw(conversation));
  }
  openInvite(link: string): Promise<InvitePreview> {
    return this.#room(({ invites }) => invites.preview(link));
  }
  joinByInvite(link: string): Promise<ConversationView> {
    return this.#room(({ invites }) => invites.join(link));
  }
  leaveRoom(conversation: ConversationId): Promise<void> {
    return this.#room(({ rooms }) => rooms.leave(conversation));
  }
  deleteRoom(conversation: ConversationId): Promise<void> {
    return this.#room(({ rooms }) => rooms.delete(conversation));
  }
  forgetRoom(conversation: ConversationId): Promise<void> {
    return this.#room(({ rooms }) => rooms.forget(conversation));
  }
  roomPeople(conversation: ConversationId): Promise<RoomPeopleView> {
    return this.#room(({ members }) => members.people(conversation));
  }
  addToRoom(conversation: ConversationId, who: { email: string } | { account: AccountId }): Promise<void> {
    return this.#room(({ members }) => members.add(conversation, who));
  }
  removeFromRoom(conversation: ConversationId, account: AccountId, options?: { ban?: boolean }): Promise<void> {
    return this.#room(({ members }) => members.remove(conversation, account, options));
  }
  unban(conversation: ConversationId, account: AccountId): Promise<void> {
    return this.#room(({ members }) => members.unban(conversation, account));
  }
  setRole(...[conversation, account, role]: Parameters<ChatClient["setRole"]>): Promise<void> {
    return this.#room(({ members }) => members.setRole(conversation, account, role));
  }
  handOver(conversation: ConversationId, account: AccountId): Promise<void> {
    return this.#room(({ members }) => members.handOver(conversation, account));
  }
  updateRoom(...[conversation, changes]: Parameters<ChatClient["updateRoom"]>): Promise<void> {
    return this.#room(({ rooms }) => rooms.update(conversation, changes));
  }
  updateRoomSettings(...[conversation, changes]: Parameters<ChatClient["updateRoomSettings"]>): Promise<void> {
    return this.#room(({ rooms }) => rooms.updateSettings(conversation, changes));
  }
  roomPicture(conversation: ConversationId): Promise<RoomPicture | null> {
    return this.#ready(({ directory }) => pictureOf(directory, conversation));
  }
  createInvite(conversation: ConversationId, input: { expiresInMs: number; uses: number }): Promise<InviteView> {
    return this.#room(({ invites }) => invites.create(conversation, input));
  }
  invites(conversation: ConversationId): Promise<readonly InviteView[]> {
    return this.#room(({ invites }) => invites.list(conversation));
  }
  endInvite(...[conversation, invite]: Parameters<ChatClient["endInvite"]>): Promise<void> {
    return this.#room(({ invites }) => invites.end(conversation, invite));
  }
  joinRequests(conversation: ConversationId): Promise<readonly JoinRequestView[]> {
    return this.#room(({ members }) => members.joinRequests(conversation));
  }
  answerJoinRequest(...[conversation, account, action]: Parameters<ChatClient["answerJoinRequest"]>): Promise<void> {
    return this.#room(({ members }) => members.answerJoinRequest(conversation, account, action));
  }
  setPinned(conversation: ConversationId, message: MessageId, pinned: boolean): Promise<void> {
    return this.#room(({ rooms }) => rooms.setPinned(conversation, message, pinned));
  }
  pinnedMessages(conversation: ConversationId): Promise<readonly MessageView[]> {
    return this.#ready(({ directory }) => pinnedIn(directory, conversation));
  }

  safetyNumber(conversation: ConversationId): Promise<SafetyNumber> {
    return this.#ready(({ trust }) => trust.safetyNumber(conversation));
  }
  setVerified(conversation: ConversationId, verified: boolean): Promise<void> {
    return this.#ready(({ trust }) => trust.setVerified(conversation, verified));
  }
  acceptIdentityChange(conversation: ConversationId): Promise<void> {
    return this.#ready(async (ready) => {
      await ready.trust.acceptIdentityChange(conversation);
      ready.pump();
    });
  }

  #room<T>(ask: (actions: RoomActions) => Promise<T>): Promise<T> {
    return this.#ready(async (ready) => ask(await ready.roomActions()));
  }

  #ready<T>(ask: (ready: SignedIn) => Promise<T>): Promise<T> {
    return refusing(async () => ask(this.own.ready()));
  }
}

/** Whatever goes wrong inside, a caller meets a `ClientError`. */
async function refusing<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw toClientError(error);
  }
}

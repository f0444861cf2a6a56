// The client: who is signed in here, and everything a screen can ask for, handed on to the part that does it.
import type { AccountId, ChatStatus, ConversationId, MessageId } from "@cychat/protocol";
import type {
  ChatClient,
  ChatEvent,
  ConnectionState,
  ContactView,
  ConversationView,
  HistoryPage,
  MessageView,
  PersonView,
  RecoveryKeyView,
  SafetyNumber,
  SessionState,
  SessionView,
} from "./client-api.ts";
import { toClientError } from "./client-error.ts";
import type { Environment } from "./environment.ts";
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
  sendText(conversation: ConversationId, text: string, options?: { id?: MessageId }): Promise<MessageView> {
    return this.#ready(({ messaging }) => messaging.sendText(conversation, text, options?.id));
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

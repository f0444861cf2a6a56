// A client whose account is open: everything it is made of, put together, from its start to its end.
import { type Device, verifyWraps } from "@cychat/crypto";
import { type ConversationId, endpoints, signedFromJson } from "@cychat/protocol";
import type { ChatEvent, ConnectionState, MessageView, Problem, SessionState } from "./client-api.ts";
import { ClientError, hasCode, isTransient } from "./client-error.ts";
import { Contacts } from "./contacts/contacts.ts";
import { People } from "./contacts/people.ts";
import type { Conversation } from "./conversations/conversation.ts";
import { archivedSetting, Directory, favouriteSetting, mutedSetting } from "./conversations/directory.ts";
import type { Core } from "./core.ts";
import type { Environment } from "./environment.ts";
import { EventHub } from "./event-hub.ts";
import type { FileActions } from "./files/file-actions.ts";
import { dropUnfinishedFiles } from "./files/kept-files.ts";
import { Uploads } from "./files/uploads.ts";
import { AccountDirectory } from "./keys/account-directory.ts";
import { Trust } from "./keys/trust.ts";
import { VaultKeeper, type VaultSnapshot } from "./keys/vault-keeper.ts";
import { Messaging } from "./messages/messaging.ts";
import { isWritten, Outbox } from "./outbox/outbox.ts";
import { Sender } from "./outbox/sender.ts";
import { Wire } from "./outbox/wire.ts";
import { problemOf } from "./problems.ts";
import { Names } from "./rooms/names.ts";
import type { RoomActions } from "./rooms/room-actions.ts";
import { ServerTime } from "./server-time.ts";
import { AccountSettings } from "./session/account-settings.ts";
import { bindDevice } from "./session/own-log.ts";
import { nextReminderAtMs, reminderSetting } from "./session/recovery-reminder.ts";
import { FencedStore } from "./store/fenced-store.ts";
import type { Store } from "./store/store.ts";
import { only, type SessionRecord, type StoredMessage, tables } from "./store/tables.ts";
import { Receipts } from "./sync/receipts.ts";
import { Sync } from "./sync/sync.ts";
import { Typing } from "./sync/typing.ts";
import type { Http } from "./transport/http.ts";
import { Socket, type SocketState } from "./transport/socket.ts";

export interface SignedInOptions {
  readonly environment: Environment;
  readonly store: Store;
  readonly http: Http;
  readonly events: EventHub;
  readonly session: SessionRecord;
  readonly device: Device;
  readonly vaultKey: CryptoKey;
  readonly report: (error: unknown) => void;
  /** Our own log says that this device is revoked. */
  onDeviceRevoked(): void;
}

/** A message that arrives later than this after it was sent makes no noise any more. */
const ringsForMs = 2 * 60_000;

/** So many messages of a room are told again when their senders' names come. */
const namedAgain = 200;

export class SignedIn {
  readonly core: Core;
  readonly socket: Socket;
  readonly contacts: Contacts;
  readonly outbox: Outbox;
  readonly directory: Directory;
  readonly messaging: Messaging;
  readonly fileActions: () => Promise<FileActions>;
  readonly people: People;
  readonly names: Names;
  /** Loaded when somebody first does something with a room. */
  readonly roomActions: () => Promise<RoomActions>;
  readonly trust: Trust;
  readonly settings: AccountSettings;
  readonly typing: Typing;
  readonly receipts: Receipts;
  readonly #sync: Sync;
  readonly #sender: Sender;
  readonly #wire: Wire;
  readonly #uploads: Uploads;
  #session: SessionRecord;
  #problem: Problem | null = null;
  #reminderTimer: unknown = null;
  readonly #stopTelling: () => void;

  private constructor(
    readonly options: SignedInOptions,
    readonly store: FencedStore,
    vault: VaultKeeper,
    time: ServerTime,
  ) {
    const { environment, http, device, report } = options;
    // A hub of its own, so that nothing of this account is told once it is closed.
    const events = new EventHub(environment.clock, report);
    this.#stopTelling = events.subscribe((event) => options.events.emit(event));
    this.#session = options.session;
    const me = { account: options.session.account, device };
    const accounts = new AccountDirectory({
      http,
      store,
      vault,
      now: () => time.now(),
      onChanged: (account) => this.#accountChanged(account),
      isClose: (account) =>
        account === me.account || this.contacts.get(account) !== undefined || this.directory.withPeer(account).length > 0,
      pause: () => environment.pause(),
    });
    const pause = () => environment.pause();
    this.core = { environment, store, http, events, time, me, vault, accounts, pause, report };
    this.socket = new Socket(http.socketUrl, environment, http.tokens, {
      onState: (state) => this.#socketChanged(state),
      onFrame: (frame) => {
        if (!this.#wire.take(frame)) this.#sync.take(frame);
      },
      onWelcome: (welcome) => void this.#welcomed(welcome.device).catch(report),
      onServerTime: (atMs) => time.seen(atMs),
    });
    const isOnline = () => this.socket.state.status === "online";
    const { clock } = environment;
    this.contacts = new Contacts(this.core, () => this.#listsChanged());
    this.outbox = new Outbox(store, device.id);
    this.typing = new Typing(clock, this.socket, () => this.#conversationsChanged());
    this.receipts = new Receipts(clock, this.socket);
    const ownName = () => {
      const { id, nickname, pictureVersion } = this.#session.profile;
      return { id, nickname, pictureVersion };
    };
    this.names = new Names(this.core, this.contacts, ownName, (accounts) => void this.#named(accounts).catch(report));
    this.directory = new Directory({
      core: this.core,
      contacts: this.contacts,
      names: this.names,
      outbox: this.outbox,
      typing: this.typing,
      hooks: this.#hooks(),
    });
    this.#wire = new Wire(this.socket, clock);
    this.#sender = new Sender({
      core: this.core,
      outbox: this.outbox,
      wire: this.#wire,
      isOnline,
      conversation: (id) => this.directory.find(id),
      onItem: (item) => this.#itemChanged(item.conversation, isWritten(item) ? [this.directory.unsentView(item)] : []),
      onUploadsDue: () => this.#uploads.pump(),
      bindDevice: () => bindDevice(http, device),
    });
    this.#uploads = new Uploads({
      core: this.core,
      outbox: this.outbox,
      isOnline,
      conversation: (id) => this.directory.find(id),
      onItem: (item) => this.#itemChanged(item.conversation, [this.directory.unsentView(item)]),
      onReady: (item) => this.#sender.pump(item.conversation),
    });
    const { core, directory, outbox, contacts, receipts } = this;
    this.settings = new AccountSettings(http, store, (profile) => this.update({ profile }));
    this.messaging = new Messaging({
      core,
      directory,
      outbox,
      sender: this.#sender,
      uploads: this.#uploads,
      onConversation: () => this.#conversationsChanged(),
    });
    const fileParts = { core, directory, outbox, messaging: this.messaging, uploads: this.#uploads };
    this.fileActions = loadedOnce(async () => new (await import("./files/file-actions.ts")).FileActions(fileParts));
    this.people = new People(core, contacts, directory, receipts, (id) => this.#sync.read(id));
    this.trust = new Trust(core, directory);
    const { names } = this;
    const { origin } = http;
    const roomParts = { core, directory, contacts, names, origin, read: (id: ConversationId) => this.#sync.read(id) };
    this.roomActions = loadedOnce(async () => new (await import("./rooms/room-actions.ts")).RoomActions(roomParts));
    this.#sync = new Sync({
      core,
      names,
      roomActions: this.roomActions,
      onRoom: (conversation) => this.#roomChanged(conversation),
      directory,
      contacts,
      receipts,
      isOnline,
      typing: this.typing,
      sender: this.#sender,
      refreshAccount: () => this.#refreshAccount(),
      refreshProfile: () => this.settings.refreshProfile(),
      onReceipt: (conversation, before) => void this.#receiptChanged(conversation, before).catch(report),
    });
  }

  /** Opens what is stored; nothing is asked of the server. */
  static async open(options: SignedInOptions, snapshot?: VaultSnapshot): Promise<SignedIn | null> {
    const { http, environment, vaultKey, session } = options;
    const store = new FencedStore(options.store);
    const synced = await tables.sync.read(store, "", only);
    const time = new ServerTime(environment.clock, synced?.clockOffsetMs ?? 0);
    let opened: SignedIn | null = null;
    const vaultOptions = {
      http,
      store,
      vaultKey,
      account: session.account,
      now: () => time.now(),
      onChanged: () => {
        opened?.vaultChanged();
        // What fails for want of a connection is done at the next one: then every log is read again before it is used.
        opened?.core.accounts.catchUpWithPins().catch(() => {});
      },
    };
    const vault = snapshot === undefined ? await VaultKeeper.load(vaultOptions) : new VaultKeeper(vaultOptions, snapshot);
    if (vault === undefined) return null;
    opened = new SignedIn(options, store, vault, time);
    await opened.core.accounts.load();
    await opened.contacts.load();
    await opened.names.load();
    await opened.outbox.load();
    await opened.directory.load();
    await opened.#sync.load();
    await dropUnfinishedFiles(store);
    return opened;
  }

  start(): void {
    this.socket.start();
    this.#watchReminder();
  }

  /** Resolves once nothing of this account is written any more. */
  async close(): Promise<void> {
    this.#stopTelling();
    this.core.events.close();
    this.#sync.close();
    this.#sender.close();
    this.#uploads.close();
    this.names.close();
    this.receipts.close();
    this.socket.stop();
    this.#wire.disconnected();
    this.typing.disconnected();
    const { clock } = this.core.environment;
    if (this.#reminderTimer !== null) clock.clearTimeout(this.#reminderTimer);
    await this.store.close();
  }

  get session(): SessionRecord {
    return this.#session;
  }

  sessionState(): SessionState {
    const { profile, hasRecoveryKey, shouldSetPassword } = this.#session;
    const isDue = !hasRecoveryKey && this.#reminderAtMs() <= this.core.time.now();
    return { status: "ready", profile, hasRecoveryKey, recoveryReminderDue: isDue, shouldSetPassword, problem: this.#problem };
  }

  connectionState(): ConnectionState {
    const { state } = this.socket;
    if (state.status === "online" || state.status === "connecting") return { status: state.status, retryAtMs: null };
    return { status: "offline", retryAtMs: state.status === "waiting" ? state.retryAtMs : null };
  }

  async update(changes: Partial<SessionRecord>): Promise<void> {
    this.#session = { ...this.#session, ...changes };
    await this.core.store.write([tables.session.put("", only, this.#session)]);
    this.#emitSession();
  }

  vaultChanged(): void {
    this.#sync.dropLeft().catch(() => {});
    this.#emitSession();
    this.#watchReminder();
    this.#listsChanged();
  }

  isMuted(id: ConversationId): boolean {
    return this.core.vault.setting(mutedSetting(id)) === true;
  }

  async setMuted(id: ConversationId, muted: boolean): Promise<void> {
    this.directory.get(id);
    await this.core.vault.setSetting(mutedSetting(id), muted);
    this.#conversationsChanged();
  }

  async setArchived(id: ConversationId, archived: boolean): Promise<void> {
    this.directory.get(id);
    await this.core.vault.setSetting(archivedSetting(id), archived);
    this.#conversationsChanged();
  }

  async setFavourite(id: ConversationId, favourite: boolean): Promise<void> {
    this.directory.get(id);
    await this.core.vault.setSetting(favouriteSetting(id), favourite);
    this.#conversationsChanged();
  }

  async markRead(id: ConversationId, seq: number): Promise<void> {
    const conversation = this.directory.get(id);
    const readSeq = Math.min(seq, conversation.record.toSeq);
    if (readSeq <= conversation.record.readSeq) return;
    await conversation.patch({ readSeq, ...(readSeq === conversation.record.toSeq ? { unread: 0 } : {}) });
    this.receipts.due(conversation);
    await conversation.recount();
  }

  /** Strangers whose request was not accepted do not learn that somebody is there. */
  async setTyping(id: ConversationId, active: boolean): Promise<void> {
    const { record } = this.directory.get(id);
    if (record.created && record.state === "active") this.typing.set(id, active);
  }

  async setDraft(id: ConversationId, text: string): Promise<void> {
    await this.directory.setDraft(id, text);
    this.#conversationsChanged();
  }

  /** Sends what waits, now that whatever it waited for is there. */
  pump(): void {
    this.#sender.pumpAll();
  }

  async #welcomed(device: string | null): Promise<void> {
    try {
      if (device !== this.core.me.device.id) await bindDevice(this.core.http, this.core.me.device);
    } catch (error) {
      if (!isTransient(error)) throw error;
    }
    await this.#sync.connected();
  }

  /** Own log, vault and unlock methods, as the server shows them now. What contradicts the past is told, and not taken. */
  async #refreshAccount(): Promise<void> {
    const { http, accounts, vault, me } = this.core;
    const seen = { vault: vault.version, wraps: this.#session.wrapsVersion };
    const [keys] = await Promise.all([http.call(endpoints.ownKeys), this.settings.refreshProfile()]);
    try {
      const own = await accounts.take(me.account, keys.log.map(signedFromJson));
      const mine = own.devices.get(me.device.id);
      if (mine !== undefined && mine.state === "revoked") return this.options.onDeviceRevoked();
      await vault.take(keys.vault, seen.vault);
      const statement = await verifyWraps({
        account: me.account,
        identityKey: own.identityKey,
        statement: signedFromJson(keys.wraps),
        seenVersion: seen.wraps,
      });
      const hasRecoveryKey = statement.wraps.some((wrap) => wrap.kind === "recovery");
      if (
        statement.version > this.#session.wrapsVersion ||
        (statement.version === this.#session.wrapsVersion && hasRecoveryKey !== this.#session.hasRecoveryKey)
      ) {
        await this.update({ hasRecoveryKey, wrapsVersion: statement.version });
      }
      this.#setProblem(accounts.problem(me.account));
    } catch (error) {
      if (isTransient(error) || hasCode(error, "signed-out")) throw error;
      this.#setProblem(problemOf(error));
    }
  }

  #setProblem(problem: Problem | null): void {
    if (problem?.code === this.#problem?.code) return;
    this.#problem = problem;
    this.#emitSession();
  }

  #hooks() {
    return {
      settle: (messages: readonly StoredMessage[]) =>
        this.outbox.settle(this.core.me.account, messages, this.core.environment.clock.now()),
      onMessages: (conversation: Conversation, changed: readonly StoredMessage[], added: readonly StoredMessage[]) =>
        this.#messagesChanged(conversation, changed, added),
      onChanged: () => this.#conversationsChanged(),
      onRoom: (conversation: Conversation) => this.#roomChanged(conversation),
    };
  }

  #roomChanged(conversation: Conversation): void {
    this.#emit({ type: "room", conversation: conversation.id });
    this.#conversationsChanged();
    this.#sender.pump(conversation.id);
  }

  /** Messages that were shown without a name, or with an old one, are told once more. */
  async #named(accounts: ReadonlySet<string>): Promise<void> {
    for (const conversation of this.directory.rooms()) {
      const { fromSeq, toSeq } = conversation.record;
      if (toSeq < fromSeq) continue;
      const isNamed = ({ kind, sender, events }: StoredMessage) =>
        kind !== "control" &&
        (accounts.has(sender) || (events?.some((event) => "who" in event && accounts.has(event.who)) ?? false));
      const messages = await conversation.history.newestBefore(toSeq + 1, fromSeq, namedAgain, isNamed);
      const views = this.directory.messageViews(conversation, messages.reverse());
      if (views.length > 0) this.#emit({ type: "messages", conversation: conversation.id, messages: views });
      this.#emit({ type: "room", conversation: conversation.id });
    }
    this.#conversationsChanged();
  }

  #messagesChanged(conversation: Conversation, changed: readonly StoredMessage[], added: readonly StoredMessage[]): void {
    const { record } = conversation;
    const views = this.directory.messageViews(conversation, changed);
    if (views.length > 0) this.#itemChanged(conversation.id, views);
    const theirs = added.filter((message) => message.sender !== this.core.me.account);
    if (theirs.length > 0) this.receipts.due(conversation);
    for (const { kind, sender } of theirs) if (kind !== "control") this.typing.take(conversation.id, sender, false);
    const isNews = (message: StoredMessage) =>
      (message.kind === "text" || message.kind === "files") && message.seq > record.readSeq;
    const me = this.core.me.account;
    const names = (message: StoredMessage) => message.mentions?.some((mention) => mention === "all" || mention === me) === true;
    const isMuted = this.isMuted(record.id);
    // Whoever is named hears of it, also in a room that is muted.
    const newest = theirs.findLast((message) => isNews(message) && (!isMuted || names(message)));
    if (newest === undefined || record.state !== "active") return;
    if (this.#session.profile.chatStatus === "dnd") return;
    // What was missed for long is counted, not rung for.
    if (this.core.time.now() - newest.atMs > ringsForMs) return;
    this.#emit({ type: "ring", conversation: record.id, message: this.directory.messageView(conversation, newest) });
  }

  /** The peer has got further: own messages up to there are shown as delivered, or read. */
  async #receiptChanged(conversation: Conversation, before: { readSeq: number; deliveredSeq: number }): Promise<void> {
    const { peerReadSeq, peerDeliveredSeq, fromSeq, toSeq } = conversation.record;
    const to = conversation.isRoom ? toSeq : Math.max(peerReadSeq, peerDeliveredSeq);
    const from = Math.max(fromSeq, Math.min(before.readSeq, before.deliveredSeq) + 1, to - (conversation.isRoom ? 100 : 500));
    const isMine = ({ sender, kind }: StoredMessage) =>
      sender === this.core.me.account && kind !== "control" && kind !== "system";
    const mine = await conversation.history.newestBefore(to + 1, from, Number.POSITIVE_INFINITY, isMine);
    if (mine.length > 0) this.#itemChanged(conversation.id, this.directory.messageViews(conversation, mine.reverse()));
  }

  #itemChanged(conversation: ConversationId, messages: readonly MessageView[]): void {
    if (messages.length > 0) this.#emit({ type: "messages", conversation, messages });
    this.#conversationsChanged();
  }

  #accountChanged(account: string): void {
    if (account === this.core.me.account) return;
    this.#conversationsChanged();
    for (const conversation of this.directory.all()) {
      if (conversation.peer !== account && !(conversation.isRoom && conversation.record.unreadable.length > 0)) continue;
      conversation.heal().catch(() => {});
      this.#sender.pump(conversation.id);
    }
  }

  #socketChanged(state: SocketState): void {
    if (state.status !== "online") {
      this.#wire.disconnected();
      this.typing.disconnected();
    } else this.#uploads.pump();
    this.#emit({ type: "connection", connection: this.connectionState() });
  }

  #listsChanged(): void {
    this.core.accounts.keepClose().catch(this.core.report);
    this.core.events.soon("contacts", async () => ({ type: "contacts", contacts: this.contacts.list() }));
    this.#conversationsChanged();
  }

  #conversationsChanged(): void {
    this.core.events.soon("conversations", async () => ({ type: "conversations", conversations: this.directory.views() }));
  }

  #emitSession(): void {
    this.#emit({ type: "session", session: this.sessionState() });
  }

  #emit(event: ChatEvent): void {
    this.core.events.emit(event);
  }

  #reminderAtMs(): number {
    return nextReminderAtMs(this.core.vault.setting(reminderSetting));
  }

  /** Tells the session again when the reminder becomes due. */
  #watchReminder(): void {
    const { clock } = this.core.environment;
    if (this.#reminderTimer !== null) clock.clearTimeout(this.#reminderTimer);
    this.#reminderTimer = null;
    const leftMs = this.#reminderAtMs() - this.core.time.now();
    // Timers hold 24 days at most; a reminder lies a week away at most.
    if (leftMs > 0) this.#reminderTimer = clock.setTimeout(() => this.vaultChanged(), leftMs);
  }
}

/** A part of the client that is fetched when it is first needed. Rejects with offline where it is out of reach; the next one tries again. */
function loadedOnce<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | null = null;
  return () => {
    loaded ??= load().catch(() => {
      loaded = null;
      throw new ClientError("offline");
    });
    return loaded;
  };
}

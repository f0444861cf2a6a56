// What the screens read: the client's events as runes. Nothing here decides anything; the SDK does.
import type {
  ChatClient,
  ChatEvent,
  ConnectionState,
  ContactView,
  ConversationView,
  MessageView,
  Profile,
  SessionState,
} from "@cychat/sdk";
import { rooms } from "../strings/rooms.ts";
import { isDirect } from "./kinds.ts";
import { RoomPeople } from "./room-people.svelte.ts";
import { Timeline } from "./timeline.svelte.ts";
import type { AccountId, ConversationId, MessageId } from "./types.ts";

const keptTimelines = 24;

/** What became of messages of a conversation. */
export interface MessageChanges {
  readonly messages: readonly MessageView[];
  readonly removed: readonly MessageId[];
  /** Some may have been missed: what is shown is read again. */
  readonly isPartial: boolean;
}

class ChatState {
  client!: ChatClient;
  session: SessionState | null = $state.raw(null);
  connection: ConnectionState = $state.raw({ status: "connecting", retryAtMs: null });
  contacts: readonly ContactView[] = $state.raw([]);
  conversations: readonly ConversationView[] = $state.raw([]);
  /** Whether the lists have been read once; before that an empty list says nothing. */
  listed = $state(false);
  /** Stays true from losing the connection until it is back, so that the banner does not flicker with each try. */
  offline = $state(false);

  readonly profile: Profile | null = $derived(this.session && "profile" in this.session ? this.session.profile : null);
  /** The one that is looked at, also where the list has it not: before its first message, or once it is blocked. */
  #opened: ConversationView | null = $state.raw(null);
  readonly #byId = $derived(new Map(this.conversations.map((item) => [item.id, item])));
  readonly #shown: readonly ConversationView[] = $derived.by(() => {
    const known = this.conversations.filter(({ state }) => state === "active" || state === "pending" || state === "former");
    const opened = this.#opened;
    return opened?.state === "active" && isDirect(opened) && !this.#byId.has(opened.id) ? [opened, ...known] : known;
  });
  readonly requests: readonly ConversationView[] = $derived(this.conversations.filter((item) => item.state === "request"));
  readonly archived: readonly ConversationView[] = $derived(this.#shown.filter((item) => item.archived));
  readonly favourites: readonly ConversationView[] = $derived(this.#shown.filter((item) => item.favourite && !item.archived));
  readonly others: readonly ConversationView[] = $derived(this.#shown.filter((item) => !item.favourite && !item.archived));
  /** As they stand in the list, from its top to its end; archived ones stand behind a door of their own. */
  readonly inOrder: readonly ConversationView[] = $derived([...this.favourites, ...this.others]);
  /** Muted and archived chats do not count, unless somebody names one there. */
  readonly unread: number = $derived(this.#shown.reduce((sum, item) => sum + countOf(item), 0));

  readonly #timelines = new Map<ConversationId, Timeline>();
  readonly #people = new Map<ConversationId, RoomPeople>();
  readonly #roomListeners = new Set<(conversation: ConversationId) => void>();
  readonly #accountListeners = new Set<() => void>();
  readonly #messageListeners = new Map<ConversationId, Set<(changes: MessageChanges) => void>>();
  readonly #ringListeners = new Set<(conversation: ConversationId, message: MessageView) => void>();

  async start(client: ChatClient): Promise<void> {
    this.client = client;
    client.subscribe((event) => this.#apply(event));
    // The browser knows of a lost network before any request fails.
    addEventListener("offline", () => {
      this.offline = true;
    });
    addEventListener("online", async () => this.#setConnection(await client.connection()));
    const [session, connection] = await Promise.all([client.session(), client.connection()]);
    this.#setConnection(connection);
    await this.#setSession(session);
  }

  conversation(id: ConversationId): ConversationView | null {
    return this.#byId.get(id) ?? (this.#opened?.id === id ? this.#opened : null);
  }

  contact(id: AccountId): ContactView | null {
    return this.contacts.find((contact) => contact.id === id) ?? null;
  }

  /** The direct chat with somebody, ready to be shown. */
  async openDirect(account: AccountId): Promise<ConversationView> {
    const view = await this.client.openDirect(account);
    this.#opened = view;
    return view;
  }

  /** A screen shows it: a direct chat stays there when it leaves the list. */
  stayWith(view: ConversationView): void {
    this.#opened = isDirect(view) ? view : null;
  }

  /** A room that was just made or joined, ready to be shown before the list has it. */
  enter(view: ConversationView): void {
    if (!this.#byId.has(view.id)) this.conversations = [view, ...this.conversations];
  }

  /** What is not in the list is in no event: it is read when something changed. */
  async #readOpened(): Promise<void> {
    const opened = this.#opened;
    if (opened === null || !isDirect(opened) || this.#byId.has(opened.id)) return;
    const view = await this.client.openDirect(opened.peer.id).catch(() => null);
    if (view?.id === this.#opened?.id) this.#opened = view;
  }

  /** The messages of a conversation; the last few are kept, so that going back to one paints at once. */
  timeline(id: ConversationId): Timeline {
    const known = this.#timelines.get(id);
    const timeline = known ?? new Timeline(this.client, id);
    this.#timelines.delete(id);
    this.#timelines.set(id, timeline);
    for (const oldest of this.#timelines.keys()) {
      if (this.#timelines.size <= keptTimelines) break;
      this.#timelines.delete(oldest);
    }
    return timeline;
  }

  /** Who is in a room; one object for all screens that show it. */
  people(id: ConversationId): RoomPeople {
    const people = this.#people.get(id) ?? new RoomPeople(this.client, id);
    this.#people.set(id, people);
    return people;
  }

  /** Hears of rooms whose members, requests or invites changed. */
  onRoom(listener: (conversation: ConversationId) => void): () => void {
    this.#roomListeners.add(listener);
    return () => this.#roomListeners.delete(listener);
  }

  /** Hears of new, changed and removed messages of a conversation. */
  onMessages(conversation: ConversationId, listener: (changes: MessageChanges) => void): () => void {
    const listeners = this.#messageListeners.get(conversation) ?? new Set();
    this.#messageListeners.set(conversation, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#messageListeners.delete(conversation);
    };
  }

  /** Hears when nobody is logged in any more, or somebody else: what was theirs is let go of. */
  onOtherAccount(listener: () => void): () => void {
    this.#accountListeners.add(listener);
    return () => this.#accountListeners.delete(listener);
  }

  onRing(listener: (conversation: ConversationId, message: MessageView) => void): () => void {
    this.#ringListeners.add(listener);
    return () => this.#ringListeners.delete(listener);
  }

  #apply(event: ChatEvent): void {
    switch (event.type) {
      case "session":
        void this.#setSession(event.session);
        break;
      case "connection":
        this.#setConnection(event.connection);
        break;
      case "contacts":
        this.contacts = event.contacts;
        void this.#readOpened();
        break;
      case "conversations":
        this.#take(event.conversations);
        void this.#readOpened();
        break;
      case "messages":
        this.#timelines.get(event.conversation)?.apply(event.messages);
        this.#tell(event.conversation, { messages: event.messages });
        break;
      case "removed":
        this.#timelines.get(event.conversation)?.remove(event.ids);
        this.#tell(event.conversation, { removed: event.ids });
        break;
      case "room":
        this.#people.get(event.conversation)?.changed();
        for (const listener of this.#roomListeners) listener(event.conversation);
        break;
      case "ring":
        for (const listener of this.#ringListeners) listener(event.conversation, event.message);
        break;
      case "resync":
        void this.#resync();
        break;
    }
  }

  #tell(conversation: ConversationId, changes: Partial<MessageChanges>): void {
    const all: MessageChanges = { messages: [], removed: [], isPartial: false, ...changes };
    for (const listener of this.#messageListeners.get(conversation) ?? []) listener(all);
  }

  #take(views: readonly ConversationView[]): void {
    const before = this.#byId;
    this.conversations = named(views);
    for (const { id, room } of views) {
      // Who has just come in, or in again, may read more than what is loaded.
      const wasOutside = before.get(id)?.room?.standing !== "member";
      if (room?.standing === "member" && before.has(id) && wasOutside) void this.#timelines.get(id)?.readAgain();
    }
    for (const { id, room } of before.values()) if (room && !this.#byId.has(id)) this.#timelines.delete(id);
  }

  #setConnection(connection: ConnectionState): void {
    this.connection = connection;
    if (connection.status === "offline") this.offline = true;
    if (connection.status === "online" && navigator.onLine) this.offline = false;
  }

  async #setSession(session: SessionState): Promise<void> {
    const before = this.session && "profile" in this.session ? this.session.profile.id : null;
    const now = "profile" in session ? session.profile.id : null;
    const wasReady = this.session?.status === "ready";
    if (before !== now) {
      this.#timelines.clear();
      this.#people.clear();
      for (const listener of this.#accountListeners) listener();
      this.contacts = [];
      this.conversations = [];
      this.#opened = null;
      this.listed = false;
    }
    this.session = session;
    if (session.status === "ready" && (!wasReady || before !== now)) await this.#readLists();
  }

  async #readLists(): Promise<void> {
    const [conversations, contacts] = await Promise.all([this.client.conversations(), this.client.contacts()]);
    this.#take(conversations);
    this.contacts = contacts;
    this.listed = true;
  }

  async #resync(): Promise<void> {
    const [session, connection] = await Promise.all([this.client.session(), this.client.connection()]);
    this.#setConnection(connection);
    await this.#setSession(session);
    if (session.status !== "ready") return;
    await this.#readLists();
    for (const people of this.#people.values()) people.changed();
    for (const conversation of this.#messageListeners.keys()) this.#tell(conversation, { isPartial: true });
    await Promise.all([...this.#timelines.values()].map((timeline) => timeline.readAgain()));
  }
}

// A room whose keys are on their way has no name yet.
const named = (views: readonly ConversationView[]) =>
  views.map((view) => (view.title === "" && view.room ? { ...view, title: rooms.unnamed } : view));

const countOf = ({ muted, archived, mentioned, unread }: ConversationView) =>
  muted || archived ? Number(mentioned && unread > 0) : unread;

export const chat = new ChatState();

// The messages of one conversation that this tab has loaded: in order, without doubles, with what was just typed.
import type { ChatClient, FileQuota, FileToSend, MessageView, Profile, RoomPersonView } from "@cychat/sdk";
import { newMessageId } from "./message-id.ts";
import type { ConversationId, MessageId } from "./types.ts";

const firstPage = 80;
const page = 100;
const largestPage = 200;
/** How far back a message that somebody wants to see is looked for. */
const searchedPages = 50;

/** Where the reader left off, for coming back to the conversation. */
export interface ReadingPosition {
  readonly id: MessageId;
  readonly offsetPx: number;
}

export class Timeline {
  messages: readonly MessageView[] = $state.raw([]);
  /**
   * The index of the first message that was loaded at the start. A message's place is its index minus this: loading
   * history changes no place, so a window over places stays where it is.
   */
  origin = $state(0);
  loaded = $state(false);
  loading = $state(false);
  failed = $state(false);
  reachedStart = $state(false);
  position: ReadingPosition | null = null;
  #underWay: Promise<void> = Promise.resolve();

  constructor(
    private readonly client: ChatClient,
    readonly conversation: ConversationId,
  ) {}

  async open(unread: number): Promise<void> {
    if (this.loaded || this.loading) return;
    await this.#start({ limit: Math.min(largestPage, Math.max(firstPage, unread + 30)) });
  }

  async loadOlder(): Promise<void> {
    if (this.loading) return this.#underWay;
    const oldest = this.messages[0];
    if (!this.loaded || this.reachedStart || !oldest) return;
    await this.#start({ before: oldest.id, limit: page });
  }

  async readAgain(): Promise<void> {
    if (!this.loaded || this.loading) return;
    this.loaded = false;
    await this.#start({ limit: Math.min(largestPage, Math.max(firstPage, this.messages.length)) }, true);
  }

  /** Loads older messages until this one is among them; `false` where it is not to be had. */
  async loadUntil(id: MessageId): Promise<boolean> {
    for (let pages = 0; pages <= searchedPages; pages++) {
      if (this.messages.some((message) => message.id === id)) return true;
      if (this.reachedStart || this.failed) return false;
      await this.loadOlder();
    }
    return false;
  }

  #start(input: { before?: MessageId; limit: number }, replace = false): Promise<void> {
    this.#underWay = this.#load(input, replace);
    return this.#underWay;
  }

  async #load(input: { before?: MessageId; limit: number }, replace: boolean): Promise<void> {
    this.loading = true;
    this.failed = false;
    try {
      const history = await this.client.history(this.conversation, input);
      const known = new Set(this.messages.map((message) => message.id));
      const loaded = withoutDoubles(history.messages);
      const older = loaded.filter((message) => !known.has(message.id));
      if (input.before !== undefined) this.origin += older.length;
      if (replace) {
        this.messages = ordered(loaded);
        this.origin = 0;
      } else {
        this.messages = ordered([...older, ...this.messages]);
      }
      this.reachedStart = history.reachedStart;
      this.loaded = true;
    } catch (error) {
      console.error(error);
      this.failed = true;
    } finally {
      this.loading = false;
    }
  }

  /** New or changed messages. Those from before what is loaded come with the history. */
  apply(changed: readonly MessageView[]): void {
    const next = [...this.messages];
    const indexOf = new Map(next.map((message, index) => [message.id, index]));
    const oldestSeq = next.find((message) => message.seq !== null)?.seq ?? 0;
    for (const message of changed) {
      const index = indexOf.get(message.id);
      if (index !== undefined) {
        if (isSameEntry(next[index] as MessageView, message)) next[index] = message;
      } else if (!this.loaded || this.reachedStart || message.seq === null || message.seq > oldestSeq) next.push(message);
    }
    this.messages = ordered(next);
  }

  remove(ids: readonly MessageId[]): void {
    const gone = new Set(ids);
    this.messages = this.messages.filter((message) => !gone.has(message.id));
  }

  /** Shows the text at once, before the outbox has it; throws where the outbox refused it. */
  async send(text: string, me: Profile, mentions: Mentions = []): Promise<void> {
    const id = newMessageId();
    const message: MessageView = {
      id,
      conversation: this.conversation,
      seq: null,
      sender: me.id,
      senderName: me.nickname,
      senderPictureVersion: me.pictureVersion,
      mine: true,
      kind: "text",
      text,
      files: [],
      edited: false,
      deletedBy: null,
      mentions,
      mentionsMe: false,
      system: [],
      readBy: null,
      sentAtMs: Date.now(),
      atMs: null,
      isPaused: false,
      state: "sending",
      problem: null,
    };
    this.messages = [...this.messages, message];
    try {
      await this.client.sendText(this.conversation, text, { id, ...named(mentions) });
    } catch (error) {
      this.remove([id]);
      throw error;
    }
  }

  /** Shows them once the outbox has them; throws where it was stopped or refused. */
  async sendFiles(
    files: readonly FileToSend[],
    { mentions, ...options }: FilesOptions & { readonly mentions: Mentions },
  ): Promise<void> {
    const view = await this.client.sendFiles(this.conversation, files, { ...options, ...named(mentions) });
    // What came by an event is at least as new.
    if (!this.messages.some(({ id }) => id === view.id)) this.apply([view]);
  }

  fileQuota(): Promise<FileQuota> {
    return this.client.fileQuota();
  }

  clearDraft(): Promise<void> {
    return this.client.setDraft(this.conversation, "");
  }

  /** Shows the new text at once; throws, with the old one back in its place, where it was refused. */
  async edit(message: MessageView, text: string, mentions: Mentions = []): Promise<void> {
    this.apply([{ ...message, text, mentions, edited: true }]);
    try {
      await this.client.editText(this.conversation, message.id, text, named(mentions));
    } catch (error) {
      this.apply([message]);
      throw error;
    }
  }
}

interface FilesOptions {
  readonly id: MessageId;
  readonly caption: string;
  readonly progress: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/** Whom a text names. */
export type Mentions = readonly (RoomPersonView | "all")[];

const named = (mentions: Mentions) =>
  mentions.length > 0 ? { mentions: mentions.map((who) => (who === "all" ? who : who.id)) } : {};

/** An id that somebody has used for another message, too, belongs to the one that is here. */
const isSameEntry = (known: MessageView, message: MessageView) =>
  known.seq === null || message.seq === null || known.seq === message.seq;

/** Of messages with the same id only the first one: a list must not have a key twice. */
function withoutDoubles(messages: readonly MessageView[]): readonly MessageView[] {
  const ids = new Set<MessageId>();
  return messages.filter(({ id }) => !ids.has(id) && ids.add(id));
}

function ordered(messages: readonly MessageView[]): readonly MessageView[] {
  for (let index = 1; index < messages.length; index++) {
    if (compare(messages[index - 1] as MessageView, messages[index] as MessageView) > 0) return messages.toSorted(compare);
  }
  return messages;
}

/** By number; what has none yet stands at the end, in the order it was written. */
function compare(a: MessageView, b: MessageView): number {
  if (a.seq !== null && b.seq !== null) return a.seq - b.seq;
  if (a.seq !== null) return -1;
  if (b.seq !== null) return 1;
  return a.sentAtMs - b.sentAtMs || (a.id < b.id ? -1 : 1);
}

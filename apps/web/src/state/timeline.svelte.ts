// The messages of one conversation that this tab has loaded: in order, without doubles, with what was just typed.
import type { ChatClient, MessageView } from "@cychat/sdk";
import { newMessageId } from "./message-id.ts";
import type { AccountId, ConversationId, MessageId } from "./types.ts";

const firstPage = 80;
const page = 100;
const largestPage = 200;

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

  constructor(
    private readonly client: ChatClient,
    readonly conversation: ConversationId,
  ) {}

  async open(unread: number): Promise<void> {
    if (this.loaded || this.loading) return;
    await this.#load({ limit: Math.min(largestPage, Math.max(firstPage, unread + 30)) });
  }

  async loadOlder(): Promise<void> {
    const oldest = this.messages[0];
    if (!this.loaded || this.loading || this.reachedStart || !oldest) return;
    await this.#load({ before: oldest.id, limit: page });
  }

  async readAgain(): Promise<void> {
    if (!this.loaded || this.loading) return;
    this.loaded = false;
    await this.#load({ limit: Math.min(largestPage, Math.max(firstPage, this.messages.length)) }, true);
  }

  async #load(input: { before?: MessageId; limit: number }, replace = false): Promise<void> {
    this.loading = true;
    this.failed = false;
    try {
      const history = await this.client.history(this.conversation, input);
      const known = new Set(this.messages.map((message) => message.id));
      const older = history.messages.filter((message) => !known.has(message.id));
      if (input.before !== undefined) this.origin += older.length;
      if (replace) {
        this.messages = ordered(history.messages);
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
      if (index !== undefined) next[index] = message;
      else if (!this.loaded || this.reachedStart || message.seq === null || message.seq > oldestSeq) next.push(message);
    }
    this.messages = ordered(next);
  }

  remove(ids: readonly MessageId[]): void {
    const gone = new Set(ids);
    this.messages = this.messages.filter((message) => !gone.has(message.id));
  }

  /** Shows the text at once, before the outbox has it; throws where the outbox refused it. */
  async send(text: string, me: AccountId): Promise<void> {
    const id = newMessageId();
    const message: MessageView = {
      id,
      conversation: this.conversation,
      seq: null,
      sender: me,
      mine: true,
      kind: "text",
      text,
      sentAtMs: Date.now(),
      atMs: null,
      state: "sending",
      problem: null,
    };
    this.messages = [...this.messages, message];
    try {
      await this.client.sendText(this.conversation, text, { id });
    } catch (error) {
      this.remove([id]);
      throw error;
    }
  }
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

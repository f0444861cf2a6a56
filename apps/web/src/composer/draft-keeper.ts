import { chat } from "../state/chat.svelte.ts";
import type { ConversationId } from "../state/types.ts";

const restMs = 250;

/** Stores what was typed and not sent, a moment after the last key. */
export class DraftKeeper {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pending: string | null = null;

  /** `onchange` hears whether everything typed is stored. */
  constructor(
    readonly conversation: ConversationId,
    readonly onchange: (isKept: boolean) => void,
  ) {}

  keep(text: string): void {
    this.#pending = text;
    this.onchange(false);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), restMs);
  }

  clear(): void {
    this.keep("");
    this.flush();
  }

  flush(): void {
    clearTimeout(this.#timer);
    if (this.#pending === null) return;
    const text = this.#pending;
    this.#pending = null;
    chat.client
      .setDraft(this.conversation, text)
      .then(() => this.onchange(this.#pending === null))
      .catch(console.error);
  }
}

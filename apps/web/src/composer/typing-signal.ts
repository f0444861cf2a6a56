import { chat } from "../state/chat.svelte.ts";
import type { ConversationId } from "../state/types.ts";

const repeatMs = 3000;
const idleMs = 5000;

/** Tells the other side that one is typing: at most every few seconds, and that one has stopped. */
export class TypingSignal {
  #sentAtMs = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly conversation: ConversationId) {}

  typed(something: boolean): void {
    clearTimeout(this.#idle);
    if (!something) {
      this.stop();
      return;
    }
    this.#idle = setTimeout(() => this.stop(), idleMs);
    if (Date.now() - this.#sentAtMs < repeatMs) return;
    this.#sentAtMs = Date.now();
    this.#tell(true);
  }

  stop(): void {
    clearTimeout(this.#idle);
    if (this.#sentAtMs === 0) return;
    this.#sentAtMs = 0;
    this.#tell(false);
  }

  #tell(active: boolean): void {
    // A hint that may get lost.
    chat.client.setTyping(this.conversation, active).catch(() => {});
  }
}

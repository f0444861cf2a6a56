// Who is typing to us, until it is old; and that we are, not more often than others need to know.
import type { ConversationId } from "@cychat/protocol";
import type { Clock } from "../environment.ts";
import type { Socket } from "../transport/socket.ts";

const expiresMs = 6_000;
const repeatMs = 3_000;

export class Typing {
  readonly #others = new Map<ConversationId, unknown>();
  readonly #own = new Map<ConversationId, number>();

  constructor(
    readonly clock: Clock,
    readonly socket: Pick<Socket, "send">,
    readonly onChanged: (conversation: ConversationId) => void,
  ) {}

  isTyping(conversation: ConversationId): boolean {
    return this.#others.has(conversation);
  }

  /** The peer types, or stopped; a message of theirs stops it, too. */
  take(conversation: ConversationId, active: boolean): void {
    const timer = this.#others.get(conversation);
    if (timer !== undefined) this.clock.clearTimeout(timer);
    const was = this.#others.delete(conversation);
    if (active)
      this.#others.set(
        conversation,
        this.clock.setTimeout(() => this.take(conversation, false), expiresMs),
      );
    if (was !== active) this.onChanged(conversation);
  }

  set(conversation: ConversationId, active: boolean): void {
    const nowMs = this.clock.now();
    const toldAtMs = this.#own.get(conversation);
    if (active && toldAtMs !== undefined && nowMs - toldAtMs < repeatMs) return;
    if (!active && toldAtMs === undefined) return;
    if (active) this.#own.set(conversation, nowMs);
    else this.#own.delete(conversation);
    this.socket.send({ type: "typing", conversation, active });
  }

  disconnected(): void {
    for (const conversation of [...this.#others.keys()]) this.take(conversation, false);
    this.#own.clear();
  }
}

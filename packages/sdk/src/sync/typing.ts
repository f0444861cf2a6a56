// Who is typing to us, until it is old; and that we are, not more often than others need to know.
import type { AccountId, ConversationId } from "@cychat/protocol";
import type { Clock } from "../environment.ts";
import type { Socket } from "../transport/socket.ts";

const expiresMs = 6_000;
const repeatMs = 3_000;

export class Typing {
  /** Timers, by who is typing where. */
  readonly #others = new Map<ConversationId, Map<AccountId, unknown>>();
  readonly #own = new Map<ConversationId, number>();

  constructor(
    readonly clock: Clock,
    readonly socket: Pick<Socket, "send">,
    readonly onChanged: (conversation: ConversationId) => void,
  ) {}

  who(conversation: ConversationId): AccountId[] {
    return [...(this.#others.get(conversation)?.keys() ?? [])];
  }

  /** Somebody types, or stopped; a message of theirs stops it, too. */
  take(conversation: ConversationId, account: AccountId, active: boolean): void {
    const typing = this.#others.get(conversation) ?? new Map<AccountId, unknown>();
    const timer = typing.get(account);
    if (timer !== undefined) this.clock.clearTimeout(timer);
    const was = typing.delete(account);
    if (active) {
      const expire = () => this.take(conversation, account, false);
      typing.set(account, this.clock.setTimeout(expire, expiresMs));
    }
    if (typing.size > 0) this.#others.set(conversation, typing);
    else this.#others.delete(conversation);
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
    for (const [conversation, typing] of [...this.#others]) {
      for (const account of [...typing.keys()]) this.take(conversation, account, false);
    }
    this.#own.clear();
  }
}

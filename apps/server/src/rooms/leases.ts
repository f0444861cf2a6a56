// Who makes a room's next key: one device at a time, so that hundreds do not make the same one. In memory: losing a lease
// costs a record that is refused.
import type { ConversationId } from "@cychat/protocol";

export interface Lease {
  readonly granted: boolean;
  /** 0 when granted. */
  readonly retryAfterMs: number;
}

interface Held {
  readonly holder: string;
  readonly untilMs: number;
}

export class RotationLeases {
  readonly #held = new Map<ConversationId, Held>();
  readonly #leaseMs: number;
  readonly #now: () => number;

  constructor(leaseMs: number, now: () => number) {
    this.#leaseMs = leaseMs;
    this.#now = now;
  }

  /** Whoever holds it already holds it on, from now. */
  take(conversation: ConversationId, holder: string): Lease {
    const nowMs = this.#now();
    const held = this.#held.get(conversation);
    if (held && held.holder !== holder && held.untilMs > nowMs) return { granted: false, retryAfterMs: held.untilMs - nowMs };
    this.#sweep(nowMs);
    this.#held.set(conversation, { holder, untilMs: nowMs + this.#leaseMs });
    return { granted: true, retryAfterMs: 0 };
  }

  /** A record has come: whatever was to be made has been made, or has to be thought over. */
  free(conversation: ConversationId): void {
    this.#held.delete(conversation);
  }

  #sweep(nowMs: number): void {
    for (const [conversation, { untilMs }] of this.#held) if (untilMs <= nowMs) this.#held.delete(conversation);
  }
}

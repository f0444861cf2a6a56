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
  /** Somebody else has asked meanwhile. */
  readonly isWanted: boolean;
}

export class RotationLeases {
  readonly #held = new Map<ConversationId, Held>();
  readonly #leaseMs: number;
  /** After a lease that came to nothing: how long only the others may have it, who were told to come back at its end. */
  readonly #othersMs: number;
  readonly #now: () => number;

  constructor(leaseMs: number, now: () => number) {
    this.#leaseMs = leaseMs;
    this.#othersMs = leaseMs / 4;
    this.#now = now;
  }

  /** Asking again does not make it longer, and who let it run out while others waited lets them go first. */
  take(conversation: ConversationId, holder: string): Lease {
    const nowMs = this.#now();
    const held = this.#held.get(conversation);
    if (held && held.untilMs > nowMs) {
      if (held.holder === holder) return { granted: true, retryAfterMs: 0 };
      this.#held.set(conversation, { ...held, isWanted: true });
      return { granted: false, retryAfterMs: held.untilMs - nowMs };
    }
    if (held?.holder === holder && held.isWanted && this.#overMs(held) > nowMs)
      return { granted: false, retryAfterMs: this.#overMs(held) - nowMs };
    this.#sweep(nowMs);
    this.#held.set(conversation, { holder, untilMs: nowMs + this.#leaseMs, isWanted: false });
    return { granted: true, retryAfterMs: 0 };
  }

  /** A record has come: whatever was to be made has been made, or has to be thought over. */
  free(conversation: ConversationId): void {
    this.#held.delete(conversation);
  }

  /** When it counts for nothing any more. */
  #overMs({ untilMs, isWanted }: Held): number {
    return isWanted ? untilMs + this.#othersMs : untilMs;
  }

  #sweep(nowMs: number): void {
    for (const [conversation, held] of this.#held) if (this.#overMs(held) <= nowMs) this.#held.delete(conversation);
  }
}

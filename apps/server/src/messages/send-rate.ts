// How much one account may send: a token bucket, cheap enough for every message.
import type { AccountId } from "@cychat/protocol";

const burstSeconds = 10;
/** Buckets are full again after this long, and then forgotten. */
const sweepMs = burstSeconds * 1000;

export class SendRate {
  readonly #perSecond: number;
  readonly #now: () => number;
  #buckets = new Map<AccountId, { tokens: number; atMs: number }>();
  #sweptAtMs: number;

  /** `perSecond` 0: without a limit. */
  constructor(perSecond: number, now: () => number = Date.now) {
    this.#perSecond = perSecond;
    this.#now = now;
    this.#sweptAtMs = now();
  }

  /** Takes one: 0 when it may go, else the milliseconds to wait. */
  take(account: AccountId): number {
    if (this.#perSecond === 0) return 0;
    const nowMs = this.#now();
    if (nowMs - this.#sweptAtMs > sweepMs) this.#sweep(nowMs);
    const burst = this.#perSecond * burstSeconds;
    const bucket = this.#buckets.get(account) ?? { tokens: burst, atMs: nowMs };
    this.#buckets.set(account, bucket);
    bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, nowMs - bucket.atMs) * this.#perSecond) / 1000);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) return Math.ceil(((1 - bucket.tokens) * 1000) / this.#perSecond);
    bucket.tokens -= 1;
    return 0;
  }

  #sweep(nowMs: number): void {
    this.#sweptAtMs = nowMs;
    for (const [account, { atMs }] of this.#buckets) if (nowMs - atMs > sweepMs) this.#buckets.delete(account);
  }
}

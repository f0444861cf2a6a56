// Token buckets in memory. Each node counts for itself: behind N nodes a limit is N times as wide at worst.
import { createHash } from "node:crypto";
import { ProtocolError } from "@cychat/protocol";

export interface Rate {
  /** How many may come at once. */
  readonly burst: number;
  /** How many more are earned in a minute. */
  readonly perMinute: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

const unlimited: Rate = { burst: Number.POSITIVE_INFINITY, perMinute: Number.POSITIVE_INFINITY };

/** `rate` that many times as wide; 0 lifts it. */
export function scaled(rate: Rate, scale: number): Rate {
  return scale === 0 ? unlimited : { burst: rate.burst * scale, perMinute: rate.perMinute * scale };
}

/** Above this many keys the longest untouched ones, which have earned the most back, are forgotten. */
const defaultMaxKeys = 50_000;

export class RateLimit {
  readonly #buckets = new Map<string, Bucket>();
  readonly #rate: Rate;
  readonly #now: () => number;
  readonly #maxKeys: number;

  constructor(rate: Rate, now: () => number, maxKeys = defaultMaxKeys) {
    this.#rate = rate;
    this.#now = now;
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one, or throws `rate-limited` with `details.retry_after_ms`. */
  take(...key: readonly string[]): void {
    if (this.#rate.burst === Number.POSITIVE_INFINITY) return;
    const nowMs = this.#now();
    const id = digest(key);
    const bucket = this.#buckets.get(id) ?? { tokens: this.#rate.burst, atMs: nowMs };
    const perMs = this.#rate.perMinute / 60_000;
    const tokens = Math.min(this.#rate.burst, bucket.tokens + Math.max(0, nowMs - bucket.atMs) * perMs);
    const allowed = tokens >= 1;

    this.#buckets.delete(id);
    this.#buckets.set(id, { tokens: allowed ? tokens - 1 : tokens, atMs: nowMs });
    if (this.#buckets.size > this.#maxKeys) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    if (!allowed) throw new ProtocolError("rate-limited", undefined, { retry_after_ms: Math.ceil((1 - tokens) / perMs) });
  }
}

/** Keys are addresses of people and machines: none of them is kept as it is. */
function digest(key: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(key)).digest("base64url").slice(0, 22);
}

/** What an address is counted by: itself, or for IPv6 the /64 that one household or machine has to itself. */
export function networkOf(address: string): string {
  const plain = address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = plain.split("%", 1)[0]?.split("::") ?? [];
  const groups = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const full =
    tail === undefined ? groups : [...groups, ...Array(Math.max(0, 8 - groups.length - after.length)).fill("0"), ...after];
  return full
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}

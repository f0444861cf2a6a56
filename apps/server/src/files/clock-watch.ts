// How long something has not been touched cannot be told from a clock that may be set meanwhile. Beside it runs one that nobody
// sets, which does not survive a restart: together they tell.
import type { BlobId } from "@cychat/protocol";

export interface Stamp {
  readonly id: BlobId;
  readonly touched_at_ms: number;
}

export class ClockWatch {
  readonly #now: () => number;
  readonly #steadyNow: () => number;
  #last: { readonly nowMs: number; readonly steadyMs: number };
  #leaps: { readonly ms: number; readonly seenSteadyMs: number }[] = [];
  #seen = new Map<BlobId, { readonly touchedAtMs: number; readonly sinceSteadyMs: number }>();

  constructor(now: () => number, steadyNow: () => number) {
    this.#now = now;
    this.#steadyNow = steadyNow;
    this.#last = { nowMs: now(), steadyMs: steadyNow() };
  }

  /** By how much the clock was put forward, as far as that was seen within the last `withinMs`. */
  putForwardMs(withinMs: number): number {
    const [nowMs, steadyMs] = [this.#now(), this.#steadyNow()];
    const ms = nowMs - this.#last.nowMs - (steadyMs - this.#last.steadyMs);
    if (ms > 0) this.#leaps.push({ ms, seenSteadyMs: steadyMs });
    this.#last = { nowMs, steadyMs };
    this.#leaps = this.#leaps.filter(({ seenSteadyMs }) => seenSteadyMs > steadyMs - withinMs);
    return this.#leaps.reduce((sum, leap) => sum + leap.ms, 0);
  }

  /** Those that were given here with the same stamp each time, for `forMs` at least. */
  unchanged(stamps: readonly Stamp[], forMs: number): Stamp[] {
    const steadyMs = this.#steadyNow();
    const seen = this.#seen;
    this.#seen = new Map();
    return stamps.filter(({ id, touched_at_ms: touchedAtMs }) => {
      const before = seen.get(id);
      const sinceSteadyMs = before?.touchedAtMs === touchedAtMs ? before.sinceSteadyMs : steadyMs;
      this.#seen.set(id, { touchedAtMs, sinceSteadyMs });
      return steadyMs - sinceSteadyMs >= forMs;
    });
  }
}

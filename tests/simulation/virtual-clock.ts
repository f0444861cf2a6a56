// Time that passes only when the simulation says so: a back-off of half a minute costs nothing.
import type { Clock } from "@cychat/sdk";

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

export class VirtualClock implements Clock {
  #nowMs: number;
  #lastHandle = 0;
  readonly #timers = new Map<number, Timer>();

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    this.#lastHandle += 1;
    this.#timers.set(this.#lastHandle, { atMs: this.#nowMs + Math.max(0, Math.ceil(ms)), callback });
    return this.#lastHandle;
  }

  clearTimeout(handle: unknown): void {
    this.#timers.delete(handle as number);
  }

  /** How long until the next timer; infinite without one. */
  get nextInMs(): number {
    return (this.#next()?.[1].atMs ?? Number.POSITIVE_INFINITY) - this.#nowMs;
  }

  /** Goes on to the next timer and calls it. */
  advance(): void {
    const next = this.#next();
    if (next === undefined) return;
    const [handle, { atMs, callback }] = next;
    this.#timers.delete(handle);
    this.#nowMs = Math.max(this.#nowMs, atMs);
    callback();
  }

  /** Nothing happened for a long time, as when a machine sleeps: what is due by then is called only afterwards. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  #next(): [number, Timer] | undefined {
    let found: [number, Timer] | undefined;
    for (const entry of this.#timers) if (found === undefined || entry[1].atMs < found[1].atMs) found = entry;
    return found;
  }
}

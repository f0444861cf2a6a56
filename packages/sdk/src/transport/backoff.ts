/** Exponential back-off with full jitter: reconnecting clients spread out instead of arriving together. */
export class Backoff {
  #attempt = 0;
  readonly #random: () => number;
  readonly #baseMs: number;
  readonly #capMs: number;

  constructor(random: () => number, baseMs = 500, capMs = 30_000) {
    this.#random = random;
    this.#baseMs = baseMs;
    this.#capMs = capMs;
  }

  get attempts(): number {
    return this.#attempt;
  }

  reset(): void {
    this.#attempt = 0;
  }

  nextDelayMs(): number {
    const ceiling = Math.min(this.#capMs, this.#baseMs * 2 ** Math.min(this.#attempt, 20));
    this.#attempt += 1;
    return Math.round(this.#random() * ceiling);
  }
}

import { ProtocolError } from "@cychat/protocol";

/** Lets a few pieces of heavy work run at once and a bounded number wait; whoever comes then is told `overloaded`. */
export class WorkGate {
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #maxRunning: number;
  readonly #maxWaiting: number;

  constructor(limits: { readonly maxRunning: number; readonly maxWaiting: number }) {
    this.#maxRunning = limits.maxRunning;
    this.#maxWaiting = limits.maxWaiting;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#maxRunning) {
      this.#running += 1;
    } else {
      if (this.#waiting.length >= this.#maxWaiting) throw new ProtocolError("overloaded");
      // Whoever finishes hands its place over, so nobody can slip in between.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }
}

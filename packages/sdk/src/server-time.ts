import type { Clock } from "./environment.ts";

/** The server's clock as seen from here: local clocks may be wrong by years, the order of things must not be. */
export class ServerTime {
  #offsetMs: number;

  constructor(
    readonly clock: Clock,
    offsetMs = 0,
  ) {
    this.#offsetMs = offsetMs;
  }

  get offsetMs(): number {
    return this.#offsetMs;
  }

  now(): number {
    return this.clock.now() + this.#offsetMs;
  }

  /** What the server's clock showed when the local one showed `localMs`. */
  fromLocal(localMs: number): number {
    return localMs + this.#offsetMs;
  }

  seen(serverMs: number): void {
    this.#offsetMs = serverMs - this.clock.now();
  }
}

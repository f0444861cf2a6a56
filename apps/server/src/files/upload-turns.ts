// Uploads take turns: between a few pieces of their bodies, everything else that came in is looked at, so that fifty uploads at
// once hold up nobody's messages. What waits for its turn is not read from its connection: it takes no memory, and the
// network slows its sender down.

/** So many pieces, of all uploads together, in one turn of the event loop. */
const piecesAtOnce = 3;
/** Where uploads wait for each other, the processor is left to others for so long between their turns. */
const restMs = 2;

export class UploadTurns {
  readonly #waiting: (() => void)[] = [];
  #left = piecesAtOnce;
  #isScheduled = false;

  /** The same pieces, each when it is its turn. */
  async *of(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of body) {
      await this.#turn();
      yield piece;
    }
  }

  async #turn(): Promise<void> {
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => this.#next());
    }
    if (this.#left > 0) this.#left -= 1;
    else await new Promise<void>((begin) => this.#waiting.push(begin));
  }

  #next(): void {
    const next = this.#waiting.splice(0, piecesAtOnce);
    this.#left = piecesAtOnce - next.length;
    this.#isScheduled = next.length > 0;
    if (this.#waiting.length > 0) setTimeout(() => this.#next(), restMs);
    else if (this.#isScheduled) setImmediate(() => this.#next());
    for (const begin of next) begin();
  }
}

// Gathers what is written to many sockets in one turn, so that each gets one corked write.
interface Writer {
  writeOut(): void;
}

export class Flush {
  #waiting: Writer[] = [];

  later(writer: Writer): void {
    this.#waiting.push(writer);
    if (this.#waiting.length === 1) queueMicrotask(() => this.now());
  }

  now(): void {
    const writers = this.#waiting;
    this.#waiting = [];
    for (const writer of writers) writer.writeOut();
  }
}

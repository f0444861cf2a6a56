// One connection with everything that it is going to send: ready-made frames, one after the other in one piece of memory,
// so that sending the next k of them is one write.

export class Lane {
  readonly #bytes: Uint8Array;
  /** Where each frame ends. */
  readonly #ends: readonly number[];

  constructor(frames: readonly Uint8Array[]) {
    let end = 0;
    this.#ends = frames.map((frame) => (end += frame.length));
    this.#bytes = Buffer.concat(frames);
  }

  get frames(): number {
    return this.#ends.length;
  }

  /** The frames from number `from` up to and without number `to`. */
  slice(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(this.#end(from), this.#end(to));
  }

  #end(count: number): number {
    return count === 0 ? 0 : (this.#ends[count - 1] as number);
  }
}

// Group commit without a timer: what arrived in this tick, or while the last batch was committing, is the next batch.
// One batch is under way at a time. Callbacks, because a promise for every message would cost more than its insert.

export interface GroupCommitOptions<T, R> {
  /** Resolves after the commit, one result per item, in order. */
  readonly commit: (batch: T[]) => Promise<R[]>;
  /** What every item of a batch gets when its commit fails as a whole. */
  readonly onFailure: (error: unknown) => R;
  readonly maxQueued: number;
  readonly maxBatch: number;
  /** A callback threw: a bug, and no reason to leave its neighbours without an answer. */
  readonly onCallbackError: (error: unknown) => void;
  readonly onCommitted?: (size: number, durationMs: number) => void;
}

export class GroupCommit<T, R> {
  readonly #options: GroupCommitOptions<T, R>;
  #items: T[] = [];
  #callbacks: ((result: R) => void)[] = [];
  #isScheduled = false;
  #idle: (() => void)[] = [];

  constructor(options: GroupCommitOptions<T, R>) {
    this.#options = options;
  }

  get queued(): number {
    return this.#items.length;
  }

  /** False when the queue is full: nothing was taken, and `callback` will not be called. */
  submit(item: T, callback: (result: R) => void): boolean {
    if (this.#items.length >= this.#options.maxQueued) return false;
    this.#items.push(item);
    this.#callbacks.push(callback);
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => this.#commitNext());
    }
    return true;
  }

  /** Resolves once nothing is queued or under way. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isScheduled) this.#idle.push(resolve);
      else resolve();
    });
  }

  #commitNext(): void {
    const { maxBatch } = this.#options;
    const items = this.#items.length > maxBatch ? this.#items.splice(0, maxBatch) : this.#items;
    const callbacks = this.#callbacks.length > maxBatch ? this.#callbacks.splice(0, maxBatch) : this.#callbacks;
    if (items === this.#items) {
      this.#items = [];
      this.#callbacks = [];
    }
    const startedAt = performance.now();
    void this.#options
      .commit(items)
      .catch((error: unknown) => {
        const failure = this.#options.onFailure(error);
        return items.map(() => failure);
      })
      .then((results) => {
        this.#options.onCommitted?.(items.length, performance.now() - startedAt);
        // The next batch goes to the disk first; then this one is told.
        if (this.#items.length > 0) this.#commitNext();
        else this.#isScheduled = false;
        for (let index = 0; index < callbacks.length; index++) this.#tell(callbacks[index], results[index]);
        if (!this.#isScheduled) for (const resolve of this.#idle.splice(0)) resolve();
      });
  }

  #tell(callback: ((result: R) => void) | undefined, result: R | undefined): void {
    try {
      callback?.(result as R);
    } catch (error) {
      this.#options.onCallbackError(error);
    }
  }
}

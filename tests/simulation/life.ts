// One run of a client's process, from its start to a crash: from then on nothing that it asked for ever answers.
import type { Clock, Place, Store, StoredRecord, Write } from "@cychat/sdk";

export const never = new Promise<never>(() => {});

export class Life {
  #operations = 0;
  #lastOne = Number.POSITIVE_INFINITY;
  #isLastOneDone = false;
  #isOver = false;
  readonly #end = Promise.withResolvers<void>();

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves at the crash. */
  get end(): Promise<void> {
    return this.#end.promise;
  }

  /** Crashes at the `count`th operation from now: right before it happens, or right after. */
  endAfter(count: number, isDone: boolean): void {
    this.#lastOne = this.#operations + count;
    this.#isLastOneDone = isDone;
  }

  /** A crash that was planned does not come. */
  goOn(): void {
    this.#lastOne = Number.POSITIVE_INFINITY;
  }

  crash(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end.resolve();
  }

  /** Every call from the client to the world around it. */
  async run<T>(operation: () => Promise<T>): Promise<T> {
    if (!this.#begins()) return never;
    try {
      const result = await operation();
      return await (this.#isOver ? never : result);
    } catch (error) {
      if (this.#isOver) return never;
      throw error;
    }
  }

  /** The same for what answers at once. */
  act(operation: () => void): void {
    if (this.#begins()) operation();
  }

  #begins(): boolean {
    if (this.#isOver) return false;
    this.#operations += 1;
    if (this.#operations < this.#lastOne) return true;
    this.crash();
    return this.#isLastOneDone;
  }
}

/** What a client keeps survives its crashes; whether the last write was done is left to chance. */
export class MortalStore implements Store {
  constructor(
    readonly kept: Store,
    readonly life: Life,
  ) {}

  read(place: Place): Promise<unknown> {
    return this.life.run(() => this.kept.read(place));
  }
  list(table: string, group?: string): Promise<readonly StoredRecord[]> {
    return this.life.run(() => this.kept.list(table, group));
  }
  readKey(name: string): Promise<CryptoKey | undefined> {
    return this.life.run(() => this.kept.readKey(name));
  }
  write(writes: readonly Write[]): Promise<void> {
    return this.life.run(() => this.kept.write(writes));
  }
  clear(): Promise<void> {
    return this.life.run(() => this.kept.clear());
  }
  async close(): Promise<void> {}
}

/** A clock of one machine: it may be wrong, and its timers end with the process. */
export function mortalClock(clock: Clock, life: Life, wrongByMs: number): Clock {
  return {
    now: () => clock.now() + wrongByMs,
    setTimeout: (callback, ms) =>
      clock.setTimeout(() => {
        if (!life.isOver) callback();
      }, ms),
    clearTimeout: (handle) => clock.clearTimeout(handle),
  };
}

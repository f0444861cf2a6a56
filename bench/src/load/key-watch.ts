// When the devices of a crowd have got the keys of a room.
import type { ConversationId } from "@cychat/protocol";
import { CannotMeasure } from "../measure.ts";

const patienceMs = 60_000;

export class KeyWatch {
  readonly #times = new Map<string, number[]>();
  #waiting: (() => void)[] = [];
  /** What went wrong at a device, the first time. */
  problem: unknown = null;

  saw(conversation: ConversationId, epoch: number): void {
    const place = `${conversation} ${epoch}`;
    const times = this.#times.get(place) ?? [];
    this.#times.set(place, times);
    times.push(performance.now());
    for (const look of this.#waiting) look();
  }

  failed(error: unknown): void {
    this.problem ??= error;
    for (const look of this.#waiting) look();
  }

  /** Waits until so many devices have the key, and gives when (by `performance.now`) the last of them had it. */
  async lastOf(conversation: ConversationId, epoch: number, devices: number): Promise<number> {
    const done = Promise.withResolvers<number>();
    const count = () => this.#times.get(`${conversation} ${epoch}`)?.length ?? 0;
    const look = () => {
      if (this.problem !== null) done.reject(new CannotMeasure(`a member's device: ${String(this.problem)}`));
      if (count() >= devices) done.resolve(this.#times.get(`${conversation} ${epoch}`)?.[devices - 1] ?? performance.now());
    };
    const timer = setTimeout(() => {
      done.reject(new CannotMeasure(`only ${count()} of ${devices} devices got the key of an epoch within a minute`));
    }, patienceMs);
    this.#waiting.push(look);
    look();
    try {
      return await done.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting = this.#waiting.filter((each) => each !== look);
    }
  }
}

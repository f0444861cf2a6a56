// One request at a time works on an upload. Whoever comes next asks the one before to end: it may be a connection that is
// half dead, and the client is here again on another. Waits in a queue, where the locker that tus brings along polls.
import { ProtocolError } from "@cychat/protocol";
import type { Lock, Locker, RequestRelease } from "@tus/server";

interface Waiting {
  readonly grant: () => void;
  readonly requestRelease: RequestRelease;
}

interface Held {
  requestRelease: RequestRelease;
  readonly queue: Waiting[];
}

/** More than a client that has lost some connections has under way. */
const maxWaiting = 8;

export class UploadLocks implements Locker {
  readonly #held = new Map<string, Held>();

  newLock(id: string): Lock {
    return {
      lock: (_signal, requestRelease) => this.#lock(id, requestRelease),
      unlock: async () => this.#unlock(id),
    };
  }

  /** Throws `overloaded` where too many wait already. */
  async #lock(id: string, requestRelease: RequestRelease): Promise<void> {
    const held = this.#held.get(id);
    if (!held) {
      this.#held.set(id, { requestRelease, queue: [] });
      return;
    }
    if (held.queue.length >= maxWaiting) throw new ProtocolError("overloaded");
    const granted = new Promise<void>((grant) => held.queue.push({ grant, requestRelease }));
    await held.requestRelease();
    await granted;
  }

  #unlock(id: string): void {
    const held = this.#held.get(id);
    const next = held?.queue.shift();
    if (!held || !next) {
      this.#held.delete(id);
      return;
    }
    held.requestRelease = next.requestRelease;
    next.grant();
    if (held.queue.length > 0) void next.requestRelease();
  }
}

// The store as one signed-in account sees it. Once that account is signed out, nothing of what was still under way may
// reach the store any more: it is cleared then, and perhaps somebody else's.
import { ClientError } from "../client-error.ts";
import type { Place, Store, StoredRecord, Write } from "./store.ts";

export class FencedStore implements Store {
  #isClosed = false;
  readonly #underway = new Set<Promise<void>>();

  constructor(readonly inner: Store) {}

  read(place: Place): Promise<unknown> {
    return this.#open(() => this.inner.read(place));
  }

  list(table: string, group?: string): Promise<readonly StoredRecord[]> {
    return this.#open(() => this.inner.list(table, group));
  }

  readKey(name: string): Promise<CryptoKey | undefined> {
    return this.#open(() => this.inner.readKey(name));
  }

  write(writes: readonly Write[]): Promise<void> {
    return this.#open(() => {
      const writing = this.inner.write(writes);
      const settled = writing.catch(() => {}).finally(() => this.#underway.delete(settled));
      this.#underway.add(settled);
      return writing;
    });
  }

  clear(): Promise<void> {
    return this.#open(() => this.inner.clear());
  }

  /** Resolves once what was being written is written; nothing follows it. The store behind stays open. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#underway);
  }

  async #open<T>(task: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new ClientError("closed");
    return task();
  }
}

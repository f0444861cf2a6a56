import { compareRecords, type Place, type Store, type StoredRecord, type Write } from "./store.ts";

/** Keeps everything in this process: for tests, and for bots that may start anew each time. */
export class MemoryStore implements Store {
  readonly #tables = new Map<string, Map<string, StoredRecord>>();
  readonly #keys = new Map<string, CryptoKey>();

  async read(place: Place): Promise<unknown> {
    return structuredClone(this.#tables.get(place.table)?.get(nameOf(place))?.value);
  }

  async list(table: string, group?: string): Promise<readonly StoredRecord[]> {
    const records = [...(this.#tables.get(table)?.values() ?? [])];
    return structuredClone(records.filter((record) => group === undefined || record.group === group).sort(compareRecords));
  }

  async readKey(name: string): Promise<CryptoKey | undefined> {
    return this.#keys.get(name);
  }

  async write(writes: readonly Write[]): Promise<void> {
    // Cloned first: a value that cannot be kept must not leave half of a write behind.
    const cloned = structuredClone(writes.filter((write) => write.kind !== "put-key"));
    for (const write of writes) if (write.kind === "put-key") this.#keys.set(write.name, write.key);
    for (const write of cloned) {
      const { place } = write;
      let table = this.#tables.get(place.table);
      if (table === undefined) {
        table = new Map();
        this.#tables.set(place.table, table);
      }
      if (write.kind === "put") table.set(nameOf(place), { group: place.group, key: place.key, value: write.value });
      else table.delete(nameOf(place));
    }
  }

  async clear(): Promise<void> {
    this.#tables.clear();
    this.#keys.clear();
  }

  /** Nothing to let go of; what was written stays readable, so that a test can open a client on it again. */
  async close(): Promise<void> {}
}

function nameOf(place: Place): string {
  return JSON.stringify([place.group, place.key]);
}

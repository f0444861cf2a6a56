// The port to whatever keeps a client's state: records in tables, written all or nothing.
// Adapters: memory, SQLite, IndexedDB. One contract suite runs against all of them.

/** Where a record lies. `group` gathers what is read together, e.g. a conversation's outbox. */
export interface Place {
  readonly table: string;
  readonly group: string;
  readonly key: string | number;
}

export interface StoredRecord {
  readonly group: string;
  readonly key: string | number;
  readonly value: unknown;
}

export type Write =
  | { readonly kind: "put"; readonly place: Place; readonly value: unknown }
  | { readonly kind: "delete"; readonly place: Place }
  /** Keys of WebCrypto are kept apart: they cannot be written down everywhere. */
  | { readonly kind: "put-key"; readonly name: string; readonly key: CryptoKey };

/**
 * Values are plain data: null, booleans, numbers, strings, `Uint8Array`, arrays, objects, `Map` and `Set`. A whole value may be
 * a `Blob`: then it is ciphertext, which a store may keep as it is, and its bytes need not be in memory.
 * A store has one writer at a time (the client that owns it); readers always see whole writes.
 */
export interface Store {
  /** `undefined` when there is nothing. What is handed out is the caller's own copy. */
  read(place: Place): Promise<unknown>;
  /** Every record of a table, or of one group of it, ascending by group, then key (numbers as numbers, before texts). */
  list(table: string, group?: string): Promise<readonly StoredRecord[]>;
  readKey(name: string): Promise<CryptoKey | undefined>;
  /** All of it or nothing; resolves once it is durable. */
  write(writes: readonly Write[]): Promise<void>;
  /** Everything goes, keys included. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

export function compareRecords(a: StoredRecord, b: StoredRecord): number {
  if (a.group !== b.group) return a.group < b.group ? -1 : 1;
  if (typeof a.key !== typeof b.key) return typeof a.key === "number" ? -1 : 1;
  if (a.key === b.key) return 0;
  return a.key < b.key ? -1 : 1;
}

/** A table with the type of its values. */
export class Table<V> {
  constructor(readonly name: string) {}

  async read(store: Store, group: string, key: string | number): Promise<V | undefined> {
    return (await store.read({ table: this.name, group, key })) as V | undefined;
  }

  async list(store: Store, group?: string): Promise<{ group: string; key: string | number; value: V }[]> {
    return (await store.list(this.name, group)) as { group: string; key: string | number; value: V }[];
  }

  put(group: string, key: string | number, value: V): Write {
    return { kind: "put", place: { table: this.name, group, key }, value };
  }

  delete(group: string, key: string | number): Write {
    return { kind: "delete", place: { table: this.name, group, key } };
  }
}

// IndexedDB, encrypted at rest: whoever copies the browser's files gets ciphertext, as the keys cannot be extracted.
import { newStoreKey } from "@cychat/crypto";
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { type SealedPlace, Sealer } from "./sealer.ts";
import { compareRecords, type Place, type Store, type StoredRecord, type Write } from "./store.ts";

type RecordKey = [table: string, group: string, key: string | number];

type Box = Uint8Array<ArrayBuffer>;
/** A box with the names alone, and the blob beside it. */
interface BlobRecord {
  readonly box: Box;
  readonly blob: Blob;
}

interface Schema extends DBSchema {
  records: { key: RecordKey; value: Box | BlobRecord };
  keys: { key: string; value: CryptoKey };
}

type Database = IDBPDatabase<Schema>;

export interface IndexedDbOptions {
  /** The database's name; one per account kept side by side. */
  readonly name: string;
  /** Called when another version of the app needs this database closed. */
  onBlocking?(): void;
}

export class IndexedDbStore implements Store {
  #sealer: Promise<Sealer>;

  private constructor(private readonly database: Database) {
    this.#sealer = loadSealer(database);
  }

  static async open(options: IndexedDbOptions): Promise<IndexedDbStore> {
    const database = await openDB<Schema>(options.name, 1, {
      upgrade(db) {
        db.createObjectStore("records");
        db.createObjectStore("keys");
      },
      blocking() {
        options.onBlocking?.();
        database.close();
      },
    });
    const store = new IndexedDbStore(database);
    await store.#sealer;
    return store;
  }

  async read(place: Place): Promise<unknown> {
    const sealer = await this.#sealer;
    const sealed = await sealer.place(place);
    const box = await this.database.get("records", [sealed.table, sealed.group, sealed.key]);
    return box === undefined ? undefined : (await opened(sealer, sealed, box)).value;
  }

  async list(table: string, group?: string): Promise<readonly StoredRecord[]> {
    const sealer = await this.#sealer;
    const prefix = [await sealer.tag("table", table)];
    if (group !== undefined) prefix.push(await sealer.tag(`group of ${table}`, group));
    // Arrays sort after numbers and texts, so `[...prefix, []]` lies behind every key that starts with the prefix.
    const range = IDBKeyRange.bound(prefix, [...prefix, []]);
    const transaction = this.database.transaction("records");
    const [keys, boxes] = await Promise.all([transaction.store.getAllKeys(range), transaction.store.getAll(range)]);
    await transaction.done;
    const records = await Promise.all(
      keys.map((key, index) => opened(sealer, { table: key[0], group: key[1], key: key[2] }, boxes[index] as Box | BlobRecord)),
    );
    return records.sort(compareRecords);
  }

  async readKey(name: string): Promise<CryptoKey | undefined> {
    return this.database.get("keys", keyName(name));
  }

  async write(writes: readonly Write[]): Promise<void> {
    const sealer = await this.#sealer;
    // Sealed before the transaction opens: IndexedDB commits by itself as soon as one waits for something else.
    const prepared = await Promise.all(writes.map((write) => prepare(sealer, write)));
    const transaction = this.database.transaction(["records", "keys"], "readwrite", { durability: "strict" });
    const records = transaction.objectStore("records");
    const keys = transaction.objectStore("keys");
    const requests = prepared.map((write) => {
      if (write.kind === "put-key") return keys.put(write.key, keyName(write.name));
      return write.kind === "put" ? records.put(write.box, write.at) : records.delete(write.at);
    });
    await Promise.all([...requests, transaction.done]);
  }

  async clear(): Promise<void> {
    const transaction = this.database.transaction(["records", "keys"], "readwrite", { durability: "strict" });
    await Promise.all([transaction.objectStore("records").clear(), transaction.objectStore("keys").clear(), transaction.done]);
    this.#sealer = loadSealer(this.database);
    await this.#sealer;
  }

  async close(): Promise<void> {
    this.database.close();
  }
}

type Prepared =
  | { kind: "put"; at: RecordKey; box: Box | BlobRecord }
  | { kind: "delete"; at: RecordKey }
  | Extract<Write, { kind: "put-key" }>;

async function prepare(sealer: Sealer, write: Write): Promise<Prepared> {
  if (write.kind === "put-key") return write;
  const sealed = await sealer.place(write.place);
  const at: RecordKey = [sealed.table, sealed.group, sealed.key];
  if (write.kind === "delete") return { kind: "delete", at };
  const { value } = write;
  if (!(value instanceof Blob)) return { kind: "put", at, box: await sealer.seal(sealed, write.place, value) };
  return { kind: "put", at, box: { box: await sealer.seal(sealed, write.place, null), blob: value } };
}

async function opened(sealer: Sealer, sealed: SealedPlace, stored: Box | BlobRecord): Promise<StoredRecord> {
  if (stored instanceof Uint8Array) return sealer.open(sealed, stored);
  return { ...(await sealer.open(sealed, stored.box)), value: stored.blob };
}

const keyName = (name: string): string => `client/${name}`;

/** The two keys of this store; made at first use, and never readable, not even by this page. */
async function loadSealer(database: Database): Promise<Sealer> {
  const [box, tag] = await Promise.all([database.get("keys", "store/box"), database.get("keys", "store/tag")]);
  if (box !== undefined && tag !== undefined) return new Sealer(box, tag);
  const boxKey = await newStoreKey();
  const tagKey = (await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"])) as CryptoKey;
  const transaction = database.transaction("keys", "readwrite", { durability: "strict" });
  await Promise.all([transaction.store.put(boxKey, "store/box"), transaction.store.put(tagKey, "store/tag"), transaction.done]);
  return new Sealer(boxKey, tagKey);
}

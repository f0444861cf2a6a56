// One suite for every store: what the client relies on, whatever keeps its state.
import "fake-indexeddb/auto";
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportableKeys } from "../exportable-keys.ts";
import { IndexedDbStore } from "./indexeddb-store.ts";
import { MemoryStore } from "./memory-store.ts";
import { SqliteStore } from "./sqlite-store.ts";
import { type Store, Table } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "cychat-store-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;

interface Case {
  readonly name: string;
  /** Opens a new store; `again` opens the same one as after a restart. */
  fresh(): Promise<{ store: Store; again(): Promise<Store> }>;
}

const cases: readonly Case[] = [
  {
    name: "memory",
    async fresh() {
      const store = new MemoryStore();
      return { store, again: async () => store };
    },
  },
  {
    name: "SQLite",
    async fresh() {
      const path = join(folder, `${made++}.db`);
      const store = await SqliteStore.open(path);
      return {
        store,
        async again() {
          await store.close();
          return SqliteStore.open(path);
        },
      };
    },
  },
  {
    name: "IndexedDB",
    async fresh() {
      const name = `store-${made++}`;
      const store = await IndexedDbStore.open({ name });
      return {
        store,
        async again() {
          await store.close();
          return IndexedDbStore.open({ name });
        },
      };
    },
  },
];

const things = new Table<unknown>("things");

for (const { name, fresh } of cases) {
  describe(`store contract: ${name}`, () => {
    test("a record reads back as it was written, every kind of plain data in it, also after a restart", async () => {
      const { store, again } = await fresh();
      const value = {
        text: "žluť 🙂",
        number: 2 ** 53 - 1,
        fraction: 0.25,
        nothing: null,
        yes: true,
        bytes: new Uint8Array([0, 1, 254, 255]),
        list: [1, [2, { deep: new Uint8Array([7]) }]],
        map: new Map<unknown, unknown>([
          [1, new Uint8Array([9])],
          ["a", { $: "not a tag" }],
        ]),
        set: new Set([3, 4]),
        $: "own dollar",
      };
      await store.write([things.put("g", "k", value)]);
      expect(await things.read(store, "g", "k")).toEqual(value);
      expect(await things.read(await again(), "g", "k")).toEqual(value);
    });

    test("a blob reads back as a blob of the same bytes, in a list, too, also after a restart", async () => {
      const { store, again } = await fresh();
      const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => at * 31);
      await store.write([things.put("blobs", 1, new Blob([bytes])), things.put("blobs", 2, "a text")]);
      const reopened = await again();
      const read = (await things.read(reopened, "blobs", 1)) as Blob;
      expect(new Uint8Array(await read.arrayBuffer())).toEqual(bytes);
      const [first, second] = await things.list(reopened, "blobs");
      expect(first).toMatchObject({ group: "blobs", key: 1, value: { size: bytes.length } });
      expect(second?.value).toBe("a text");
    });

    test("what is not there is undefined, what was deleted is not there", async () => {
      const { store } = await fresh();
      expect(await things.read(store, "g", "k")).toBeUndefined();
      await store.write([things.put("g", "k", 1)]);
      await store.write([things.delete("g", "k"), things.delete("g", "never there")]);
      expect(await things.read(store, "g", "k")).toBeUndefined();
      expect(await things.list(store)).toEqual([]);
    });

    test("a list has one table or one group, numbers in number order", async () => {
      const { store } = await fresh();
      await store.write([
        things.put("a", 10, "ten"),
        things.put("a", 9, "nine"),
        things.put("a", "x", "x"),
        things.put("b", 1, "one"),
        new Table("others").put("a", 1, "other"),
      ]);
      expect((await things.list(store, "a")).map((record) => record.value)).toEqual(["nine", "ten", "x"]);
      expect((await things.list(store)).map((record) => [record.group, record.key])).toEqual([
        ["a", 9],
        ["a", 10],
        ["a", "x"],
        ["b", 1],
      ]);
      expect(await things.list(store, "c")).toEqual([]);
    });

    test("number and text keys are different keys", async () => {
      const { store } = await fresh();
      await store.write([things.put("g", 1, "number"), things.put("g", "1", "text")]);
      expect(await things.read(store, "g", 1)).toBe("number");
      expect(await things.read(store, "g", "1")).toBe("text");
    });

    test("a write is all or nothing", async () => {
      const { store } = await fresh();
      await store.write([things.put("g", "k", "old")]);
      const impossible = things.put("g", "bad", () => {});
      await expect(store.write([things.put("g", "k", "new"), impossible])).rejects.toThrow();
      await store.write([things.put("g", "other", 1)]);
      expect(await things.read(store, "g", "k")).toBe("old");
    });

    test("writes in order: the last one of a place counts, within one write too", async () => {
      const { store } = await fresh();
      await store.write([things.put("g", "k", 1), things.put("g", "k", 2), things.delete("g", "k"), things.put("g", "k", 3)]);
      expect(await things.read(store, "g", "k")).toBe(3);
    });

    test("what is handed out is a copy", async () => {
      const { store } = await fresh();
      const value = { list: [1] };
      await store.write([things.put("g", "k", value)]);
      value.list.push(2);
      const read = (await things.read(store, "g", "k")) as { list: number[] };
      read.list.push(3);
      expect(await things.read(store, "g", "k")).toEqual({ list: [1] });
    });

    test("keys work after a restart", async () => {
      const { store, again } = await fresh();
      const device = await exportableKeys.device();
      const box = await exportableKeys.vaultKey(new Uint8Array(32));
      await store.write([
        { kind: "put-key", name: "device", key: device.privateKey },
        { kind: "put-key", name: "box", key: box },
      ]);
      const reopened = await again();
      const signing = (await reopened.readKey("device")) as CryptoKey;
      const data = new Uint8Array([1, 2, 3]);
      const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, signing, data);
      const publicKey = await crypto.subtle.importKey("raw", device.publicKey, { name: "ECDSA", namedCurve: "P-256" }, true, [
        "verify",
      ]);
      expect(await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, publicKey, signature, data)).toBe(true);
      const iv = new Uint8Array(12);
      const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, box, data);
      const opening = (await reopened.readKey("box")) as CryptoKey;
      expect(new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, opening, sealed))).toEqual(data);
      expect(await reopened.readKey("other")).toBeUndefined();
    });

    test("clear leaves nothing, keys included, and the store goes on working", async () => {
      const { store, again } = await fresh();
      const device = await exportableKeys.device();
      await store.write([things.put("g", "k", 1), { kind: "put-key", name: "device", key: device.privateKey }]);
      await store.clear();
      expect(await things.list(store)).toEqual([]);
      expect(await store.readKey("device")).toBeUndefined();
      await store.write([things.put("g", "k", 2)]);
      expect(await things.read(await again(), "g", "k")).toBe(2);
    });
  });
}

describe("at rest", () => {
  test("the files of the SQLite store show neither values nor names, and only their owner may read them", async () => {
    const path = join(folder, "secret.db");
    const store = await SqliteStore.open(path);
    await store.write([things.put("alice@example.org", "bob", "the secret text")]);
    await store.close();
    const files = readdirSync(folder).filter((file) => file.startsWith("secret.db"));
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) {
      const bytes = readFileSync(join(folder, file));
      for (const name of ["the secret text", "alice", "bob", "things"]) expect(bytes.includes(name)).toBe(false);
      expect(statSync(join(folder, file)).mode & 0o077).toBe(0);
    }
    expect(existsSync(`${path}.key.new`)).toBe(false);
  });

  test("SQLite refuses a key that cannot be written down, and nothing of that write stays", async () => {
    const store = await SqliteStore.open(join(folder, "refusing.db"));
    const key = (await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt"])) as CryptoKey;
    await expect(store.write([things.put("g", "k", 1), { kind: "put-key", name: "bad", key }])).rejects.toThrow("exported");
    await store.write([]);
    expect(await things.list(store)).toEqual([]);
  });

  test("the IndexedDB store holds bytes and opaque names only, under keys that cannot be extracted", async () => {
    const store = await IndexedDbStore.open({ name: "secret" });
    await store.write([things.put("alice@example.org", "bob", "the secret text")]);
    await store.close();
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open("secret");
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    const all = (table: string, how: "getAll" | "getAllKeys") =>
      new Promise<unknown[]>((resolve) => {
        const request = database.transaction(table).objectStore(table)[how]();
        request.onsuccess = () => resolve(request.result);
      });
    const names = JSON.stringify(await all("records", "getAllKeys"));
    for (const name of ["alice", "bob", "things"]) expect(names.includes(name)).toBe(false);
    for (const box of await all("records", "getAll")) {
      expect(box).toBeInstanceOf(Uint8Array);
      expect(Buffer.from(box as Uint8Array).includes("the secret text")).toBe(false);
    }
    for (const key of (await all("keys", "getAll")) as CryptoKey[]) expect(key.extractable).toBe(false);
    database.close();
  });
});

// SQLite, for programs on Bun. SQLite holds no CryptoKeys and a process has no place that another process of the same
// user could not read; so everything in the database is sealed under keys from a file beside it, `<path>.key`, that
// only its owner may read (0600, like the database). A copied database without that file opens nothing.
import { Database } from "bun:sqlite";
import { chmodSync, closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { Sealer } from "./sealer.ts";
import { compareRecords, type Place, type Store, type StoredRecord, type Write } from "./store.ts";

interface Row {
  readonly table_tag: string;
  readonly group_tag: string;
  readonly key_tag: string | number;
  readonly box: Uint8Array<ArrayBuffer>;
}

/** How a CryptoKey is written down. */
interface ExportedKey {
  readonly format: "raw" | "pkcs8";
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly algorithm: AesKeyAlgorithm | EcKeyAlgorithm;
  readonly usages: KeyUsage[];
}

const keyTable = "store-keys";

export class SqliteStore implements Store {
  private constructor(
    private readonly database: Database,
    private readonly keyPath: string,
    private sealer: Sealer,
  ) {}

  /** `path`: a file that is made when missing, with `<path>.key` beside it. */
  static async open(path: string): Promise<SqliteStore> {
    const keyPath = `${path}.key`;
    const sealer = await loadSealer(keyPath);
    const database = new Database(path, { create: true });
    chmodSync(path, 0o600);
    database.run("PRAGMA journal_mode = WAL");
    database.run("PRAGMA synchronous = FULL");
    database.run("PRAGMA secure_delete = ON");
    database.run(
      "CREATE TABLE IF NOT EXISTS records (table_tag TEXT, group_tag TEXT, key_tag, box BLOB NOT NULL, PRIMARY KEY (table_tag, group_tag, key_tag)) WITHOUT ROWID",
    );
    return new SqliteStore(database, keyPath, sealer);
  }

  async read(place: Place): Promise<unknown> {
    const sealed = await this.sealer.place(place);
    const row = this.database
      .query<Row, [string, string, string | number]>(
        "SELECT * FROM records WHERE table_tag = ? AND group_tag = ? AND key_tag = ?",
      )
      .get(sealed.table, sealed.group, sealed.key);
    return row === null ? undefined : (await this.sealer.open(sealed, row.box)).value;
  }

  async list(table: string, group?: string): Promise<readonly StoredRecord[]> {
    const tableTag = await this.sealer.tag("table", table);
    const rows =
      group === undefined
        ? this.database.query<Row, [string]>("SELECT * FROM records WHERE table_tag = ?").all(tableTag)
        : this.database
            .query<Row, [string, string]>("SELECT * FROM records WHERE table_tag = ? AND group_tag = ?")
            .all(tableTag, await this.sealer.tag(`group of ${table}`, group));
    const opened = rows.map((row) => this.sealer.open({ table: row.table_tag, group: row.group_tag, key: row.key_tag }, row.box));
    return (await Promise.all(opened)).sort(compareRecords);
  }

  async readKey(name: string): Promise<CryptoKey | undefined> {
    const value = await this.read({ table: keyTable, group: "", key: name });
    return value === undefined ? undefined : importKey(value as ExportedKey);
  }

  async write(writes: readonly Write[]): Promise<void> {
    const prepared = await Promise.all(writes.map((write) => this.#prepare(write)));
    const put = this.database.query("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)");
    const remove = this.database.query("DELETE FROM records WHERE table_tag = ? AND group_tag = ? AND key_tag = ?");
    this.database.transaction(() => {
      for (const { at, box } of prepared) {
        if (box === null) remove.run(at.table, at.group, at.key);
        else put.run(at.table, at.group, at.key, box);
      }
    })();
  }

  /** The old keys are gone with it: whatever the disk still holds of the old records opens no more. */
  async clear(): Promise<void> {
    this.database.run("DELETE FROM records");
    this.database.run("PRAGMA wal_checkpoint(TRUNCATE)");
    this.sealer = await makeSealer(this.keyPath);
  }

  async close(): Promise<void> {
    this.database.close();
  }

  async #prepare(write: Write) {
    const place = write.kind === "put-key" ? { table: keyTable, group: "", key: write.name } : write.place;
    const at = await this.sealer.place(place);
    if (write.kind === "delete") return { at, box: null };
    const value = write.kind === "put-key" ? await exportKey(write.key) : write.value;
    return { at, box: await this.sealer.seal(at, place, value) };
  }
}

async function exportKey(key: CryptoKey): Promise<ExportedKey> {
  if (!key.extractable)
    throw new Error("This store writes keys to a file, so it needs keys that can be exported (see exportableKeys).");
  const format = key.type === "private" ? "pkcs8" : "raw";
  return {
    format,
    bytes: new Uint8Array(await crypto.subtle.exportKey(format, key)),
    algorithm: { ...(key.algorithm as AesKeyAlgorithm | EcKeyAlgorithm) },
    usages: [...key.usages],
  };
}

async function importKey(exported: ExportedKey): Promise<CryptoKey> {
  return crypto.subtle.importKey(exported.format, exported.bytes, exported.algorithm, true, exported.usages);
}

async function loadSealer(keyPath: string): Promise<Sealer> {
  if (!existsSync(keyPath)) return makeSealer(keyPath);
  const bytes = readFileSync(keyPath);
  if (bytes.length !== 64) throw new Error(`${keyPath} is not the key file of a store.`);
  return sealerFrom(new Uint8Array(bytes));
}

async function makeSealer(keyPath: string): Promise<Sealer> {
  const bytes = crypto.getRandomValues(new Uint8Array(64));
  const sealer = await sealerFrom(bytes);
  // Written beside and renamed, so that a crash leaves either the old keys or the new ones.
  const file = openSync(`${keyPath}.new`, "w", 0o600);
  writeSync(file, bytes);
  fsyncSync(file);
  closeSync(file);
  renameSync(`${keyPath}.new`, keyPath);
  return sealer;
}

async function sealerFrom(bytes: Uint8Array<ArrayBuffer>): Promise<Sealer> {
  const boxKey = await crypto.subtle.importKey("raw", bytes.subarray(0, 32), "AES-GCM", false, ["encrypt", "decrypt"]);
  const tagKey = await crypto.subtle.importKey("raw", bytes.subarray(32), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Sealer(boxKey, tagKey);
}

// SQLite as an engine: Kysely's own compiler and introspector, over the database thread.
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { DatabaseError, type Engine } from "../engine.ts";
import type { Database } from "../schema.ts";
import { SqliteClient } from "./client.ts";
import { packMessages, unpackOutcomes } from "./packing.ts";
import type { SqlValue } from "./rpc.ts";

export async function openSqlite(path: string): Promise<Engine> {
  const client = new SqliteClient();
  await client.call("open", path);
  const kysely = new Kysely<Database>({ dialect: new ThreadedSqliteDialect(client) });
  return {
    kysely,
    commitMessages: async (batch) => unpackOutcomes(await client.call("messages", packMessages(batch))),
    commitReceipts: (batch) => client.call("receipts", batch),
    scrub: async () => void (await client.call("scrub", null)),
    close: () => client.close(),
  };
}

class ThreadedSqliteDialect implements Dialect {
  constructor(readonly client: SqliteClient) {}
  createAdapter() {
    return new ThreadedSqliteAdapter();
  }
  createDriver() {
    return new ThreadedSqliteDriver(this.client);
  }
  createIntrospector(db: Kysely<unknown>) {
    return new SqliteIntrospector(db);
  }
  createQueryCompiler() {
    return new SqliteQueryCompiler();
  }
}

class ThreadedSqliteAdapter extends SqliteAdapter {
  /** The client keeps transactions apart, so that single statements need no lock of Kysely's. */
  override get supportsMultipleConnections() {
    return true;
  }
  override get supportsTransactionalDdl() {
    return true;
  }
}

class ThreadedSqliteDriver implements Driver {
  constructor(readonly client: SqliteClient) {}

  async init() {}

  async acquireConnection() {
    return new ThreadedSqliteConnection(this.client);
  }

  async beginTransaction(connection: DatabaseConnection) {
    await this.client.begin(connection);
  }

  async commitTransaction(connection: DatabaseConnection) {
    await this.client.call("query", { sql: "commit", parameters: [] }, connection);
    this.client.release(connection);
  }

  async rollbackTransaction(connection: DatabaseConnection) {
    await this.client.call("rollback", null, connection);
    this.client.release(connection);
  }

  async releaseConnection(connection: DatabaseConnection) {
    if (this.client.holds(connection)) await this.rollbackTransaction(connection);
  }

  async destroy() {}
}

class ThreadedSqliteConnection implements DatabaseConnection {
  constructor(readonly client: SqliteClient) {}

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, changes } = await this.client.call("query", { sql, parameters: parameters as SqlValue[] }, this);
    return { rows: rows as R[], numAffectedRows: BigInt(changes) };
  }

  // biome-ignore lint/correctness/useYield: there is nothing to yield
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new DatabaseError("streaming is not supported: read by pages", "other");
  }
}

// The one place that knows which database it is. Everything else sees Kysely and the batched writes of `Engine`.
import { sql } from "kysely";
import { Migrator } from "kysely/migration";
import type { Db, Engine } from "./engine.ts";
import { migrationProvider } from "./migrations/index.ts";
import { openSqlite } from "./sqlite/sqlite.ts";

export interface DatabaseSettings {
  readonly type: "sqlite";
  /** The database file. */
  readonly path: string;
}

/** Opens the database and brings its tables up to date. */
export async function openDatabase(settings: DatabaseSettings): Promise<Engine> {
  const engine = await openSqlite(settings.path);
  try {
    await migrate(engine.kysely);
  } catch (cause) {
    await engine.close();
    throw cause;
  }
  return engine;
}

async function migrate(db: Db): Promise<void> {
  const { error } = await new Migrator({ db, provider: migrationProvider }).migrateToLatest();
  if (error) throw error;
}

/** Throws unless the database answers. */
export async function pingDatabase(db: Db): Promise<void> {
  await sql`select 1`.execute(db);
}

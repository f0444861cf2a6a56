// A database as an earlier version would have left it.
import { Database as SqliteFile } from "bun:sqlite";
import { rmSync } from "node:fs";
import { type Migration, Migrator } from "kysely/migration";
import { openSqlite } from "../database/sqlite/sqlite.ts";

/** The tables as these migrations left them, with the rows of a newer database in the columns that there were. */
export async function asMigratedTo(
  migrations: Record<string, Migration>,
  path: string,
  alter: (older: SqliteFile) => void = () => {},
): Promise<void> {
  const newer = `${path}.newer`;
  const source = new SqliteFile(path);
  source.run(`vacuum into '${newer}'`);
  source.close();
  for (const end of ["", "-wal", "-shm"]) rmSync(path + end, { force: true });
  const engine = await openSqlite(path);
  const { error } = await new Migrator({
    db: engine.kysely,
    provider: { getMigrations: async () => migrations },
  }).migrateToLatest();
  if (error) throw error;
  await engine.close();
  const older = new SqliteFile(path);
  older.run("pragma foreign_keys = off");
  older.run(`attach '${newer}' as newer`);
  const tables = older
    .query<{ name: string }, []>("select name from main.sqlite_master where type = 'table' and name not like 'kysely%'")
    .all();
  for (const { name } of tables) {
    const columns = older.query<{ name: string }, []>(`select name from pragma_table_info('${name}', 'main')`).all();
    const list = columns.map((column) => `"${column.name}"`).join(", ");
    older.run(`insert into main."${name}" (${list}) select ${list} from newer."${name}"`);
  }
  alter(older);
  older.close();
}

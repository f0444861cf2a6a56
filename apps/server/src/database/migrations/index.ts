// In code, not in a folder that is read at run time: a single-file build has no folders.
import type { Migration, MigrationProvider } from "kysely/migration";
import { foundation } from "./0001-foundation.ts";

const migrations: Record<string, Migration> = {
  "0001-foundation": foundation,
};

export const migrationProvider: MigrationProvider = {
  getMigrations: async () => migrations,
};

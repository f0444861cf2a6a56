// In code, not in a folder that is read at run time: a single-file build has no folders.
import type { Migration, MigrationProvider } from "kysely/migration";
import { foundation } from "./0001-foundation.ts";
import { rooms } from "./0002-rooms.ts";
import { files } from "./0003-files.ts";

const migrations: Record<string, Migration> = {
  "0001-foundation": foundation,
  "0002-rooms": rooms,
  "0003-files": files,
};

export const migrationProvider: MigrationProvider = {
  getMigrations: async () => migrations,
};

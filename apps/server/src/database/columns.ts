// Column types that every database we plan for understands (SQLite takes any name and keeps its affinity).
import { sql } from "kysely";

export const columns = {
  uuid: "varchar(36)",
  /** SHA-256 in base64url. */
  hash: "varchar(43)",
  word: "varchar(16)",
  shortText: "varchar(255)",
  /** Counters and milliseconds: 64 bits. */
  count: "bigint",
  bytes: sql`blob`,
} as const;

// `like` with an escape character: every engine understands it, but none has the same one by itself.
import { type Expression, type SqlBool, sql } from "kysely";

/** In `pattern` an `!` stands in front of what is meant literally. */
export function matches(column: Expression<string | null>, pattern: string): Expression<SqlBool> {
  return sql<SqlBool>`${column} like ${pattern} escape '!'`;
}

// Statements stay below every engine's limit of parameters, and are few.

/** For `in (…)`. */
const idsPerStatement = 500;
const parametersPerStatement = 900;

export async function inChunks<T, R>(items: readonly T[], read: (some: readonly T[]) => Promise<readonly R[]>): Promise<R[]> {
  const found: R[] = [];
  for (let next = 0; next < items.length; next += idsPerStatement)
    found.push(...(await read(items.slice(next, next + idsPerStatement))));
  return found;
}

/** Hands out rows for multi-row inserts; every row has as many columns as the first. */
export async function insertMany<T extends object>(
  rows: readonly T[],
  insert: (some: readonly T[]) => Promise<unknown>,
): Promise<void> {
  const rowsPerStatement = Math.floor(parametersPerStatement / Math.max(1, Object.keys(rows[0] ?? {}).length));
  for (let next = 0; next < rows.length; next += rowsPerStatement) await insert(rows.slice(next, next + rowsPerStatement));
}

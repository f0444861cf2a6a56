// Checks a value against one of the protocol's schemas, through the interface that all schema libraries share
// (standardschema.dev): this package needs no schema library of its own.

/** What a protocol schema looks like from here. */
export interface Checker<T> {
  readonly "~standard": { validate(value: unknown): CheckResult<T> | Promise<CheckResult<T>> };
}

type CheckResult<T> = { readonly value: T; readonly issues?: undefined } | { readonly issues: readonly unknown[] };

/** The checked value, or undefined when it does not fit. */
export function checked<T>(schema: Checker<T>, value: unknown): T | undefined {
  const result = schema["~standard"].validate(value);
  // The protocol's schemas have no asynchronous parts.
  if (result instanceof Promise || result.issues !== undefined) return undefined;
  return result.value;
}

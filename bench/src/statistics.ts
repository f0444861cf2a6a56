// Medians and spreads: on a shared machine one number alone says little.

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new Error("no values to describe");
  const sorted = values.toSorted((a, b) => a - b);
  return { median: median(sorted), min: sorted[0] as number, max: sorted.at(-1) as number, count: sorted.length };
}

/** Pair by pair, so that what slows both sides of a pair down leaves its ratio alone. */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Spread {
  if (ours.length !== theirs.length) throw new Error("every value wants its partner");
  return spreadOf(ours.map((value, index) => value / (theirs[index] as number)));
}

function median(sorted: readonly number[]): number {
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/** The nearest-rank percentile: the smallest value that at least `share` of all values do not exceed. */
export function percentile(values: ArrayLike<number>, share: number): number {
  if (values.length === 0) throw new Error("no values to take a percentile of");
  const sorted = Float64Array.from(values).sort();
  const rank = Math.ceil(share * sorted.length);
  return sorted[Math.max(0, rank - 1)] as number;
}

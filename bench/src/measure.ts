// What a measure is given, and what it hands back.

import type { Machine } from "./machine.ts";
import type { PeopleCache } from "./people/people-cache.ts";
import type { Children } from "./processes/children.ts";
import type { Spread } from "./statistics.ts";

/** `smoke` only shows that a measure works; its figures mean nothing. */
export type Scale = "full" | "quick" | "smoke";

export interface MeasureContext {
  readonly scale: Scale;
  readonly machine: Machine;
  readonly children: Children;
  readonly people: PeopleCache;
  /** How long the whole run may still take. */
  timeLeftMs(): number;
  /** One line of progress. */
  say(line: string): void;
}

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly unit: string;
  readonly ours: Spread;
  /** What it was measured side by side with. */
  readonly beside?: { readonly name: string; readonly value: Spread };
  /** `ours / beside` of each pair. */
  readonly ratio?: Spread;
  readonly target?: { readonly text: string; readonly met: boolean };
}

export interface Outcome {
  readonly rows: readonly Row[];
  /** How a figure came about, where that is not obvious. */
  readonly notes: readonly string[];
  readonly notMeasured: readonly string[];
}

export interface Measure {
  /** As it is named on the command line. */
  readonly name: string;
  readonly title: string;
  run(context: MeasureContext): Promise<Outcome>;
}

/**
 * Runs the sides in turns, A B C, C B A, A B C …, and leaves rounds out when the time for another one is not there.
 * Gives what a reader should know of that.
 */
export async function inTurns(
  { timeLeftMs }: Pick<MeasureContext, "timeLeftMs">,
  rounds: number,
  sides: readonly (() => Promise<void>)[],
): Promise<string[]> {
  let longestMs = 0;
  for (let round = 0; round < rounds; round++) {
    if (timeLeftMs() < 1.5 * longestMs) return [`Only ${round} of ${rounds} rounds: the time was up.`];
    const startedAt = performance.now();
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) await side();
    longestMs = Math.max(longestMs, performance.now() - startedAt);
  }
  return [];
}

/** A measure that cannot go on, in words for the table's reader. */
export class CannotMeasure extends Error {
  override readonly name = "CannotMeasure";
}

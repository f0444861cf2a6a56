// Runs measures one after the other, whatever becomes of the ones before, and leaves no process behind.
import { readMachine } from "./machine.ts";
import { CannotMeasure, type Measure, type MeasureContext, type Outcome, type Scale } from "./measure.ts";
import { PeopleCache } from "./people/people-cache.ts";
import { Children } from "./processes/children.ts";

export interface RunOptions {
  readonly measures: readonly Measure[];
  readonly scale: Scale;
  readonly limitMs: number;
  say(line: string): void;
  onOutcome(measure: Measure, outcome: Outcome): void;
}

/** What is left for a measure to begin at all. */
const leastMs = 5_000;
const timeIsUp = "the run's time was up";

export async function runMeasures({ measures, scale, limitMs, say, onOutcome }: RunOptions): Promise<void> {
  const children = new Children();
  const deadline = performance.now() + limitMs;
  const timeLeftMs = () => Math.max(0, deadline - performance.now());
  const machine = readMachine();
  const stopped = Promise.withResolvers<never>();
  let whyStopped: string | null = null;
  const stop = (why: string) => {
    whyStopped ??= why;
    stopped.reject(new CannotMeasure(why));
  };
  stopped.promise.catch(() => {});
  const timer = setTimeout(() => stop(timeIsUp), limitMs);
  const interrupt = () => stop("interrupted");
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  try {
    const context: MeasureContext = { scale, machine, children, people: new PeopleCache(children), timeLeftMs, say };
    for (const measure of measures) {
      if (timeLeftMs() < leastMs) whyStopped ??= timeIsUp;
      say(`${measure.title} …`);
      onOutcome(measure, whyStopped === null ? await outcomeOf(measure, context, stopped.promise) : notRun(measure, whyStopped));
    }
  } finally {
    clearTimeout(timer);
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
    await children.end();
  }
}

async function outcomeOf(measure: Measure, context: MeasureContext, stopped: Promise<never>): Promise<Outcome> {
  try {
    return await Promise.race([measure.run(context), stopped]);
  } catch (error) {
    if (error instanceof CannotMeasure) return notRun(measure, error.message);
    throw error;
  }
}

function notRun({ title }: Measure, why: string): Outcome {
  return { rows: [], notes: [], notMeasured: [`${title}: ${why}`] };
}

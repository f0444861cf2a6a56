import { expect, test } from "bun:test";
import type { Outcome } from "./measure.ts";
import { measures } from "./measures/index.ts";
import { descendantsOf } from "./processes/process-figures.ts";
import { runMeasures } from "./run.ts";

const patienceMs = 60_000;

test("every measure works with the real server at its smallest size, and no process stays behind", async () => {
  const outcomes = await run(measures.map(({ name }) => name));
  const incomplete = new Map(outcomes.filter(([, { notMeasured }]) => notMeasured.length > 0));
  // Two thousand accounts are for full runs only.
  expect([...incomplete.keys()]).toEqual(["messages-2000"]);
  for (const [name, { rows }] of outcomes) {
    if (!incomplete.has(name)) expect(rows.length, name).toBeGreaterThan(0);
    // A few messages cost less CPU time than its clock can tell, so figures may be nothing or without bounds; the text is not.
    for (const { ours, what } of rows) expect(Number.isNaN(ours.median), what).toBe(false);
  }
  if (process.platform === "linux") expect(descendantsOf(process.pid)).toEqual([]);
}, 60_000);

test("a run whose time is up says so instead of beginning", async () => {
  const outcomes = await run(["start"], 1);
  expect(outcomes).toEqual([["start", { rows: [], notes: [], notMeasured: ["Start: the run's time was up"] }]]);
});

async function run(names: readonly string[], limitMs = patienceMs): Promise<[string, Outcome][]> {
  const outcomes: [string, Outcome][] = [];
  await runMeasures({
    measures: measures.filter(({ name }) => names.includes(name)),
    scale: "smoke",
    limitMs,
    say: () => {},
    onOutcome: ({ name }, outcome) => outcomes.push([name, outcome]),
  });
  return outcomes;
}

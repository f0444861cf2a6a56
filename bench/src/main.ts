// npm run bench [-- --quick] [-- <name> …]: selects measures, prints their table, writes it all to bench/results/.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readCpuTimes, readMachine, shareOfOthers } from "./machine.ts";
import type { Measure, Outcome, Row } from "./measure.ts";
import { measures } from "./measures/index.ts";
import { runMeasures } from "./run.ts";
import { remarksOf, tableOf } from "./table.ts";

const limits = { full: 9 * 60_000, quick: 90_000 } as const;
/** When others use more of the machine than this, they are measured, too. */
const busyFrom = 0.1;

const results = fileURLToPath(new URL("../results/", import.meta.url));

// What a stopped measure left waiting is no reason to stay.
process.exit(await main());

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { quick: { type: "boolean" }, markdown: { type: "boolean" } },
    allowPositionals: true,
  });
  const unknown = positionals.filter((name) => !measures.some((measure) => measure.name === name));
  if (unknown.length > 0) {
    console.error(`No measure is called ${unknown.join(", ")}. There are: ${measures.map(({ name }) => name).join(", ")}.`);
    return 1;
  }
  const selected = positionals.length === 0 ? measures : measures.filter(({ name }) => positionals.includes(name));
  const scale = values.quick === true ? "quick" : "full";
  const form = values.markdown === true ? "markdown" : "text";

  const startedAt = new Date();
  const machine = readMachine();
  const cpuBefore = readCpuTimes();
  console.log(`${machine.description}${machine.cannotPin === null ? "" : `; not pinned to cores: ${machine.cannotPin}`}`);

  const outcomes: { measure: Measure; outcome: Outcome }[] = [];
  await runMeasures({
    measures: selected,
    scale,
    limitMs: limits[scale],
    say: (line) => console.error(`  … ${line}`),
    onOutcome: (measure, outcome) => {
      outcomes.push({ measure, outcome });
      console.log(`\n${measure.title}\n`);
      if (outcome.rows.length > 0) console.log(tableOf(outcome.rows, form));
      for (const line of remarksOf(outcome)) console.log(line);
    },
  });

  const others = shareOfOthers(cpuBefore, readCpuTimes());
  const missed = outcomes.flatMap(({ outcome }) => outcome.rows.filter(({ target }) => target?.met === false));
  console.log(`\n${summary(missed)}`);
  if (others !== null && others > busyFrom) {
    console.log(
      `Others used ${Math.round(others * 100)} % of this machine meanwhile: believe ratios and CPU time more than wall time.`,
    );
  }
  const file = save({
    at: startedAt.toISOString(),
    seconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
    scale,
    machine,
    shareOfOthers: others,
    measures: outcomes.map(({ measure, outcome }) => ({ name: measure.name, ...outcome })),
  });
  console.log(`Written to ${file}`);
  return outcomes.every(({ outcome }) => outcome.rows.length === 0) ? 1 : 0;
}

function summary(missed: readonly Row[]): string {
  if (missed.length === 0) return "Every target that was measured is met.";
  return ["Targets missed:", ...missed.map(({ what, target }) => `  ${what} (${target?.text})`)].join("\n");
}

function save(run: { readonly at: string; readonly [more: string]: unknown }): string {
  mkdirSync(results, { recursive: true });
  const name = `${run.at.replaceAll(":", "-").replace(/\..*/, "")}.json`;
  writeFileSync(results + name, `${JSON.stringify(run, null, 2)}\n`);
  return `bench/results/${name}`;
}

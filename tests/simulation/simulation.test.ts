// Seeded runs of everything together; `npm run simulate` takes any other seed, SIMULATION_SEED another range. A seed that
// once failed stays here under its name.
import { expect, test } from "bun:test";
import { run } from "./run.ts";

const steps = 60;
const runs = 8;
const base = Number(process.env.SIMULATION_SEED ?? 20261123);

for (let seed = base; seed < base + runs; seed++) {
  test(`seed ${seed} (npm run simulate -- --seed ${seed} --steps ${steps})`, async () => {
    expect((await run({ seed, steps })).messages).toBeGreaterThan(0);
  }, 120_000);
}

const met = [
  [124, "what was read without a connection is told at the next one"],
  [216, "unread messages that the server counted are not counted again when one scrolls back to them"],
  [1012, "the devices of somebody who got a request need not agree on how far it was read"],
] as const;

for (const [seed, what] of met) {
  test(`seed ${seed}: ${what}`, async () => {
    expect((await run({ seed, steps })).messages).toBeGreaterThan(0);
  }, 60_000);
}

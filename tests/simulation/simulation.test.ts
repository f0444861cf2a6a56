// Seeded runs of everything together; see simulate.ts for longer ones. A seed that once failed stays here under its name.
import { expect, test } from "bun:test";
import { run } from "./run.ts";

const forMs = 45_000;
const steps = 60;
const base = Number(process.env.SIMULATION_SEED ?? crypto.getRandomValues(new Uint32Array(1))[0]);

test("fresh seeds", async () => {
  console.log(
    `seeds from ${base} on (SIMULATION_SEED=${base} repeats them; npm run simulate -- --seed N --steps ${steps} one of them)`,
  );
  const until = performance.now() + forMs;
  let runs = 0;
  for (; performance.now() < until; runs++) await run({ seed: (base + runs) >>> 0, steps });
  expect(runs).toBeGreaterThan(0);
}, 180_000);

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

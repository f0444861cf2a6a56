// npm run simulate -- --seed N --steps N [--runs N] [--direct]: the real server and the SDK in all weathers, decided by a seed.
import { parseArgs } from "node:util";
import { run } from "./run.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    steps: { type: "string", default: "300" },
    runs: { type: "string", default: "1" },
    direct: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});
const numberOf = (name: string, text: string): number => {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`--${name} wants a whole number.`);
  return Number(text);
};

async function main(): Promise<number> {
  const first = values.seed === undefined ? (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) : numberOf("seed", values.seed);
  const steps = numberOf("steps", values.steps);
  const runs = numberOf("runs", values.runs);
  let failures = 0;
  for (let seed = first; seed < first + runs; seed++) {
    console.log(`seed ${seed}, ${steps} steps`);
    const startedAtMs = performance.now();
    const onStep = (step: number, name: string) => {
      if (values.verbose) console.log(`  ${step} ${name}, ${Math.round(performance.now() - startedAtMs)} ms`);
      else if (step % 50 === 0) console.log(`  step ${step} of ${steps}`);
    };
    try {
      const { messages, devices, conversations, rooms, records } = await run({ seed, steps, rooms: !values.direct, onStep });
      const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
      console.log(
        `seed ${seed}: passed in ${seconds} s: ${messages} messages, ${devices} devices, ${conversations} conversations, ${rooms} of them rooms, ${records} records`,
      );
    } catch (error) {
      console.error(error instanceof Error ? error.message : error);
      if (values.verbose && error instanceof Error) console.error(error.cause);
      failures += 1;
    }
  }
  if (runs > 1) console.log(`${runs} runs, ${failures} failed`);
  return failures === 0 ? 0 : 1;
}

process.on("unhandledRejection", (error) => {
  console.error("unhandled:", error);
  process.exitCode = 1;
});
process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 1;
});
process.exit();

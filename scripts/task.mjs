// Sets up what a task needs, then runs its TypeScript file with Bun: task.mjs [--web] [--browser] file [arguments …]
import { findBun } from "./bun.mjs";
import { main, PlainError, run } from "./process.mjs";
import { ensureChromium, ensureInstalled, ensureWebBuilt } from "./setup.mjs";

await main(async (args) => {
  const env = {};
  await ensureInstalled();
  for (; args[0]?.startsWith("--"); args.shift()) {
    if (args[0] === "--web") await ensureWebBuilt();
    if (args[0] === "--browser") env.CHROMIUM_PATH = await chromium();
  }
  return run(findBun(), args, { env });
});

async function chromium() {
  const path = await ensureChromium();
  if (!path) throw new PlainError("No Chromium found: install one, or name it in CHROMIUM_PATH.");
  return path;
}

import { findBun } from "./bun.mjs";
import { main, run } from "./process.mjs";
import { ensureInstalled, ensureWebBuilt } from "./setup.mjs";

await main(async (args) => {
  await ensureInstalled();
  await ensureWebBuilt();
  return run(findBun(), ["apps/server/src/main.ts", ...args]);
});

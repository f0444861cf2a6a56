import { findBun } from "./bun.mjs";
import { main } from "./process.mjs";
import { ensureInstalled } from "./setup.mjs";
import { runChecks } from "./verify/checks.mjs";

await main(async (args) => {
  await ensureInstalled();
  const { failed } = await runChecks(findBun(), { fix: args.includes("--fix") });
  return failed > 0 ? 1 : 0;
});

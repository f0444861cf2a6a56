import { join } from "node:path";
import { findBun } from "./bun.mjs";
import { main, root, run, start } from "./process.mjs";
import { ensureInstalled } from "./setup.mjs";

const port = process.env.PORT ?? "8000";
const server = `http://localhost:${port}`;
const dataDir = join(root, ".cache", "dev-data");
const web = join(root, "apps", "web");

await main(async () => {
  await ensureInstalled();
  const bun = findBun();
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  const parts = [
    start(bun, ["--watch", "--no-clear-screen", "apps/server/src/main.ts"], {
      env: { PORT: port, DATA_DIR: dataDir, UPLOAD_DIR: join(dataDir, "uploads") },
    }),
    // Its configuration reads PORT to know where the server is.
    start(bun, [vite, "--clearScreen", "false"], { cwd: web, env: { PORT: port } }),
  ];
  let running = true;
  const firstEnded = Promise.race(parts.map((part) => part.ended)).finally(() => {
    running = false;
  });
  if (await ready(() => running)) await run(bun, ["scripts/demo-accounts.ts", server]);

  const code = await firstEnded;
  for (const { child } of parts) if (!child.killed) child.kill();
  return code;
});

async function ready(isRunning) {
  while (isRunning()) {
    const answer = await fetch(`${server}/health/ready`).catch(() => undefined);
    if (answer?.ok) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { capture, root } from "../process.mjs";

const bin = (path) => join(root, "node_modules", path);

/** Runs every check, one line each, and shows the output of those that fail. */
export async function runChecks(bun, { fix = false } = {}) {
  const node = process.execPath;
  const lint = ["check", "--error-on-warnings", ...(fix ? ["--write"] : []), "."];
  const checks = [
    ["types", node, [bin("typescript/bin/tsc"), "--noEmit", "-p", "."]],
    ["types in Svelte", node, [bin("svelte-check/bin/svelte-check"), "--fail-on-warnings", "--output", "human"], "apps/web"],
    ["lint and format", node, [bin("@biomejs/biome/bin/biome"), ...lint]],
    ["boundaries", bun, ["scripts/check-boundaries.ts"]],
    ["dead code", node, [bin("knip/bin/knip.js"), "--no-progress", "--no-config-hints"]],
  ];
  const counts = { passed: 0, failed: 0 };
  for (const [name, command, args, folder = "."] of checks) {
    if (folder === "apps/web" && !hasComponents(folder)) continue;
    const started = performance.now();
    const { code, output } = await capture(command, args, { cwd: join(root, folder) });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${code === 0 ? "ok    " : "FAILED"}  ${name}  ${seconds} s`);
    counts[code === 0 ? "passed" : "failed"] += 1;
    if (code !== 0) console.log(output.trimEnd());
  }
  return counts;
}

const hasComponents = (folder) =>
  readdirSync(join(root, folder, "src"), { recursive: true }).some((file) => file.endsWith(".svelte"));

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { PlainError, root } from "./process.mjs";

const shimLimitBytes = 1_000_000;

/** The path of the Bun binary in node_modules, also where npm was told not to run install scripts. */
export function findBun(modules = join(root, "node_modules")) {
  // Before its install script has run this is a small shim that only prints an error.
  const installed = join(modules, "bun", "bin", "bun.exe");
  if (existsSync(installed) && statSync(installed).size > shimLimitBytes) return installed;

  const found = platformBinaries(join(modules, "@oven")).find((path) => spawnSync(path, ["--version"]).status === 0);
  if (found) return found;
  throw new PlainError(`No Bun for ${process.platform}-${process.arch} in node_modules: run "npm ci" again.`);
}

// One machine may have several that carry its name (glibc, musl, baseline): the first that runs fits.
function platformBinaries(folder) {
  if (!existsSync(folder)) return [];
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const arch = process.arch === "arm64" ? "aarch64" : process.arch;
  const name = `bun-${platform}-${arch}`;
  const binary = process.platform === "win32" ? "bun.exe" : "bun";
  return readdirSync(folder)
    .filter((entry) => entry === name || entry.startsWith(`${name}-`))
    .sort()
    .map((entry) => join(folder, entry, "bin", binary))
    .filter((path) => existsSync(path));
}

import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { capture, PlainError, root } from "../process.mjs";

const lockfile = join(root, "package-lock.json");
const stamp = join(root, "node_modules", ".cychat-installed");

/** Installs the packages when they are missing or package-lock.json has changed. */
export async function ensureInstalled() {
  if (Number.parseInt(process.versions.node, 10) < 20) {
    throw new PlainError(`CyChat needs Node 20 or newer; this is ${process.version}.`);
  }
  const wanted = createHash("sha256").update(readFileSync(lockfile)).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;

  if (!installedByHand()) {
    console.log("Installing packages …");
    const { code, output } = await npm("ci", "--include=dev");
    if (code !== 0) throw new PlainError(`${output}\nnpm ci failed: see above.`);
  }
  writeFileSync(stamp, wanted);
}

// "npm ci" or "npm install" run by a person leaves no stamp of ours, but npm's own record of what is there.
function installedByHand() {
  const record = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(record)) return false;
  const there = JSON.parse(readFileSync(record, "utf8")).packages;
  const wanted = JSON.parse(readFileSync(lockfile, "utf8")).packages;
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === "" || (optional && !there[path])) return true;
    return there[path]?.version === version && there[path].integrity === integrity;
  });
}

// npm names its own script when it runs us; without it (plain "node scripts/…") the one on the PATH must do.
function npm(...args) {
  const script = process.env.npm_execpath;
  if (script) return capture(process.execPath, [script, ...args]);
  return process.platform === "win32" ? capture("cmd", ["/c", "npm", ...args]) : capture("npm", args);
}

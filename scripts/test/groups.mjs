import { existsSync, readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { root } from "../process.mjs";

// In this order; each folder under tests/ is a group of its own. Groups run one after the other, so that
// the browser never competes with other tests.
const folders = ["scripts", "packages", "apps", "bench", "examples", "tests"];
const browserGroups = new Set(["tests/browser", "tests/e2e"]);
const withoutWebApp = new Set(["scripts", "packages"]);

/** The test files, grouped by what runs together; `paths` (files or folders) narrows them. */
export function findGroups(paths) {
  const wanted = paths.map((path) => relative(root, resolve(path)).replaceAll("\\", "/"));
  const groups = new Map();
  for (const file of folders.flatMap(testFilesUnder)) {
    if (wanted.length > 0 && !wanted.some((path) => path === "" || file === path || file.startsWith(`${path}/`))) continue;
    const name = groupOf(file);
    groups.set(name, [...(groups.get(name) ?? []), file]);
  }
  return [...groups].map(([name, files]) => ({
    name,
    files,
    needsBrowser: browserGroups.has(name),
    needsWeb: !withoutWebApp.has(name),
    timeoutMs: name === "tests/e2e" ? 180_000 : 60_000,
  }));
}

function groupOf(file) {
  const [first, second] = file.split("/");
  return first === "tests" && !second.endsWith(".ts") ? `tests/${second}` : first;
}

function testFilesUnder(folder) {
  if (!existsSync(join(root, folder))) return [];
  const entries = readdirSync(join(root, folder), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === "node_modules" || entry.name === "dist" ? [] : testFilesUnder(path);
    return entry.name.endsWith(".test.ts") ? [path] : [];
  });
}

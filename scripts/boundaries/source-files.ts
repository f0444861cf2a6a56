import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

export type Import = { specifier: string; typeOnly: boolean };
/** `path` is relative to the repository and always written with `/`. */
export type SourceFile = { path: string; imports: Import[] };

const folders = ["packages", "apps", "bench", "tests", "examples", "scripts"];
const ignored = new Set(["node_modules", "dist", "vectors"]);
const transpiler = new Bun.Transpiler({ loader: "ts" });

export function readSourceFiles(root: string): SourceFile[] {
  return folders
    .flatMap((folder) => filesUnder(root, folder))
    .map((path) => ({ path, imports: importsOf(path, readFileSync(join(root, path), "utf8")) }));
}

function filesUnder(root: string, folder: string): string[] {
  let entries: import("node:fs").Dirent[];
  try {
    entries = readdirSync(join(root, folder), { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return ignored.has(entry.name) || entry.name.startsWith(".") ? [] : filesUnder(root, path);
    return /\.(ts|mts|js|mjs|svelte)$/.test(entry.name) ? [path] : [];
  });
}

function importsOf(path: string, text: string): Import[] {
  const code = path.endsWith(".svelte") ? scriptsOf(text) : text;
  const runtime = transpiler.scanImports(code).map(({ path: specifier }) => ({ specifier, typeOnly: false }));
  return [...runtime, ...typeImportsOf(code)];
}

const scriptsOf = (svelte: string) =>
  [...svelte.matchAll(/<script\b[^>]*>(.*?)<\/script>/gs)].map((match) => match[1]).join("\n");

// What the transpiler drops: `import type … from "x"`, `import { type A } from "x"` and `import("x").A` as a type.
// The last is found for run-time `import("x")` as well, which then simply counts twice.
function typeImportsOf(code: string): Import[] {
  const statements = code.matchAll(/^\s*(?:import|export)\b([^"';=()]*?)\bfrom\s*["']([^"']+)["']/gm);
  const inTypes = code.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)\s*\./g);
  const specifiers = [...statements].filter(([, names]) => isTypeOnly(names ?? "")).map((match) => match[2]);
  return [...specifiers, ...[...inTypes].map((match) => match[1])]
    .filter((specifier) => specifier !== undefined)
    .map((specifier) => ({ specifier, typeOnly: true }));
}

function isTypeOnly(names: string): boolean {
  const list = names.trim();
  if (/^type\b/.test(list)) return true;
  const inBraces = /^\{(.*)\}$/s
    .exec(list)?.[1]
    ?.split(",")
    .filter((name) => name.trim());
  return inBraces?.every((name) => name.trim().startsWith("type ")) ?? false;
}

/** The workspace a file belongs to: `packages/sdk`, `apps/server`, `bench` … */
export function packageOf(path: string): string {
  const [first, second] = path.split("/");
  return first === "packages" || first === "apps" ? `${first}/${second}` : (first ?? "");
}

/** The repository path that a relative import points to; undefined for the import of a package. */
export function targetOf(file: SourceFile, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return normalize(join(dirname(file.path), specifier))
    .replaceAll("\\", "/")
    .replace(/\?.*$/, "");
}

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

type LockedPackage = {
  resolved?: string;
  version?: string;
  link?: boolean;
  dev?: boolean;
  license?: string;
  hasInstallScript?: boolean;
  optionalDependencies?: Record<string, string>;
};

const mayRunInstallScript = new Set(["node_modules/bun"]);
const permissive = new Set([
  "MIT",
  "MIT-0",
  "ISC",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "0BSD",
  "CC0-1.0",
  "BlueOak-1.0.0",
  "Unlicense",
]);

/** Their package.json names none. Looked at, version by version. */
const statedInReadme = new Map([["node_modules/combine-errors 3.0.3", "MIT"]]);

/** Refuses dependencies that are not exact, not permissive, run code when installed or are tied to one registry. */
export function checkDependencies(root: string): string[] {
  return [...checkLockfile(root), ...checkRanges(root)];
}

function checkLockfile(root: string): string[] {
  const path = join(root, "package-lock.json");
  if (!existsSync(path)) return ["package-lock.json is missing"];
  const packages: Record<string, LockedPackage> = JSON.parse(readFileSync(path, "utf8")).packages;
  return Object.entries(packages).flatMap(([name, locked]) => {
    const problems: string[] = [];
    const say = (problem: string) => problems.push(`package-lock.json: ${name} ${problem}`);
    if (locked.resolved && !locked.link) say("names the address it came from");
    if (locked.hasInstallScript && !mayRunInstallScript.has(name)) say("runs a script when it is installed");
    // Without them `npm ci` fails, or leaves another platform without its binary.
    for (const wanted of Object.keys(locked.optionalDependencies ?? {})) {
      if (!packages[`${name}/node_modules/${wanted}`] && !packages[`node_modules/${wanted}`]) say(`lacks its optional ${wanted}`);
    }
    const isOurs = !name.includes("node_modules/") || locked.link;
    if (!isOurs && !locked.dev && !isPermissive(locked.license ?? statedInReadme.get(`${name} ${locked.version}`)))
      say(`has the licence ${locked.license ?? "(none)"}`);
    return problems;
  });
}

// An SPDX expression: one of alternatives is enough, of anything more involved every part must do.
function isPermissive(expression = ""): boolean {
  const names = expression.replaceAll(/[()]/g, "").split(/ (?:OR|AND|WITH) /);
  const isChoice = !/ (AND|WITH) /.test(expression);
  return isChoice ? names.some((name) => permissive.has(name)) : names.every((name) => permissive.has(name));
}

function checkRanges(root: string): string[] {
  return manifestsOf(root).flatMap((path) => {
    const manifest = JSON.parse(readFileSync(join(root, path), "utf8"));
    const ranges = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"].flatMap((kind) =>
      Object.entries<string>(manifest[kind] ?? {}),
    );
    return ranges
      .filter(([, range]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(range))
      .map(([name, range]) => `${path}: "${name}": "${range}" is not an exact version`);
  });
}

function manifestsOf(root: string): string[] {
  const workspaces = ["packages", "apps"].flatMap((folder) =>
    existsSync(join(root, folder)) ? readdirSync(join(root, folder)).map((name) => `${folder}/${name}`) : [],
  );
  return ["", ...workspaces, "bench", "tests", "examples"]
    .map((folder) => join(folder, "package.json").replaceAll("\\", "/"))
    .filter((path) => existsSync(join(root, path)));
}

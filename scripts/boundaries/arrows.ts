import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageOf, type SourceFile, targetOf } from "./source-files.ts";

// Which of our packages each one may import. That the server has no crypto here is the promise the product makes.
const arrows: Record<string, string[]> = {
  "packages/protocol": [],
  "packages/crypto": ["protocol"],
  "packages/sdk": ["crypto", "protocol"],
  "apps/server": ["protocol"],
  "apps/web": ["sdk"],
  "apps/cli": ["sdk"],
  bench: ["sdk", "crypto", "protocol"],
  tests: ["sdk", "crypto", "protocol"],
  examples: ["sdk"],
  scripts: ["sdk", "crypto", "protocol"],
};

// The two doors that may be reached by path: starting a real server, and a real browser.
const doors = [
  { from: ["tests", "bench", "scripts"], to: /^apps\/server\/src\/testing\// },
  { from: ["scripts"], to: /^tests\/browser\// },
];

/** Refuses imports against the arrows, and relative imports that leave a package. */
export function checkArrows(files: SourceFile[]): string[] {
  return files.flatMap((file) => {
    const home = packageOf(file.path);
    return file.imports.flatMap(({ specifier }) => {
      const ours = /^@cychat\/([^/]+)/.exec(specifier)?.[1];
      if (ours && !mayImport(home, ours)) return [`${file.path}: ${home} must not import @cychat/${ours}`];
      const target = targetOf(file, specifier);
      if (target === undefined || packageOf(target) === home || isDoor(home, target)) return [];
      return [`${file.path}: "${specifier}" leaves ${home}`];
    });
  });
}

/** The same arrows for the dependencies that each package.json names. */
export function checkDeclaredArrows(root: string): string[] {
  return Object.keys(arrows).flatMap((home) => {
    const path = `${home}/package.json`;
    let manifest: { dependencies?: object; devDependencies?: object };
    try {
      manifest = JSON.parse(readFileSync(join(root, path), "utf8"));
    } catch {
      return [];
    }
    return Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
      .filter((name) => name.startsWith("@cychat/") && !mayImport(home, name.slice("@cychat/".length)))
      .map((name) => `${path}: ${home} must not depend on ${name}`);
  });
}

// A package that is not in the table must be put there before it may import anything of ours.
const mayImport = (home: string, name: string) => home.endsWith(`/${name}`) || (arrows[home]?.includes(name) ?? false);

const isDoor = (home: string, target: string) => doors.some(({ from, to }) => from.includes(home) && to.test(target));

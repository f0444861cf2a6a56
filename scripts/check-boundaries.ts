import { checkArrows, checkDeclaredArrows } from "./boundaries/arrows.ts";
import { checkCycles } from "./boundaries/cycles.ts";
import { checkDependencies } from "./boundaries/dependencies.ts";
import { checkFeatures } from "./boundaries/features.ts";
import { checkNames } from "./boundaries/names.ts";
import { readSourceFiles } from "./boundaries/source-files.ts";

/** Everything in the repository that goes against docs/architecture.md, one line each. */
export function checkBoundaries(root: string): string[] {
  const files = readSourceFiles(root);
  const problems = [
    ...checkArrows(files),
    ...checkDeclaredArrows(root),
    ...checkCycles(files),
    ...checkFeatures(files),
    ...checkNames(files),
    ...checkDependencies(root),
  ];
  return [...new Set(problems)].sort();
}

if (import.meta.main) {
  const problems = checkBoundaries(`${import.meta.dir}/..`);
  for (const problem of problems) console.error(problem);
  process.exit(problems.length > 0 ? 1 : 0);
}

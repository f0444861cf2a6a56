import { type SourceFile, targetOf } from "./source-files.ts";

/** Refuses circles of files that import one another. Type-only imports are gone at run time and do not count. */
export function checkCycles(files: SourceFile[]): string[] {
  const paths = new Set(files.map((file) => file.path));
  const edges = new Map(files.map((file) => [file.path, [...new Set(runtimeTargets(file, paths))]]));
  const done = new Set<string>();
  const problems: string[] = [];

  const visit = (path: string, trail: string[]) => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      problems.push(`import cycle: ${fromSmallest(trail.slice(start)).join(" → ")}`);
      return;
    }
    if (done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of paths) visit(path, []);
  return problems;
}

// The same circle reads the same wherever the search met it.
function fromSmallest(circle: string[]): string[] {
  const first = circle.indexOf(circle.toSorted()[0] ?? "");
  return [...circle.slice(first), ...circle.slice(0, first + 1)];
}

function runtimeTargets(file: SourceFile, paths: Set<string>): string[] {
  return file.imports
    .filter((item) => !item.typeOnly)
    .map((item) => targetOf(file, item.specifier))
    .flatMap((target) => (target === undefined ? [] : [target, `${target}.ts`, `${target}/index.ts`]))
    .filter((target) => paths.has(target) && !isRecursiveComponent(file, target));
}

// A Svelte component draws a tree by importing itself.
const isRecursiveComponent = (file: SourceFile, target: string) => target === file.path && target.endsWith(".svelte");

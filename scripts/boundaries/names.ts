import type { SourceFile } from "./source-files.ts";

/** Refuses names that say nothing about what is inside. */
export function checkNames(files: SourceFile[]): string[] {
  return files
    .filter((file) => file.path.split("/").some((part) => /(^|[-_.])(utils?|helpers?|managers?)(\.|$)/i.test(part)))
    .map((file) => `${file.path}: name it after what it does, not utils, helpers or manager`);
}

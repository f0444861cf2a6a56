import { type SourceFile, targetOf } from "./source-files.ts";

const features = new Set(["auth", "users", "contacts", "chats", "rooms", "messages", "keys", "files", "push", "admin"]);
const entrances = new Set(["service.ts", "events.ts"]);

/** In the server, one feature reaches another only through its service.ts or events.ts; database/ reaches none. */
export function checkFeatures(files: SourceFile[]): string[] {
  return files.flatMap((file) => {
    const home = folderOf(file.path);
    if (home === undefined) return [];
    return file.imports.flatMap(({ specifier }) => {
      const target = targetOf(file, specifier);
      const other = target && folderOf(target);
      if (!target || !other || !features.has(other) || other === home) return [];
      if (home === "database") return [`${file.path}: database/ must not import the feature ${other}/`];
      if (!features.has(home) || entrances.has(target.slice(`apps/server/src/${other}/`.length))) return [];
      return [`${file.path}: "${specifier}" must go through ${other}/service.ts or ${other}/events.ts`];
    });
  });
}

const folderOf = (path: string) => /^apps\/server\/src\/([^/]+)\//.exec(path)?.[1];

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findBun } from "../bun.mjs";
import { capture, PlainError, root } from "../process.mjs";

const web = join(root, "apps", "web");
const page = join(web, "dist", "index.html");
const stamp = join(root, ".cache", "web-build");
const notInputs = /^(dist|node_modules|test-results|\..*|.*\.test\.ts|.*\.md)$/;

/** Builds apps/web into apps/web/dist when anything that goes into it has changed. */
export async function ensureWebBuilt() {
  if (existsSync(page) && existsSync(stamp) && readFileSync(stamp, "utf8") === fingerprint()) return;

  console.log("Building the web app …");
  // Vite runs in Bun, so that the build does not depend on which Node is installed.
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  const { code, output } = await capture(findBun(), [vite, "build"], { cwd: web, env: { NODE_ENV: "production" } });
  if (code !== 0 || !existsSync(page)) throw new PlainError(`${output}\nThe web app could not be built: see above.`);
  mkdirSync(join(root, ".cache"), { recursive: true });
  writeFileSync(stamp, fingerprint());
}

// Contents and not times: switching branches back and forth needs no new build. The built page is part of it
// because it names every built file by hash, so a build made by hand in between is noticed.
function fingerprint() {
  const hash = createHash("sha256");
  const add = (path) =>
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update("\0");
  const walk = (folder) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (notInputs.test(entry.name)) continue;
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) walk(path);
      else add(path);
    }
  };
  add("package-lock.json");
  walk("apps/web");
  for (const name of readdirSync(join(root, "packages")).sort()) {
    if (existsSync(join(root, "packages", name, "src"))) walk(`packages/${name}/src`);
  }
  add("apps/web/dist/index.html");
  return hash.digest("hex");
}

import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { checkBoundaries } from "./check-boundaries.ts";

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

type Tree = Record<string, string | object>;

function problemsOf(tree: Tree): string[] {
  const root = mkdtempSync(join(tmpdir(), "boundaries-"));
  roots.push(root);
  for (const [path, content] of Object.entries({ "package-lock.json": { packages: {} }, ...tree })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === "string" ? content : JSON.stringify(content));
  }
  return checkBoundaries(root);
}

function refuses(tree: Tree, ...words: string[]) {
  const problems = problemsOf(tree);
  expect(problems).toHaveLength(1);
  for (const word of words) expect(problems[0]).toContain(word);
}

const accepts = (tree: Tree) => expect(problemsOf(tree)).toEqual([]);

describe("arrows between packages", () => {
  const imports = (path: string, name: string) => ({ [path]: `import { x } from "${name}";` });

  test.each([
    ["packages/protocol/src/a.ts", "@cychat/crypto"],
    ["packages/crypto/src/a.ts", "@cychat/sdk"],
    ["packages/sdk/src/a.ts", "@cychat/server"],
    ["packages/sdk/src/a.ts", "@cychat/web"],
    ["apps/server/src/a.ts", "@cychat/crypto"],
    ["apps/server/src/a.ts", "@cychat/sdk/bun"],
    ["apps/server/src/a.test.ts", "@cychat/crypto"],
    ["apps/web/src/a.ts", "@cychat/crypto"],
    ["apps/cli/src/a.ts", "@cychat/server"],
    ["tests/scenario/a.test.ts", "@cychat/server"],
    ["apps/other/src/a.ts", "@cychat/protocol"],
  ])("%s must not import %s", (path, name) => refuses(imports(path, name), path, name.split("/", 2).join("/")));

  test.each([
    ["packages/crypto/src/a.ts", "@cychat/protocol"],
    ["packages/sdk/src/a.ts", "@cychat/crypto"],
    ["apps/server/src/a.ts", "@cychat/protocol"],
    ["apps/web/src/a.ts", "@cychat/sdk/browser"],
    ["apps/cli/src/a.ts", "@cychat/sdk"],
    ["bench/src/a.ts", "@cychat/crypto"],
    ["tests/scenario/a.test.ts", "@cychat/sdk"],
    ["examples/bot.ts", "@cychat/sdk"],
  ])("%s may import %s", (path, name) => accepts(imports(path, name)));

  test.each([
    "import type { Key } from '@cychat/crypto';",
    "import { type Key } from '@cychat/crypto';",
    "import {\n  type Key,\n  type Seal,\n} from '@cychat/crypto';",
    "export type { Key } from '@cychat/crypto';",
    "export * from '@cychat/crypto';",
    "type Key = import('@cychat/crypto').Key;",
    "const { open } = await import('@cychat/crypto');",
    "import '@cychat/crypto';",
  ])("every kind of import counts: %s", (code) => refuses({ "apps/server/src/a.ts": code }, "@cychat/crypto"));

  test("an import in a comment or a string is none", () =>
    accepts({ "apps/server/src/a.ts": `// import "@cychat/crypto"\nexport const text = "import '@cychat/crypto'";` }));

  test("an import in a Svelte component counts", () =>
    refuses(
      { "apps/web/src/A.svelte": `<script lang="ts">\n  import { x } from "@cychat/crypto";\n</script>\n<p>{x}</p>` },
      "A.svelte",
    ));

  test("a package.json must not name a dependency against the arrows", () =>
    refuses({ "apps/server/package.json": { dependencies: { "@cychat/crypto": "0.1.0" } } }, "apps/server", "@cychat/crypto"));
});

describe("relative imports stay in their package", () => {
  test("one that leaves is refused", () =>
    refuses({ "apps/server/src/a.ts": `import "../../../packages/crypto/src/x.ts";` }, "leaves apps/server"));
  test("one that stays is fine", () => accepts({ "apps/server/src/a.ts": `import "../package.json";` }));
  test("tests start the real server by its path", () =>
    accepts({ "tests/scenario/a.test.ts": `import "../../apps/server/src/testing/start-server.ts";` }));
  test("and reach nothing else of it", () =>
    refuses({ "tests/scenario/a.test.ts": `import "../../apps/server/src/config.ts";` }, "leaves tests"));
  test("packages do not start it", () =>
    refuses(
      { "packages/sdk/src/a.test.ts": `import "../../../apps/server/src/testing/start-server.ts";` },
      "leaves packages/sdk",
    ));
});

describe("import cycles", () => {
  const a = "packages/sdk/src/a.ts";
  const b = "packages/sdk/src/b.ts";
  const c = "packages/sdk/src/c.ts";

  test("a circle of files is refused, and shown", () =>
    refuses({ [a]: `import "./b.ts";`, [b]: `import "./c.ts";`, [c]: `import "./a.ts";` }, `${a} → ${b} → ${c} → ${a}`));
  test("a file that imports itself is one", () => refuses({ [a]: `import "./a.ts";` }, `${a} → ${a}`));
  test("a type-only import closes no circle", () =>
    accepts({ [a]: `import "./b.ts";`, [b]: `import type { A } from "./a.ts";` }));
  test("a diamond is no circle", () => accepts({ [a]: `import "./b.ts"; import "./c.ts";`, [b]: `import "./c.ts";`, [c]: "" }));
  test("a Svelte component may import itself", () =>
    accepts({ "apps/web/src/Tree.svelte": `<script>\n  import Tree from "./Tree.svelte";\n</script>` }));
});

describe("features of the server", () => {
  const from = (path: string, specifier: string) => ({ [`apps/server/src/${path}`]: `import { x } from "${specifier}";` });

  test("one feature does not reach into another", () =>
    refuses(from("rooms/routes.ts", "../users/store.ts"), "users/service.ts"));
  test("not for a type either", () =>
    refuses({ "apps/server/src/rooms/routes.ts": `import type { X } from "../users/store.ts";` }, "users/service.ts"));
  test("not into a folder of the same name below", () => refuses(from("rooms/a.ts", "../users/inner/service.ts"), "users/"));
  test("it goes through service.ts", () => accepts(from("rooms/routes.ts", "../users/service.ts")));
  test("or events.ts", () => accepts(from("rooms/routes.ts", "../users/events.ts")));
  test("within a feature everything may be imported", () => accepts(from("rooms/routes.ts", "./store.ts")));
  test("infrastructure may be imported", () =>
    accepts({
      ...from("rooms/a.ts", "../realtime/bus.ts"),
      ...from("rooms/b.ts", "../database/open.ts"),
      ...from("rooms/c.ts", "../config.ts"),
    }));
  test("the wiring may import any part of a feature", () => accepts(from("server.ts", "./rooms/routes.ts")));
  test("database/ imports no feature, by no door", () => refuses(from("database/a.ts", "../rooms/service.ts"), "database/"));
});

describe("names", () => {
  test.each(["utils.ts", "string-utils.ts", "helpers.ts", "test-helper.ts", "manager.ts", "room-manager.ts", "utils/a.ts"])(
    "%s is refused",
    (name) => refuses({ [`packages/sdk/src/${name}`]: "" }, name),
  );
  test("a word that only contains one is fine", () => accepts({ "packages/sdk/src/managerial-utility.ts": "" }));
});

describe("dependencies", () => {
  const locked = (name: string, entry: object) => ({
    "package-lock.json": { packages: { [`node_modules/${name}`]: { version: "1.0.0", license: "MIT", ...entry } } },
  });

  test("the lockfile names no registry", () =>
    refuses(locked("x", { resolved: "https://registry.example/x.tgz" }), "node_modules/x"));
  test("a link to a workspace is none", () => accepts(locked("@cychat/sdk", { resolved: "packages/sdk", link: true })));
  test("no install scripts", () => refuses(locked("x", { hasInstallScript: true }), "runs a script"));
  test("optional ones neither", () =>
    refuses(locked("fsevents", { hasInstallScript: true, optional: true, dev: true }), "fsevents"));
  test("except Bun's", () => accepts(locked("bun", { hasInstallScript: true })));

  test.each(["GPL-3.0-only", "LGPL-2.1", "AGPL-3.0-or-later", "MIT AND GPL-2.0", "MPL-2.0", "SEE LICENSE IN x", undefined])(
    "licence %s is refused in production",
    (license) => refuses(locked("x", { license }), "licence"),
  );
  test.each(["MIT", "Apache-2.0", "ISC", "BSD-3-Clause", "0BSD", "CC0-1.0", "(MIT OR GPL-2.0)", "MIT AND ISC"])(
    "licence %s is fine",
    (license) => accepts(locked("x", { license })),
  );
  test("tools may have another licence", () => accepts(locked("x", { license: "MPL-2.0", dev: true })));

  test.each(["^1.0.0", "~1.0.0", "*", "latest", "1.x", ">=1.0.0", "file:../x", "github:a/b"])(
    "the range %s is refused",
    (range) => refuses({ "packages/sdk/package.json": { devDependencies: { x: range } } }, "packages/sdk/package.json", range),
  );
  test("at the root too", () => refuses({ "package.json": { dependencies: { x: "^1.0.0" } } }, "package.json"));
  test("an exact version is fine", () => accepts({ "bench/package.json": { dependencies: { x: "1.0.0", y: "2.0.0-beta.1" } } }));
  test("the binaries for every platform are locked", () =>
    refuses(locked("x", { optionalDependencies: { "x-win32": "1.0.0" } }), "node_modules/x lacks", "x-win32"));
  test("a missing lockfile is refused", () => {
    const root = mkdtempSync(join(tmpdir(), "boundaries-"));
    roots.push(root);
    expect(checkBoundaries(root)).toEqual(["package-lock.json is missing"]);
  });
});

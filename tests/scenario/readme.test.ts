import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { endpoints } from "@cychat/protocol";
import { ServerProcess } from "../support/server-process.ts";

const root = resolve(import.meta.dir, "../..");
const readme = await Bun.file(resolve(root, "README.md")).text();
const walkThrough = /<!-- walk-through -->\n```bash\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
const rows = [...readme.matchAll(/^\| `(GET|POST|PUT|PATCH|DELETE|WS) (\/\S+)` \|/gm)].map(([, method, path]) => ({
  method: method as string,
  path: path as string,
}));

describe("the README", () => {
  test("names only endpoints that exist", () => {
    const known = new Set<string>(Object.values(endpoints).map((e) => `${e.method} ${e.path}`));
    known.add("WS /ws").add("WS /ws/chat/{sender}/{receiver}").add("WS /ws/{sender}/{room}");
    expect(rows.length).toBeGreaterThan(10);
    expect(rows.filter((row) => !known.has(`${row.method} ${row.path}`))).toEqual([]);
  });

  test("walks through every row of its API table", () => {
    const calls = walkThrough.replace(/\$GRACE/g, "x").replace(/ada@example\.org\/(grace@example\.org|Book%20club)/g, "x/x");
    const missing = rows.filter(({ path }) => {
      const pattern = path.replace(/\{\w+\}/g, '[^"?/ ]+');
      return !new RegExp(`\\$BASE${pattern}["? ]`).test(calls);
    });
    expect(missing).toEqual([]);
  });

  test("names every setting that the server reads, and no other", async () => {
    const config = await Bun.file(resolve(root, "apps/server/src/config.ts")).text();
    const read = [...config.matchAll(/^ {2}([A-Z][A-Z_]+): v\./gm)].map(([, name]) => name as string);
    const table = readme.slice(readme.indexOf("## Settings"), readme.indexOf("## Develop"));
    const named = [...table.matchAll(/^\|([^|]+)\|/gm)].flatMap(([, cell]) =>
      [...(cell as string).matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name as string),
    );
    expect(named.toSorted()).toEqual(read.toSorted());
  });

  test("its walk-through with curl works as written, against a fresh server", async () => {
    await using server = await ServerProcess.start();
    const shell = Bun.spawn(["bash", "-euo", "pipefail", "-x", "-c", walkThrough], {
      cwd: root,
      env: { ...process.env, BASE: `${server.url}/api/v1` },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, trace, code] = await Promise.all([
      new Response(shell.stdout).text(),
      new Response(shell.stderr).text(),
      shell.exited,
    ]);
    expect(`${code}\n${code === 0 ? "" : trace}`).toBe("0\n");
    expect(out).toContain('"not-encrypted"');
    expect(out.match(/101 Switching Protocols/g)).toHaveLength(3);
    expect(out).toContain('"type":"sent"');
  }, 120_000);
});

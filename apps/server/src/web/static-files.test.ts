import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { startTestServer } from "../testing/test-server.ts";

function builtApp(): { readonly folder: string } & Disposable {
  const root = mkdtempSync(join(tmpdir(), "cychat-web-"));
  const folder = join(root, "dist");
  mkdirSync(join(folder, "assets"), { recursive: true });
  writeFileSync(join(root, "secret.txt"), "outside");
  writeFileSync(join(folder, "index.html"), "<!doctype html><title>CyChat</title>");
  writeFileSync(join(folder, "favicon.svg"), "<svg/>");
  writeFileSync(join(folder, "assets", "app-abc123.js"), "console.log('app')");
  writeFileSync(join(folder, "assets", "app-abc123.js.gz"), gzipSync("console.log('app')"));
  return { folder, [Symbol.dispose]: () => rmSync(root, { recursive: true }) };
}

test("the app's own addresses show its page, `/` leads to the chat, and nothing else exists", async () => {
  using app = builtApp();
  await using server = await startTestServer({ webFolder: app.folder });
  for (const path of ["/login", "/register", "/chat", "/profile", "/join", "/chat/some/one", "/chat/x.y"]) {
    const response = await fetch(server.url + path);
    expect([path, response.status, await response.text()]).toEqual([path, 200, "<!doctype html><title>CyChat</title>"]);
    expect(response.headers.get("cache-control")).toBe("no-cache");
  }
  const root = await fetch(server.url, { redirect: "manual" });
  expect([root.status, root.headers.get("location")]).toEqual([302, "/chat"]);
  for (const path of ["/loginx", "/other", "/assets/", "/assets/none.js", "/index"])
    expect([path, (await fetch(server.url + path)).status]).toEqual([path, 404]);
  expect((await fetch(`${server.url}/chat`, { method: "POST" })).status).toBe(404);
});

test("hashed files may be kept for ever, others are asked for again; compressed where that was built and is accepted", async () => {
  using app = builtApp();
  await using server = await startTestServer({ webFolder: app.folder });
  const script = await fetch(`${server.url}/assets/app-abc123.js`, { headers: { "accept-encoding": "gzip" } });
  expect(script.headers.get("cache-control")).toContain("immutable");
  expect(script.headers.get("content-encoding")).toBe("gzip");
  expect(script.headers.get("content-type")).toContain("text/javascript");
  expect(await script.text()).toBe("console.log('app')");
  const plain = await fetch(`${server.url}/assets/app-abc123.js`, { headers: { "accept-encoding": "identity" } });
  expect(plain.headers.get("content-encoding")).toBe(null);

  const page = await fetch(`${server.url}/chat`);
  const etag = page.headers.get("etag") ?? "";
  expect((await fetch(`${server.url}/chat`, { headers: { "if-none-match": etag } })).status).toBe(304);
  writeFileSync(join(app.folder, "index.html"), "<!doctype html><title>A newer CyChat</title>");
  const newer = await fetch(`${server.url}/chat`, { headers: { "if-none-match": etag } });
  expect([newer.status, await newer.text()]).toEqual([200, "<!doctype html><title>A newer CyChat</title>"]);
});

test("no path leads out of the folder", async () => {
  using app = builtApp();
  await using server = await startTestServer({ webFolder: app.folder });
  const { hostname, port } = new URL(server.url);
  // Written by hand: clients would tidy these paths up.
  for (const path of [
    "/../secret.txt",
    "/assets/../../secret.txt",
    "/%2e%2e/secret.txt",
    "/..%2fsecret.txt",
    "/assets/..\\..\\secret.txt",
    "//secret.txt",
    "/chat/../../secret.txt",
  ]) {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () =>
        socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`),
      );
      let text = "";
      socket.on("data", (bytes) => (text += bytes));
      socket.on("end", () => resolve(text));
      socket.on("error", reject);
    });
    expect([path, answer.includes("outside")]).toEqual([path, false]);
  }
});

test("a server without its web app says what to do", async () => {
  await using server = await startTestServer({ webFolder: "/nowhere" });
  const response = await fetch(`${server.url}/chat`);
  expect([response.status, await response.text()]).toEqual([503, "The web app is not built. Run: npm start\n"]);
});

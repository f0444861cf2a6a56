import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTestServer } from "../testing/test-server.ts";
import { previewPolicy } from "./preview-policy.ts";

const page = "<!doctype html><style>b{}</style><script>draw('<style>')</script>";
const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const directives = (policy: string | null) => new Map((policy ?? "").split("; ").map((part) => [part.split(" ", 1)[0], part]));

test("a page that draws a file has no origin, runs its own script alone, and reaches nothing", () => {
  for (const kind of ["pdf", "text"]) {
    const policy = directives(previewPolicy(`/assets/preview-${kind}-Ab_9-x.html`, () => page));
    expect(policy.get("sandbox")).toBe("sandbox allow-scripts");
    expect(policy.get("default-src")).toBe("default-src 'none'");
    expect(policy.get("script-src")).toStartWith(`script-src ${hash("draw('<style>')")}`);
    expect(policy.get("style-src")).toStartWith(`style-src ${hash("b{}")}`);
    expect(policy.get("frame-ancestors")).toBe("frame-ancestors 'self'");
    expect(policy.get("require-trusted-types-for")).toBeDefined();
    for (const other of ["connect-src", "frame-src", "object-src", "media-src"]) expect(policy.has(other)).toBe(false);
    expect([...policy.values()].join()).not.toMatch(/unsafe-inline|unsafe-eval'.*'unsafe|https?:|\*/);
  }
  expect(previewPolicy("/assets/preview-text-a.html", () => page)).not.toContain("wasm-unsafe-eval");
});

test("no other page has it", () => {
  for (const path of ["/index.html", "/assets/preview-pdf-a.js", "/preview-pdf-a.html", "/assets/preview-other-a.html"])
    expect([path, previewPolicy(path, () => page)]).toEqual([path, null]);
});

test("the app may frame it, nobody frames the app, and the app frames nothing of others", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cychat-preview-"));
  try {
    mkdirSync(join(folder, "assets"));
    writeFileSync(join(folder, "index.html"), "<!doctype html>");
    writeFileSync(join(folder, "assets", "preview-text-abc.html"), page);
    await using server = await startTestServer({ webFolder: folder });
    const preview = await fetch(`${server.url}/assets/preview-text-abc.html`);
    expect(preview.headers.get("x-frame-options")).toBe("SAMEORIGIN");
    expect(preview.headers.get("content-security-policy")).toBe(previewPolicy("/assets/preview-text-abc.html", () => page));
    const app = await fetch(`${server.url}/chat`);
    expect(app.headers.get("x-frame-options")).toBe("DENY");
    expect(app.headers.get("content-security-policy")).toContain("frame-src 'self';");
    expect(app.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

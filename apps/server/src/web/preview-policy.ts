// The pages that draw a file somebody sent (see docs/decisions/0011-previews.md). They run without an origin, and whatever a
// file makes of them, they reach nothing: no network, no storage, no other page.
import { createHash } from "node:crypto";

/** What one of them needs beside its own script and style. */
const needs = {
  // Some pictures in a PDF are unpacked by WebAssembly; reading happens in a worker that the page makes of itself.
  pdf: { scripts: " 'wasm-unsafe-eval'", more: ["worker-src blob:", "trusted-types cychat-pdf"] },
  text: { scripts: "", more: ["trusted-types 'none'"] },
} as const;

/** The policy of the page at this address, which runs what stands in it and nothing else; null for all other files. */
export function previewPolicy(path: string, html: () => string): string | null {
  const kind = /^\/assets\/preview-(pdf|text)-[\w-]+\.html$/.exec(path)?.[1] as keyof typeof needs | undefined;
  if (kind === undefined) return null;
  const page = html();
  const { scripts, more } = needs[kind];
  return [
    "sandbox allow-scripts",
    "default-src 'none'",
    `script-src ${hashesOf(page, "script")}${scripts}`,
    `style-src ${hashesOf(page, "style")}`,
    "img-src blob: data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'",
    "require-trusted-types-for 'script'",
    ...more,
  ].join("; ");
}

function hashesOf(page: string, element: "script" | "style"): string {
  const found = [...page.matchAll(new RegExp(`<${element}>(.*?)</${element}>`, "gs"))];
  const hashes = found.map(([, content = ""]) => `'sha256-${createHash("sha256").update(content).digest("base64")}'`);
  return hashes.length > 0 ? hashes.join(" ") : "'none'";
}

// The built web app: files by their exact names, so that no path leads anywhere else.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { previewPolicy } from "./preview-policy.ts";

export interface StaticFiles {
  /** Null when there is nothing at this path. */
  answer(request: Request, path: string): Response | null;
}

interface StaticFile {
  readonly path: string;
  readonly type: string;
  readonly etag: string;
  readonly isHashed: boolean;
  /** Of a page that has its own; see preview-policy.ts. */
  readonly policy: string | null;
  /** Encodings that the build left beside it. */
  readonly encodings: readonly Encoding[];
}

interface Encoding {
  readonly name: "br" | "gzip";
  readonly suffix: ".br" | ".gz";
}

const encodings: readonly Encoding[] = [
  { name: "br", suffix: ".br" },
  { name: "gzip", suffix: ".gz" },
];

/** Addresses that the web app itself knows what to show at. */
const appPaths = /^\/(login|register|chat|profile|join)\/?$|^\/chat\//;
const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".jpg": "image/jpeg",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
  ".webp": "image/webp",
  ".woff2": "font/woff2",
};

/** After a new build the folder is read again at most this often. */
const rescanMs = 1_000;

export function createStaticFiles(folder: string): StaticFiles {
  let files = scan(folder);
  let scannedAtMs = Date.now();

  function find(path: string): StaticFile | undefined {
    const file = files.get(path);
    const isFresh = file ? isUnchanged(file) : Date.now() - scannedAtMs < rescanMs;
    if (isFresh) return file;
    files = scan(folder);
    scannedAtMs = Date.now();
    return files.get(path);
  }

  return {
    answer(request, path) {
      if (path === "/") return new Response(null, { status: 302, headers: { location: "/chat", "cache-control": "no-cache" } });
      const name = appPaths.test(path) ? "/index.html" : path;
      const file = find(name);
      if (file) return send(request, file);
      return name === "/index.html" ? notBuilt() : null;
    },
  };
}

function scan(folder: string): Map<string, StaticFile> {
  const files = new Map<string, StaticFile>();
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    // Not built yet: the server works without its web app.
    return files;
  }
  const known = new Set(names);
  for (const name of names) {
    const type = types[extname(name)];
    if (type === undefined) continue;
    const path = join(folder, name);
    const urlPath = `/${name.replaceAll("\\", "/")}`;
    files.set(urlPath, {
      path,
      type,
      etag: etagOf(path),
      isHashed: urlPath.startsWith("/assets/"),
      policy: previewPolicy(urlPath, () => readFileSync(path, "utf8")),
      encodings: encodings.filter(({ suffix }) => known.has(name + suffix)),
    });
  }
  return files;
}

function etagOf(path: string): string {
  const { mtimeMs, size } = statSync(path);
  return `"${Math.round(mtimeMs).toString(36)}-${size.toString(36)}"`;
}

/** Files whose names carry their hash never change. */
function isUnchanged(file: StaticFile): boolean {
  try {
    return file.isHashed || etagOf(file.path) === file.etag;
  } catch {
    return false;
  }
}

function send(request: Request, file: StaticFile): Response {
  const headers: Record<string, string> = {
    "content-type": file.type,
    "cache-control": file.isHashed ? "public, max-age=31536000, immutable" : "no-cache",
    etag: file.etag,
    vary: "accept-encoding",
  };
  if (file.policy !== null) headers["content-security-policy"] = file.policy;
  if (request.headers.get("if-none-match") === file.etag) return new Response(null, { status: 304, headers });
  const accepted = (request.headers.get("accept-encoding") ?? "").split(",").map((item) => item.split(";", 1)[0]?.trim());
  const encoding = file.encodings.find(({ name }) => accepted.includes(name));
  if (encoding) headers["content-encoding"] = encoding.name;
  return new Response(Bun.file(file.path + (encoding?.suffix ?? "")), { headers });
}

function notBuilt(): Response {
  return new Response("The web app is not built. Run: npm start\n", {
    status: 503,
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
}

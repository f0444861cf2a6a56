// Builds the pages that draw a file without an origin (src/preview/sandbox): each is one file with its script and style in it,
// because a page without an origin gets nothing from the service worker but itself.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "vite";

const kinds = ["pdf", "text"] as const;
type Kind = (typeof kinds)[number];

/** What the app imports: the pages' addresses. */
const moduleName = "virtual:preview-pages";
const folder = new URL("src/preview/sandbox/", import.meta.url);

interface Page {
  readonly path: string;
  readonly html: string;
}

export function previewPages(): Plugin {
  const built = new Map<Kind, Promise<Page>>();
  const page = (kind: Kind): Promise<Page> => {
    const known = built.get(kind) ?? buildPage(kind);
    built.set(kind, known);
    return known;
  };
  let isBuild = false;
  return {
    name: "cychat-preview-pages",
    configResolved(config) {
      isBuild = config.command === "build";
    },
    resolveId: (id) => (id === moduleName ? `\0${moduleName}` : null),
    async load(id) {
      if (id !== `\0${moduleName}`) return null;
      const pages = await Promise.all(kinds.map(async (kind) => [kind, await page(kind)] as const));
      if (isBuild)
        for (const [, { path, html }] of pages) this.emitFile({ type: "asset", fileName: path.slice(1), source: html });
      return `export default ${JSON.stringify(Object.fromEntries(pages.map(([kind, { path }]) => [kind, path])))};`;
    },
    // While developing they have no origin either; the rest of their policy is the server's (web/preview-policy.ts).
    configureServer(server) {
      server.middlewares.use(async (request, response, next) => {
        const pages = await Promise.all(kinds.map(page));
        const found = pages.find(({ path }) => path === request.url);
        if (!found) return next();
        response.setHeader("content-type", "text/html; charset=utf-8");
        response.setHeader("content-security-policy", "sandbox allow-scripts");
        response.end(found.html);
      });
    },
  };
}

async function buildPage(kind: Kind): Promise<Page> {
  const { script, style } = await bundle(fileURLToPath(new URL(`${kind}/main.ts`, folder)));
  const template = readFileSync(fileURLToPath(new URL(`${kind}/page.html`, folder)), "utf8");
  const html = template
    .replace("<!-- style -->", () => `<style>${style}</style>`)
    .replace("<!-- script -->", () => `<script>${insideScript(script)}</script>`);
  const hash = createHash("sha256").update(html).digest("base64url").slice(0, 10);
  return { path: `/assets/preview-${kind}-${hash}.html`, html };
}

async function bundle(entry: string): Promise<{ readonly script: string; readonly style: string }> {
  const results = await build({
    configFile: false,
    publicDir: false,
    logLevel: "warn",
    plugins: [asText()],
    // A plain script has no address of its own.
    define: { "import.meta.url": '""' },
    build: {
      write: false,
      target: "es2022",
      cssCodeSplit: false,
      chunkSizeWarningLimit: Number.POSITIVE_INFINITY,
      lib: { entry, formats: ["iife"], name: "preview", cssFileName: "page" },
    },
  });
  const parts = (Array.isArray(results) ? results : [results]).flatMap((result) => ("output" in result ? result.output : []));
  const script = parts.flatMap((part) => (part.type === "chunk" ? [part.code] : [])).join("\n");
  const style = parts.flatMap((part) => (part.type === "asset" && part.fileName.endsWith(".css") ? [String(part.source)] : []));
  return { script, style: style.join("\n") };
}

/** `import text from "file?base64"`: a file as text; `"file?script"`: the text of a script that is made of it. */
function asText(): Plugin {
  return {
    name: "cychat-as-text",
    enforce: "pre",
    async load(id) {
      const [path = "", as] = id.split("?");
      if (as !== "base64" && as !== "script") return null;
      const text = as === "base64" ? readFileSync(path).toString("base64") : (await bundle(path)).script;
      return `export default ${JSON.stringify(text)};`;
    },
  };
}

/** A script that stands in a page must not end, or turn into a comment, by what its texts say. */
const insideScript = (code: string) =>
  code
    .trim()
    .replaceAll(/<\/(?=script)/gi, "<\\/")
    .replaceAll("<!--", "<\\!--");

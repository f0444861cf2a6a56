import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { build, defineConfig, type Plugin } from "vite";
import { previewPages } from "./preview-pages.ts";

const server = `http://localhost:${process.env.PORT ?? "8000"}`;

// Files of public/ that the app needs to start; built ones are added by name.
const alwaysNeeded = ["/theme.js", "/favicon.svg", "/manifest.webmanifest"];

/** Emits service-worker.js with the list of what was built: one plain script, which browsers without module workers take, too. */
function serviceWorker(): Plugin {
  return {
    name: "cychat-service-worker",
    apply: "build",
    async generateBundle(_options, bundle) {
      const built = Object.keys(bundle).filter((name) => name.startsWith("assets/"));
      const files = JSON.stringify([...alwaysNeeded, ...built.map((name) => `/${name}`)]);
      const version = createHash("sha256").update(files).digest("hex").slice(0, 12);
      this.emitFile({
        type: "asset",
        fileName: "service-worker.js",
        source: await bundledWorker(files, JSON.stringify(version)),
      });
    },
  };
}

async function bundledWorker(files: string, version: string): Promise<string> {
  const entry = fileURLToPath(new URL("service-worker.js", import.meta.url));
  const output = await build({
    configFile: false,
    publicDir: false,
    logLevel: "warn",
    define: { __FILES__: files, __VERSION__: version },
    build: { target: "es2024", write: false, rolldownOptions: { input: entry, output: { format: "iife" } } },
  });
  const [built] = [output].flat().flatMap((one) => ("output" in one ? one.output : []));
  if (built?.type !== "chunk") throw new Error("The service worker was not built.");
  return built.code;
}

/** Fetches the SDK beside the app and not after it: both are needed before anything can be shown. */
function preloadSdk(): Plugin {
  return {
    name: "cychat-preload-sdk",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler: (html, { bundle }) => {
        const parts = Object.values(bundle ?? {}).filter((part) => part.type === "chunk");
        const sdk = parts.filter(({ facadeModuleId }) => facadeModuleId?.endsWith("packages/sdk/src/browser.ts"));
        const files = new Set(sdk.flatMap(({ fileName, imports }) => [fileName, ...imports]));
        return [...files]
          .filter((fileName) => !html.includes(fileName))
          .map((fileName) => ({
            tag: "link",
            attrs: { rel: "modulepreload", crossorigin: true, href: `/${fileName}` },
            injectTo: "head",
          }));
      },
    },
  };
}

/** Leaves compressed twins beside what is worth it; the server picks them. */
function compressed(): Plugin {
  return {
    name: "cychat-compressed",
    apply: "build",
    closeBundle() {
      const folder = fileURLToPath(new URL("dist", import.meta.url));
      for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
        if (!/\.(?:js|css|svg|html|webmanifest)$/.test(name)) continue;
        const path = join(folder, name);
        const bytes = readFileSync(path);
        if (bytes.length < 1024) continue;
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
        writeFileSync(`${path}.br`, brotliCompressSync(bytes));
      }
    },
  };
}

export default defineConfig({
  plugins: [svelte(), previewPages(), preloadSdk(), serviceWorker(), compressed()],
  build: {
    target: "es2024",
    // The content security policy allows no inline script, and every browser we support preloads modules by itself.
    modulePreload: { polyfill: false },
    // No data: addresses: the policy names 'self' for everything but pictures.
    assetsInlineLimit: 0,
    cssCodeSplit: true,
    reportCompressedSize: false,
  },
  worker: { format: "es" },
  server: {
    port: 5173,
    proxy: {
      "/api": server,
      "/health": server,
      "/ws": { target: server.replace("http", "ws"), ws: true },
    },
  },
});

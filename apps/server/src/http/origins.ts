// Who may call from a browser: our own pages, and the origins that the operator lists. Programs send no Origin.
import type { Config } from "../config.ts";

/** What a page may send and read beyond what browsers let through: tokens, and what uploads and byte ranges say in headers. */
const askedHeaders = "authorization, content-type, if-range, range, tus-resumable, upload-length, upload-metadata, upload-offset";
const shownHeaders = "content-range, etag, location, retry-after, tus-resumable, upload-length, upload-offset";

export interface Origins {
  isAllowed(origin: string, request: Request): boolean;
  /** For sockets, which browsers open across sites without asking first. */
  mayConnectFrom(request: Request): boolean;
  /** The answer to a browser's question before a call from another origin; null when `request` is no such question. */
  preflight(request: Request): Response | null;
  /** Lets the calling origin read the answer. */
  allow(response: Response, request: Request): void;
}

export function createOrigins({ publicUrl, corsOrigins }: Pick<Config, "publicUrl" | "corsOrigins">): Origins {
  const listed = new Set(publicUrl === null ? corsOrigins : [...corsOrigins, publicUrl]);

  function isAllowed(origin: string, request: Request): boolean {
    return listed.has(origin) || URL.parse(origin)?.host === request.headers.get("host");
  }

  function allow({ headers }: Response, request: Request): void {
    const origin = request.headers.get("origin");
    if (origin === null) return;
    headers.append("vary", "origin");
    if (!isAllowed(origin, request)) return;
    headers.set("access-control-allow-origin", origin);
    headers.set("access-control-expose-headers", shownHeaders);
  }

  return {
    isAllowed,
    allow,
    mayConnectFrom(request) {
      const origin = request.headers.get("origin");
      return origin === null || isAllowed(origin, request);
    },
    preflight(request) {
      if (request.method !== "OPTIONS" || !request.headers.has("access-control-request-method")) return null;
      const response = new Response(null, { status: 204 });
      allow(response, request);
      if (response.headers.has("access-control-allow-origin")) {
        response.headers.set("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE");
        response.headers.set("access-control-allow-headers", askedHeaders);
        response.headers.set("access-control-max-age", "600");
      }
      return response;
    },
  };
}

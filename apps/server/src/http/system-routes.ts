// Addresses that are not the API's: health, metrics, documentation.
import { createHash, timingSafeEqual } from "node:crypto";
import type { Config } from "../config.ts";
import { pingDatabase } from "../database/database.ts";
import type { Db } from "../database/engine.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { ClientAddresses } from "./client-address.ts";
import { docsPage, docsStyle } from "./docs-page.ts";
import { openApi } from "./openapi.ts";

export interface SystemDeps {
  readonly config: Config;
  readonly db: Db;
  readonly metrics: Metrics;
  readonly addresses: ClientAddresses;
  readonly isStopping: () => boolean;
}

export type SystemRoute = (request: Request) => Response | Promise<Response>;

/** By exact path. */
export function systemRoutes({ config, db, metrics, addresses, isStopping }: SystemDeps): ReadonlyMap<string, SystemRoute> {
  const routes = new Map<string, SystemRoute>();
  routes.set("/health/live", () => text("live\n"));
  routes.set("/health/ready", async () => {
    try {
      if (isStopping()) return text("stopping\n", 503);
      await pingDatabase(db);
      return text("ready\n");
    } catch {
      return text("the database does not answer\n", 503);
    }
  });
  routes.set("/metrics", (request) => {
    if (!mayReadMetrics(request, config.metricsToken, addresses)) return text("There is nothing here.\n", 404);
    return new Response(metrics.text(), {
      headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8", "cache-control": "no-store" },
    });
  });
  if (config.isDebug) addDocs(routes, config.publicUrl);
  return routes;
}

function addDocs(routes: Map<string, SystemRoute>, publicUrl: string | null): void {
  let description: Record<string, unknown> | null = null;
  const described = () => (description ??= openApi(publicUrl));
  const headers = { "cache-control": "no-cache" };
  routes.set("/docs/openapi.json", () => Response.json(described(), { headers }));
  routes.set(
    "/docs/docs.css",
    () => new Response(docsStyle, { headers: { ...headers, "content-type": "text/css; charset=utf-8" } }),
  );
  routes.set(
    "/docs",
    () => new Response(docsPage(described()), { headers: { ...headers, "content-type": "text/html; charset=utf-8" } }),
  );
}

function mayReadMetrics(request: Request, token: string | null, addresses: ClientAddresses): boolean {
  if (token === null) return addresses.isLocal(request);
  const given = request.headers.get("authorization")?.replace(/^Bearer +/i, "") ?? "";
  return timingSafeEqual(digest(given), digest(token));
}

function digest(value: string): Buffer {
  return createHash("sha256").update(value).digest();
}

function text(body: string, status = 200): Response {
  return new Response(body, { status, headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" } });
}

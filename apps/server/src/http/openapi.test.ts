import { expect, test } from "bun:test";
import { apiBase, type EndpointSpec, endpoints } from "@cychat/protocol";
import { startTestServer } from "../testing/test-server.ts";
import { openApi } from "./openapi.ts";

type Json = Record<string, unknown>;
// biome-ignore lint/suspicious/noExplicitAny: the document is checked here, not typed
const description = openApi(null) as any;

test("the description names every endpoint with its parameters, body, answer and refusals", () => {
  expect(description.openapi).toBe("3.1.0");
  const ids = new Set<string>();
  for (const [name, endpoint] of Object.entries<EndpointSpec>(endpoints)) {
    const operation = description.paths[apiBase + endpoint.path][endpoint.method.toLowerCase()];
    expect(operation.operationId).toBe(name);
    ids.add(operation.operationId);
    const named = [...endpoint.path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
    const given = operation.parameters.filter((parameter: Json) => parameter.in === "path");
    expect(given.map((parameter: Json) => parameter.name)).toEqual(named);
    expect(given.every((parameter: Json) => parameter.required === true)).toBe(true);
    expect(operation.requestBody !== undefined).toBe(endpoint.body !== undefined || endpoint.bodyType === "bytes");
    expect(operation.responses[endpoint.status].content).toBeDefined();
    expect(operation.security).toEqual(endpoint.auth ? [{ bearer: [] }] : []);
    const described = JSON.stringify(operation.responses);
    for (const code of endpoint.refusals) expect(described).toContain(`\`${code}\``);
  }
  expect(ids.size).toBe(Object.keys(endpoints).length);
});

test("the description is sound: references lead somewhere, schemas have known types, tags and responses are complete", () => {
  const types = new Set(["string", "number", "integer", "boolean", "array", "object", "null"]);
  let schemas = 0;
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== "object" || value === null) return;
    const node = value as Json;
    if (typeof node.$ref === "string") {
      expect(node.$ref).toStartWith("#/");
      const found = node.$ref
        .slice(2)
        .split("/")
        .reduce((at: unknown, key) => (at as Json)?.[key], description);
      expect([path, typeof found]).toEqual([path, "object"]);
    }
    if (typeof node.type === "string" && !path.endsWith("/securitySchemes/bearer") && !path.endsWith("/properties")) {
      expect([path, types.has(node.type)]).toEqual([path, true]);
      schemas += 1;
    }
    for (const [key, child] of Object.entries(node)) walk(child, `${path}/${key}`);
  };
  walk(description, "");
  expect(schemas).toBeGreaterThan(300);
  expect(JSON.parse(JSON.stringify(description))).toEqual(description);
});

test("bodies and answers are described in full: no schema is empty", () => {
  for (const [path, methods] of Object.entries<Json>(description.paths)) {
    for (const [method, operation] of Object.entries<Json>(methods as never)) {
      // biome-ignore lint/suspicious/noExplicitAny: see above
      const { requestBody, responses } = operation as any;
      for (const media of [
        requestBody?.content?.["application/json"],
        responses[200]?.content?.["application/json"],
        responses[201]?.content?.["application/json"],
      ]) {
        if (media) expect([path, method, Object.keys(media.schema).length > 0]).toEqual([path, method, true]);
      }
    }
  }
});

test("documentation is there when debugging, obeys its own policy, and is gone in production", async () => {
  await using debug = await startTestServer();
  const page = await (await fetch(`${debug.url}/docs`)).text();
  for (const endpoint of Object.values<EndpointSpec>(endpoints))
    expect(page).toContain(`<code>${apiBase}${endpoint.path}</code>`);
  expect(page).not.toMatch(/<script|style=|https?:\/\/|<style/);
  expect((await fetch(`${debug.url}/docs/docs.css`)).headers.get("content-type")).toContain("text/css");
  expect(await (await fetch(`${debug.url}/docs/openapi.json`)).json()).toEqual(description);
  await using production = await startTestServer({ config: { isDebug: false } });
  for (const path of ["/docs", "/docs/openapi.json", "/docs/docs.css"])
    expect((await fetch(production.url + path)).status).toBe(404);
});

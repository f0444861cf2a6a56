import { expect, test } from "bun:test";
import { apiBase, type EndpointSpec, endpoints, limits, type RefusalCode, refusals } from "@cychat/protocol";
import { startTestServer } from "../testing/test-server.ts";

const api = (server: { url: string }, path: string) => `${server.url}${apiBase}${path}`;

async function refusalOf(response: Response): Promise<[number, string]> {
  const body = (await response.json()) as { status_code: number; code: RefusalCode; message: string };
  expect(body.status_code).toBe(response.status);
  expect<number>(refusals[body.code][0]).toBe(response.status);
  return [response.status, body.code];
}

test("bodies that are no JSON, of another type, or too long are refused each in its own way", async () => {
  await using server = await startTestServer();
  const post = async (body: string | Blob, contentType: string) =>
    refusalOf(await fetch(api(server, "/auth/parameters"), { method: "POST", body, headers: { "content-type": contentType } }));
  const json = "application/json";
  for (const body of ["", "{", "{'a':1}", "undefined", new Blob([new Uint8Array([0xff, 0xfe])])])
    expect(await post(body, json)).toEqual([400, "malformed-json"]);
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"]) {
    expect(await post("{}", type)).toEqual([415, "unsupported-media-type"]);
  }
  const long = JSON.stringify({ email: "a".repeat(limits.bodyBytes) });
  expect(await post(long, json)).toEqual([413, "too-large"]);
  const endless = async function* () {
    for (;;) yield new Uint8Array(256 * 1024);
  };
  const headers = { "content-type": json };
  const chunked = await fetch(api(server, "/auth/parameters"), { method: "POST", headers, body: endless as unknown as string });
  expect(await refusalOf(chunked)).toEqual([413, "too-large"]);
  const asPeopleWriteIt = { "content-type": "Application/JSON; charset=utf-8" };
  const taken = await fetch(api(server, "/auth/parameters"), {
    method: "POST",
    headers: asPeopleWriteIt,
    body: '{"email":"a@b.c"}',
  });
  expect(taken.status).toBe(200);
});

test("unknown fields and wrong types are refused with their places, never with their values", async () => {
  await using server = await startTestServer();
  const secret = "a-very-secret-value";
  for (const [body, path] of [
    [{ email: "a@example.org", extra: secret }, "extra"],
    [{ email: { secret } }, "email"],
    [{ email: secret }, "email"],
    [{}, "email"],
    [[], "email"],
    [null, ""],
    [secret, ""],
  ] as const) {
    const response = await fetch(api(server, "/auth/parameters"), {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });
    const text = await response.text();
    expect(text).not.toContain(secret);
    expect(JSON.parse(text)).toMatchObject({
      status_code: 422,
      code: "malformed-request",
      details: { where: "body", issues: [{ path }] },
    });
  }
});

test("every endpoint that needs a token refuses without one, and with a wrong one", async () => {
  await using server = await startTestServer();
  for (const endpoint of Object.values<EndpointSpec>(endpoints)) {
    if (!endpoint.auth) continue;
    const path = endpoint.path.replaceAll(/\{\w+\}/g, crypto.randomUUID());
    for (const [authorization, code] of [
      [undefined, "not-authenticated"],
      ["Basic abc", "not-authenticated"],
      ["Bearer abc", "token-invalid"],
    ]) {
      const response = await fetch(api(server, path), {
        method: endpoint.method,
        headers: authorization ? { authorization } : {},
      });
      expect(response.headers.get("www-authenticate")).toContain("Bearer");
      expect([endpoint.path, ...(await refusalOf(response))]).toEqual([endpoint.path, 401, code as string]);
    }
  }
});

test("unknown addresses and methods are refused as such", async () => {
  await using server = await startTestServer();
  expect(await refusalOf(await fetch(api(server, "/nothing/here")))).toEqual([404, "not-found"]);
  const response = await fetch(api(server, "/auth/login"), { method: "GET" });
  expect(response.headers.get("allow")).toBe("POST");
  expect(await refusalOf(response)).toEqual([405, "method-not-allowed"]);
  expect((await fetch(api(server, "/auth/login"), { method: "OPTIONS" })).status).toBe(405);
});

test("other origins may call only where the operator lists them", async () => {
  await using server = await startTestServer({ config: { corsOrigins: ["https://app.example.org"] } });
  const ask = (origin: string) =>
    fetch(api(server, "/user/profile"), {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "GET", "access-control-request-headers": "authorization" },
    });
  const allowed = await ask("https://app.example.org");
  expect(allowed.status).toBe(204);
  expect(allowed.headers.get("access-control-allow-origin")).toBe("https://app.example.org");
  expect(allowed.headers.get("access-control-allow-headers")).toContain("authorization");
  expect(allowed.headers.get("access-control-allow-credentials")).toBe(null);
  expect((await ask("https://evil.example")).headers.get("access-control-allow-origin")).toBe(null);
  for (const [origin, answer] of [
    ["https://app.example.org", "https://app.example.org"],
    ["https://evil.example", null],
    ["null", null],
  ] as const) {
    const response = await fetch(api(server, "/user/profile"), { headers: { origin } });
    expect(response.headers.get("access-control-allow-origin")).toBe(answer);
    expect(response.headers.get("vary")).toContain("origin");
  }
});

test("every answer carries the security headers; HSTS where people come by https", async () => {
  await using plain = await startTestServer();
  await using secure = await startTestServer({ config: { publicUrl: "https://chat.example.org" } });
  for (const path of ["/chat", "/docs", "/health/live", "/nothing", `${apiBase}/user/profile`, `${apiBase}/nothing`]) {
    const { headers } = await fetch(plain.url + path, { redirect: "manual" });
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(headers.get("cross-origin-opener-policy")).toBe("same-origin");
    expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
    expect(headers.get("permissions-policy")).toContain("geolocation=()");
    expect(headers.get("permissions-policy")).toContain("microphone=(self)");
    expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(headers.get("strict-transport-security")).toBe(null);
    expect((await fetch(secure.url + path, { redirect: "manual" })).headers.get("strict-transport-security")).toContain(
      "max-age=",
    );
  }
  const policy = (await fetch(`${plain.url}/chat`)).headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';");
  expect(policy).toContain("require-trusted-types-for 'script'");
  expect(policy).not.toContain("unsafe-inline");
  // What is played and saved comes from the service worker, under this address; the server has nothing there.
  expect(policy).toContain("media-src 'self' blob:;");
  expect(policy).toContain("frame-src 'self';");
  expect((await fetch(`${plain.url}/stream/${crypto.randomUUID()}`)).status).toBe(404);
  expect(policy).toContain(new URL(plain.url).host);
});

test("health says whether the server lives and whether it can serve", async () => {
  await using server = await startTestServer();
  expect((await fetch(`${server.url}/health/live`)).status).toBe(200);
  expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
});

test("metrics are for this machine only, or for whoever has the token", async () => {
  await using open = await startTestServer();
  const text = await (await fetch(`${open.url}/metrics`)).text();
  for (const line of text.trimEnd().split("\n"))
    expect(line).toMatch(/^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"\})? -?[\d.e+-]+)$/);
  expect(text).toContain("cychat_commit_batch_messages_bucket");
  expect((await fetch(`${open.url}/metrics`, { headers: { "x-forwarded-for": "203.0.113.9" } })).status).toBe(404);

  await using closed = await startTestServer({ config: { metricsToken: "0123456789abcdef" } });
  expect((await fetch(`${closed.url}/metrics`)).status).toBe(404);
  expect((await fetch(`${closed.url}/metrics`, { headers: { authorization: "Bearer wrong" } })).status).toBe(404);
  expect((await fetch(`${closed.url}/metrics`, { headers: { authorization: "Bearer 0123456789abcdef" } })).status).toBe(200);
});

test("a bug in a handler is answered 500 and logged without what the request carried", async () => {
  await using server = await startTestServer();
  const alice = await server.account("alice");
  await server.core.db.schema.dropTable("keyrings").execute();
  const answer = await alice.attempt(endpoints.conversations, {});
  expect(answer).toMatchObject({ status: 200 });
  const bob = await server.account("bob");
  await alice.startChat(bob);
  expect(await alice.attempt(endpoints.conversations, {})).toMatchObject({
    status: 500,
    body: { code: "internal", message: refusals.internal[1] },
  });
  const line = server.logged.find((logged) => logged.includes("request-failed")) ?? "";
  expect(JSON.parse(line)).toMatchObject({ level: "error", endpoint: "GET /conversations" });
  expect(line).not.toContain(alice.token);
  expect(server.logged.join("\n")).not.toMatch(/@example\.org/);
});

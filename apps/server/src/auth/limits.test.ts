import { describe, expect, test } from "bun:test";
import { type Answer, TestApi } from "../testing/test-api.ts";
import { authRates } from "./limits.ts";

const from = (ip: string) => ({ headers: { "x-forwarded-for": ip } });

async function until429(
  attempt: (n: number) => Promise<Answer>,
  most: number,
): Promise<{ passed: number; last: Answer | undefined }> {
  for (let n = 0; n <= most; n++) {
    const answer = await attempt(n);
    if (answer.status === 429) return { passed: n, last: answer };
  }
  return { passed: most + 1, last: undefined };
}

describe("the limit", () => {
  test("on log-in to one account from one address says when to come back, and leaves others alone", async () => {
    await using api = await TestApi.start({ rateLimitScale: 1 });
    const alice = await api.account("Alice");
    const wrong = { email: alice.email, password: alice.secret.slice(0, -1) + (alice.secret.endsWith("A") ? "E" : "A") };
    const { burst, perMinute } = authRates.loginToAccount;
    const { passed, last } = await until429(() => api.call("POST", "/auth/login", { body: wrong, ...from("192.0.2.7") }), 20);
    expect(passed).toBe(burst);
    expect(last?.body.code).toBe("rate-limited");
    expect(last?.headers.get("retry-after")).toBe(String(60 / perMinute));

    const right = { email: alice.email, password: alice.secret };
    expect((await api.call("POST", "/auth/login", { body: right, ...from("192.0.2.7") })).status).toBe(429);
    expect((await api.call("POST", "/auth/login", { body: right, ...from("198.51.100.1") })).status).toBe(200);
    api.nowMs += 60_000 / perMinute;
    expect((await api.call("POST", "/auth/login", { body: right, ...from("192.0.2.7") })).status).toBe(200);
  });

  test("counts unknown addresses like known ones", async () => {
    await using api = await TestApi.start({ rateLimitScale: 1 });
    const attempt = () =>
      api.post("/auth/login", { email: "nobody@example.org", password: `cychat-auth-v1.recovery.${"A".repeat(43)}` });
    expect((await until429(attempt, 20)).passed).toBe(authRates.loginToAccount.burst);
  });

  test("on log-in from one network counts all accounts, and a /64 as one network", async () => {
    await using api = await TestApi.start({ rateLimitScale: 1 });
    const attempt = (n: number) =>
      api.call("POST", "/auth/login", {
        body: { email: `nobody${n}@example.org`, password: `cychat-auth-v1.recovery.${"A".repeat(43)}` },
        ...from(`2001:db8::${n.toString(16)}`),
      });
    expect((await until429(attempt, 200)).passed).toBe(authRates.login.burst);
  });

  test("on registration, parameters and refresh holds per address", async () => {
    await using api = await TestApi.start({ rateLimitScale: 1, registration: "closed" });
    const register = (n: number) =>
      api.post("/auth/register", { nickname: "A", email: `a${n}@example.org`, password: "correct horse" });
    expect((await until429(register, 100)).passed).toBe(authRates.register.burst);
    const parameters = (n: number) => api.post("/auth/parameters", { email: `a${n}@example.org` });
    expect((await until429(parameters, 200)).passed).toBe(authRates.parameters.burst);
    const refresh = () => api.post("/auth/refresh", { refresh_token: "nonsense" });
    expect((await until429(refresh, 1000)).passed).toBe(authRates.refresh.burst);
  });

  test("believes nobody's X-Forwarded-For unless a proxy is said to write it", async () => {
    await using api = await TestApi.start({ rateLimitScale: 1, trustProxy: false });
    const attempt = (n: number) =>
      api.call("POST", "/auth/parameters", { body: { email: "a@example.org" }, ...from(`192.0.2.${n}`) });
    expect((await until429(attempt, 200)).passed).toBe(authRates.parameters.burst);
  });

  test("is lifted by the setting", async () => {
    await using api = await TestApi.start({ rateLimitScale: 0 });
    const parameters = (n: number) => api.post("/auth/parameters", { email: `a${n}@example.org` });
    expect((await until429(parameters, 150)).last).toBeUndefined();
  });
});

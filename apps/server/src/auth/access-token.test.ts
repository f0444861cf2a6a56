import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import type { AccountId, SessionId } from "@cychat/protocol";
import { AccessTokens, clockToleranceMs } from "./access-token.ts";

const secret = "a secret of the server that is long enough to be one";
const tokens = new AccessTokens(secret, 15 * 60_000);
const account = "0b8e1f8a-53f2-4a1e-9d0c-1f6f0d3c5a11" as AccountId;
const session = "7d5d4f64-0a5b-4f4a-8a60-6a3b6a6e2b22" as SessionId;
const nowMs = 1_795_000_000_000;

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const signed = (text: string, key = secret, hash = "sha256") =>
  `${text}.${createHmac(hash, key).update(text).digest("base64url")}`;
const claims = { sub: account, sid: session, iat: nowMs / 1000, exp: nowMs / 1000 + 900 };

describe("an access token", () => {
  test("gives back the account and session it was issued for", () => {
    expect(tokens.verify(tokens.issue(account, session, nowMs), nowMs)).toEqual({
      account,
      session,
      expiresAtMs: nowMs + 15 * 60_000,
    });
  });

  test("ends after its life, with the tolerance for clocks that is stated", () => {
    const token = tokens.issue(account, session, nowMs);
    const endMs = nowMs + 15 * 60_000 + clockToleranceMs;
    expect(tokens.verify(token, endMs - 1).account).toBe(account);
    expect(() => tokens.verify(token, endMs)).toThrow(expect.objectContaining({ code: "token-expired" }));
  });

  test("from the future is refused", () => {
    const token = tokens.issue(account, session, nowMs + clockToleranceMs + 1000);
    expect(() => tokens.verify(token, nowMs)).toThrow(expect.objectContaining({ code: "token-invalid" }));
  });

  const good = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  test.each([
    ["nothing", ""],
    ["two dots", ".."],
    ["alg none, unsigned", `${part({ alg: "none", typ: "JWT" })}.${part(claims)}.`],
    ["alg none, signed all the same", signed(`${part({ alg: "none", typ: "JWT" })}.${part(claims)}`)],
    ["alg HS512", signed(`${part({ alg: "HS512", typ: "JWT" })}.${part(claims)}`, secret, "sha512")],
    ["the header of another library", signed(`${part({ typ: "JWT", alg: "HS256" })}.${part(claims)}`)],
    ["another secret", signed(good, "another secret that is long enough to be one too")],
    ["no signature", `${good}.`],
    ["no third part", good],
    [
      "claims changed under the old signature",
      `${part({ alg: "HS256", typ: "JWT" })}.${part({ ...claims, sub: session })}.${signed(good).split(".")[2]}`,
    ],
    ["claims that are no claims", signed(`${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: account })}`)],
    ["a payload that is no JSON", signed(`${part({ alg: "HS256", typ: "JWT" })}.!!!`)],
    ["a fourth part", `${signed(good)}.x`],
    ["very long text", `${good}${"A".repeat(5000)}`],
  ])("made of %s is invalid", (_, token) => {
    expect(() => tokens.verify(token, nowMs)).toThrow(expect.objectContaining({ code: "token-invalid" }));
  });

  test("signed as it should be by other software with the secret is taken", () => {
    expect(tokens.verify(signed(good), nowMs).session).toBe(session);
  });
});

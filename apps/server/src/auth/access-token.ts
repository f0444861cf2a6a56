// Access tokens: JWT (RFC 7519) with HS256, short-lived, checked synchronously: a promise would double a request's cost.
import { createHmac, timingSafeEqual } from "node:crypto";
import { AccountId, ProtocolError, SessionId } from "@cychat/protocol";
import * as v from "valibot";

/** Two nodes' clocks may differ by this much: a token is honoured so long after its end, and so long before its start. */
export const clockToleranceMs = 5_000;

export interface AccessClaims {
  readonly account: AccountId;
  readonly session: SessionId;
  readonly expiresAtMs: number;
}

const Payload = v.object({
  sub: AccountId,
  sid: SessionId,
  iat: v.pipe(v.number(), v.safeInteger()),
  exp: v.pipe(v.number(), v.safeInteger()),
});

/** The one header there is. A token's header is compared with it as text, so that no token chooses its own algorithm. */
const header = base64url(JSON.stringify({ alg: "HS256", typ: "JWT" }));
const longestToken = 1024;

export class AccessTokens {
  readonly #secret: string;
  readonly #lifeMs: number;

  constructor(secret: string, lifeMs: number) {
    this.#secret = secret;
    this.#lifeMs = lifeMs;
  }

  get lifeSeconds(): number {
    return Math.floor(this.#lifeMs / 1000);
  }

  issue(account: AccountId, session: SessionId, nowMs: number): string {
    const iat = Math.floor(nowMs / 1000);
    const signed = `${header}.${base64url(JSON.stringify({ sub: account, sid: session, iat, exp: iat + this.lifeSeconds }))}`;
    return `${signed}.${this.#sign(signed).toString("base64url")}`;
  }

  /** Throws `token-invalid` or `token-expired`. Whether the session still stands is for the session cache to say. */
  verify(token: string, nowMs: number): AccessClaims {
    const lastDot = token.lastIndexOf(".");
    if (token.length > longestToken || !token.startsWith(`${header}.`) || lastDot <= header.length)
      throw new ProtocolError("token-invalid");
    const signed = token.slice(0, lastDot);
    const given = Buffer.from(token.slice(lastDot + 1), "base64url");
    const expected = this.#sign(signed);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw new ProtocolError("token-invalid");

    const claims = readPayload(signed.slice(header.length + 1));
    if (claims.iat * 1000 > nowMs + clockToleranceMs) throw new ProtocolError("token-invalid");
    const expiresAtMs = claims.exp * 1000;
    if (nowMs >= expiresAtMs + clockToleranceMs) throw new ProtocolError("token-expired");
    return { account: claims.sub, session: claims.sid, expiresAtMs };
  }

  #sign(text: string): Buffer {
    return createHmac("sha256", this.#secret).update(text).digest();
  }
}

/** Only ever sees what our own secret has signed; still a secret shared with other software must not break us. */
function readPayload(text: string): v.InferOutput<typeof Payload> {
  try {
    return v.parse(Payload, JSON.parse(Buffer.from(text, "base64url").toString("utf8")));
  } catch {
    throw new ProtocolError("token-invalid");
  }
}

function base64url(text: string): string {
  return Buffer.from(text, "utf8").toString("base64url");
}

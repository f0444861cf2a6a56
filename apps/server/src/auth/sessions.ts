// Sessions: one sign-in each, with short access tokens and a refresh token that rotates. Revoking one takes effect at
// once: in the cache before the answer, and on its open sockets.
import { type AccountId, type DeviceId, ProtocolError, type RefusalCode, type SessionId, type Tokens } from "@cychat/protocol";
import type { Core } from "../core.ts";
import type { Db } from "../database/engine.ts";
import type { Principal } from "../http/principal.ts";
import type { Bus } from "../realtime/bus.ts";
import { AccessTokens } from "./access-token.ts";
import { hashRefreshToken, judgeRefreshToken, newRefreshToken, refreshLifeMs, usedTokensKeptMs } from "./refresh-token.ts";
import { SessionCache } from "./session-cache.ts";
import * as store from "./session-store.ts";

const accessLifeMs = 15 * 60_000;
/** A refresh token of a revoked session is told so for this long; then it is one nobody knows. */
const revokedKeptMs = 24 * 3600_000;

/** What has to be told once the transaction that revoked is committed. */
export interface Revocation {
  readonly account: AccountId;
  readonly sessions: readonly SessionId[];
}

/** A session that has been written; its tokens count once the transaction is committed. */
export interface OpenedSession {
  readonly principal: Principal;
  readonly tokens: Tokens;
}

type Rotation = { readonly tokens: Tokens } | { readonly refusal: RefusalCode; readonly revoked?: Revocation };

const rotationAttempts = 3;

export class Sessions {
  readonly #core: Pick<Core, "db" | "events">;
  readonly #now: () => number;
  readonly #accessTokens: AccessTokens;
  readonly #cache: SessionCache;

  constructor(core: Pick<Core, "db" | "events" | "config">, now: () => number) {
    this.#core = core;
    this.#now = now;
    this.#accessTokens = new AccessTokens(core.config.jwtSecret, accessLifeMs);
    this.#cache = new SessionCache((session) => store.standingSession(core.db, session));
  }

  /** Hears what other nodes have done to sessions that this one knows. */
  follow(bus: Bus): void {
    bus.subscribe((message) => {
      if (message.kind === "session-revoked") this.#cache.revoke([message.session]);
      if (message.kind === "device-bound") this.#cache.forgetUnlessRevoked(message.session);
    });
  }

  /** Throws `token-invalid`, `token-expired` or `token-revoked`. */
  async verifyAccessToken(token: string): Promise<Principal> {
    const { account, session } = this.#accessTokens.verify(token, this.#now());
    const principal = await this.#cache.require(session);
    // Two servers that share a secret but not a database: the session's id alone says nothing.
    if (principal.account !== account) throw new ProtocolError("token-invalid");
    return principal;
  }

  /** Inside the caller's transaction; hand the result to {@link opened} after the commit. */
  async openWithin(trx: Db, account: AccountId, deviceName: string): Promise<OpenedSession> {
    const nowMs = this.#now();
    const session = crypto.randomUUID() as SessionId;
    const refreshToken = newRefreshToken();
    await store.deleteOldSessions(trx, account, { revokedMs: nowMs - revokedKeptMs, seenMs: nowMs - refreshLifeMs });
    await store.insertSession(trx, { id: session, account, deviceName, nowMs });
    await store.insertRefreshToken(trx, session, refreshToken, nowMs, nowMs + refreshLifeMs);
    return { principal: { account, session, device: null }, tokens: this.#tokens(account, session, refreshToken.token, nowMs) };
  }

  opened({ principal, tokens }: OpenedSession): Tokens {
    this.#cache.put(principal);
    return tokens;
  }

  async open(account: AccountId, deviceName: string): Promise<Tokens> {
    return this.opened(await this.#core.db.transaction().execute((trx) => this.openWithin(trx, account, deviceName)));
  }

  /** Throws `token-invalid`, `token-expired`, `token-revoked` or `refresh-token-reused`. */
  async refresh(presented: string): Promise<Tokens> {
    const nowMs = this.#now();
    const outcome = await this.#core.db.transaction().execute((trx) => this.#rotate(trx, hashRefreshToken(presented), nowMs));
    if ("tokens" in outcome) return outcome.tokens;
    if (outcome.revoked) this.announceRevoked(outcome.revoked);
    throw new ProtocolError(outcome.refusal);
  }

  async #rotate(trx: Db, hash: string, nowMs: number): Promise<Rotation> {
    const next = newRefreshToken();
    for (let attempt = 0; attempt < rotationAttempts; attempt++) {
      const found = await store.findRefreshToken(trx, hash);
      if (!found) return { refusal: "token-invalid" };
      const { account, session } = found;
      const verdict = judgeRefreshToken(found, nowMs);
      if (verdict.kind === "refused") return { refusal: verdict.code };
      if (verdict.kind === "reused")
        return { refusal: "refresh-token-reused", revoked: await this.revokeWithin(trx, { account, only: session }) };
      const isFirst =
        verdict.kind === "rotate"
          ? await store.useRefreshToken(trx, hash, next.hash, nowMs)
          : await store.replaceSuccessor(trx, hash, verdict.dead, next.hash, nowMs);
      // Where transactions run side by side, another request may have used it meanwhile: judge again.
      if (!isFirst) continue;
      await store.insertRefreshToken(trx, session, next, nowMs, nowMs + refreshLifeMs);
      await store.deleteUsedRefreshTokens(trx, session, nowMs - usedTokensKeptMs);
      await store.setSessionSeen(trx, session, nowMs);
      return { tokens: this.#tokens(account, session, next.token, nowMs) };
    }
    throw new ProtocolError("overloaded");
  }

  /** Inside the caller's transaction; hand the result to {@link announceRevoked} after the commit, before the answer. */
  async revokeWithin(trx: Db, which: store.WhichSessions): Promise<Revocation> {
    return { account: which.account, sessions: await store.revokeSessions(trx, which, this.#now()) };
  }

  announceRevoked({ account, sessions }: Revocation): void {
    this.#cache.revoke(sessions);
    for (const session of sessions) this.#core.events.sessionRevoked(account, session);
    if (sessions.length > 0) this.#core.events.announce({ to: [account], frame: { type: "changed", what: "sessions" } });
  }

  /** How many were signed out. */
  async revoke(which: store.WhichSessions): Promise<number> {
    const revocation = await this.#core.db.transaction().execute((trx) => this.revokeWithin(trx, which));
    this.announceRevoked(revocation);
    return revocation.sessions.length;
  }

  list(account: AccountId): Promise<store.SessionRow[]> {
    return store.sessionsOf(this.#core.db, account, this.#now() - refreshLifeMs);
  }

  /** Inside the caller's transaction, which has checked the device; then {@link announceBound}. */
  async bindWithin(trx: Db, { session }: Principal, device: DeviceId): Promise<void> {
    if (!(await store.setSessionDevice(trx, session, device))) throw new ProtocolError("token-revoked");
  }

  announceBound({ account, session }: Principal, device: DeviceId): void {
    // Read again at the next use: between commit and here the session may have been revoked.
    this.#cache.forgetUnlessRevoked(session);
    this.#core.events.deviceBound(account, session, device);
  }

  #tokens(account: AccountId, session: SessionId, refreshToken: string, nowMs: number): Tokens {
    return {
      access_token: this.#accessTokens.issue(account, session, nowMs),
      token_type: "bearer",
      refresh_token: refreshToken,
      expires_in: this.#accessTokens.lifeSeconds,
    };
  }
}

import { ProtocolError, type SessionId } from "@cychat/protocol";
import type { Principal } from "../http/principal.ts";

type Load = (session: SessionId) => Promise<Principal | null>;

/**
 * Which sessions stand, by id, so that a request costs no query. A revocation is written here before it is answered; a
 * look-up that was under way meanwhile cannot bring the session back.
 */
export class SessionCache {
  /** `null`: signed out, or never there. Oldest use first. */
  readonly #known = new Map<SessionId, Principal | null>();
  readonly #loading = new Map<SessionId, { readonly result: Promise<Principal | null>; stale: boolean }>();
  readonly #load: Load;
  readonly #maxKept: number;

  constructor(load: Load, maxKept = 100_000) {
    this.#load = load;
    this.#maxKept = maxKept;
  }

  /** Throws `token-revoked`. Synchronous where the session is known, which it nearly always is. */
  require(session: SessionId): Principal | Promise<Principal> {
    const known = this.#known.get(session);
    if (known === undefined) return this.#fetch(session).then(standing);
    this.#keep(session, known);
    return standing(known);
  }

  /** A new session, which nobody can have revoked yet. */
  put(live: Principal): void {
    this.#keep(live.session, live);
  }

  revoke(sessions: readonly SessionId[]): void {
    for (const session of sessions) {
      this.#settleLoad(session);
      this.#keep(session, null);
    }
  }

  /** The next use reads it again, for what has changed about it. A revocation is final. */
  forgetUnlessRevoked(session: SessionId): void {
    this.#settleLoad(session);
    if (this.#known.get(session) !== null) this.#known.delete(session);
  }

  async #fetch(session: SessionId): Promise<Principal | null> {
    const underWay = this.#loading.get(session);
    if (underWay) return underWay.result;
    const loading = { result: this.#load(session), stale: false };
    this.#loading.set(session, loading);
    try {
      const found = await loading.result;
      if (loading.stale) return this.#known.get(session) ?? (await this.#load(session));
      this.#keep(session, found);
      return found;
    } finally {
      if (this.#loading.get(session) === loading) this.#loading.delete(session);
    }
  }

  #settleLoad(session: SessionId): void {
    const underWay = this.#loading.get(session);
    if (underWay) underWay.stale = true;
    this.#loading.delete(session);
  }

  #keep(session: SessionId, live: Principal | null): void {
    this.#known.delete(session);
    this.#known.set(session, live);
    if (this.#known.size <= this.#maxKept) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      break;
    }
  }
}

function standing(session: Principal | null): Principal {
  if (session === null) throw new ProtocolError("token-revoked");
  return session;
}

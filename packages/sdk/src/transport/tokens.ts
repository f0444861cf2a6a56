// Access and refresh tokens: kept, renewed by one call at a time, and given up only when the server says so.

import { ClientError, hasCode } from "../client-error.ts";
import type { Clock } from "../environment.ts";

export interface TokenPair {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** By the local clock. */
  readonly expiresAtMs: number;
}

export interface TokenAnswer {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in: number;
}

export type SignedOutReason = "revoked" | "expired";

interface TokenKeeperOptions {
  readonly clock: Clock;
  /** Exchanges a refresh token. */
  refresh(refreshToken: string): Promise<TokenAnswer>;
  /** Keeps tokens durably before they are used: the old refresh token serves no second time. */
  save(tokens: TokenPair): Promise<void>;
  onSignedOut(reason: SignedOutReason): void;
}

/** Renewed this long before it ends, so that a request under way does not meet the end. */
const earlyMs = 20_000;

export function tokenPair(answer: TokenAnswer, nowMs: number): TokenPair {
  return { accessToken: answer.access_token, refreshToken: answer.refresh_token, expiresAtMs: nowMs + answer.expires_in * 1000 };
}

export class TokenKeeper {
  #tokens: TokenPair | null = null;
  #refreshing: Promise<string> | null = null;
  readonly #options: TokenKeeperOptions;

  constructor(options: TokenKeeperOptions) {
    this.#options = options;
  }

  set(tokens: TokenPair | null): void {
    this.#tokens = tokens;
  }

  get present(): boolean {
    return this.#tokens !== null;
  }

  /** A token that should still be good; renewed first when it is about to end. */
  async accessToken(): Promise<string> {
    const tokens = this.#tokens;
    if (tokens === null) throw new ClientError("signed-out");
    const leftMs = tokens.expiresAtMs - this.#options.clock.now();
    return leftMs > earlyMs ? tokens.accessToken : this.renew(tokens.accessToken);
  }

  /** A new token instead of `used`, which the server refused; one exchange serves all who ask at once. */
  renew(used: string): Promise<string> {
    if (this.#refreshing !== null) return this.#refreshing;
    const tokens = this.#tokens;
    if (tokens === null) return Promise.reject(new ClientError("signed-out"));
    if (tokens.accessToken !== used) return Promise.resolve(tokens.accessToken);
    this.#refreshing = this.#exchange(tokens).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  /** The server said that this session is over. */
  signedOut(reason: SignedOutReason): void {
    if (this.#tokens === null) return;
    this.#tokens = null;
    this.#options.onSignedOut(reason);
  }

  async #exchange(tokens: TokenPair): Promise<string> {
    try {
      const answer = await this.#options.refresh(tokens.refreshToken);
      const renewed = tokenPair(answer, this.#options.clock.now());
      if (this.#tokens !== tokens) throw new ClientError("signed-out");
      await this.#options.save(renewed);
      this.#tokens = renewed;
      return renewed.accessToken;
    } catch (error) {
      if (this.#tokens === tokens) {
        if (hasCode(error, "token-revoked", "refresh-token-reused")) this.signedOut("revoked");
        else if (hasCode(error, "token-invalid", "token-expired")) this.signedOut("expired");
      }
      throw error;
    }
  }
}

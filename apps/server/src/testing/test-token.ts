import { AccessTokens } from "../auth/access-token.ts";
import type { Core } from "../core.ts";
import type { TestAccount } from "./test-account.ts";

const lifeMs = 3600 * 1000;

/** Gives an account a token as of a clock that was moved on. */
export function renewToken({ config }: Core, account: TestAccount, nowMs: number): void {
  const token = new AccessTokens(config.jwtSecret, lifeMs).issue(account.id, account.session, nowMs);
  Object.assign(account, { token });
}

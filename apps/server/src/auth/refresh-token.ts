// What a refresh token that is presented means. Each serves once; but an answer can be lost on the way, and then the
// client comes again with the old one. Pure: no database here.
import { createHash, randomBytes } from "node:crypto";

export const refreshLifeMs = 90 * 24 * 3600_000;
/** For so long after its first use a token gives a new successor, as long as nobody has used the one before. */
export const refreshGraceMs = 30_000;
/** Used tokens are remembered for this long, to tell theft from nonsense; later ones open nothing either. */
export const usedTokensKeptMs = 14 * 24 * 3600_000;

export interface StoredRefreshToken {
  readonly expiresAtMs: number;
  readonly usedAtMs: number | null;
  /** The token it was exchanged for; null before that, and once that one was replaced. */
  readonly successor: { readonly hash: string; readonly usedAtMs: number | null } | null;
  readonly sessionRevoked: boolean;
}

export type RefreshVerdict =
  | { readonly kind: "rotate" }
  /** The answer to the first use got lost: `dead` is the successor that nobody has. */
  | { readonly kind: "rotate-again"; readonly dead: string }
  | { readonly kind: "refused"; readonly code: "token-expired" | "token-revoked" }
  /** Two parties hold the same token: the whole session ends. */
  | { readonly kind: "reused" };

export function judgeRefreshToken(token: StoredRefreshToken, nowMs: number): RefreshVerdict {
  if (token.sessionRevoked) return { kind: "refused", code: "token-revoked" };
  if (token.usedAtMs === null)
    return token.expiresAtMs <= nowMs ? { kind: "refused", code: "token-expired" } : { kind: "rotate" };
  const { successor } = token;
  if (successor && successor.usedAtMs === null && nowMs - token.usedAtMs <= refreshGraceMs)
    return { kind: "rotate-again", dead: successor.hash };
  return { kind: "reused" };
}

export interface NewRefreshToken {
  readonly token: string;
  readonly hash: string;
}

export function newRefreshToken(): NewRefreshToken {
  const token = randomBytes(32).toString("base64url");
  return { token, hash: hashRefreshToken(token) };
}

/** 256 random bits need no slow hash. */
export function hashRefreshToken(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}

import { type Rate, RateLimit, scaled } from "./rate-limit.ts";

/** Per network address unless said otherwise. */
export const authRates = {
  register: { burst: 30, perMinute: 10 },
  login: { burst: 100, perMinute: 60 },
  /** Per e-mail address and network address. */
  loginToAccount: { burst: 10, perMinute: 6 },
  parameters: { burst: 100, perMinute: 60 },
  refresh: { burst: 600, perMinute: 300 },
  /** Per account. */
  changePassword: { burst: 10, perMinute: 6 },
} as const satisfies Record<string, Rate>;

export type AuthLimits = { readonly [Name in keyof typeof authRates]: RateLimit };

/** `scale`: how many times as wide; 0 lifts them all. */
export function createAuthLimits(scale: number, now: () => number): AuthLimits {
  const limit = (name: keyof typeof authRates) => new RateLimit(scaled(authRates[name], scale), now);
  return {
    register: limit("register"),
    login: limit("login"),
    loginToAccount: limit("loginToAccount"),
    parameters: limit("parameters"),
    refresh: limit("refresh"),
    changePassword: limit("changePassword"),
  };
}

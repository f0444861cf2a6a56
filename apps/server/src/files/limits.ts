import { type Rate, RateLimit, scaled } from "../auth/service.ts";

/** Per account. */
const creation: Rate = { burst: 100, perMinute: 60 };

/** `scale`: how many times as wide; 0 lifts it. */
export function createUploadLimit(scale: number, now: () => number): RateLimit {
  return new RateLimit(scaled(creation, scale), now);
}

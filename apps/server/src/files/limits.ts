import { limits } from "@cychat/protocol";
import { type Rate, RateLimit, scaled } from "../auth/service.ts";
import type { Config } from "../config.ts";

/** Per account. */
const creation: Rate = { burst: 100, perMinute: 60 };

/** `scale`: how many times as wide; 0 lifts it. */
export function createUploadLimit(scale: number, now: () => number): RateLimit {
  return new RateLimit(scaled(creation, scale), now);
}

/**
 * How many bytes one account may have announced that no message refers to yet. They count for everybody's quota whether they
 * ever come or not: a tenth of it is left to one person, or two files of any size. Without such a quota, what fills a message.
 */
export function maxUnnamedBytes({
  maxUploadBytes,
  uploadsQuotaBytes,
}: Pick<Config, "maxUploadBytes" | "uploadsQuotaBytes">): number {
  const message = limits.filesPerMessage * maxUploadBytes;
  return uploadsQuotaBytes === null ? message : Math.min(message, Math.max(2 * maxUploadBytes, uploadsQuotaBytes / 10));
}

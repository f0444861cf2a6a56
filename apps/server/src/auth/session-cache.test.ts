import { describe, expect, test } from "bun:test";
import type { AccountId, SessionId } from "@cychat/protocol";
import type { Principal } from "../http/principal.ts";
import { SessionCache } from "./session-cache.ts";

const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}` as SessionId;
const live: Principal = { account: "0b8e1f8a-53f2-4a1e-9d0c-1f6f0d3c5a11" as AccountId, session: id(1), device: null };
const revoked = expect.objectContaining({ code: "token-revoked" });

describe("the session cache", () => {
  test("reads a session once and then knows it without waiting", async () => {
    let reads = 0;
    const cache = new SessionCache(async () => {
      reads += 1;
      return live;
    });
    await Promise.all([cache.require(id(1)), cache.require(id(1))]);
    expect(cache.require(id(1))).toBe(live);
    expect(reads).toBe(1);
  });

  test("refuses a revoked session at once, and one that never was", async () => {
    const cache = new SessionCache(async () => null);
    cache.put(live);
    cache.revoke([id(1)]);
    expect(() => cache.require(id(1))).toThrow(revoked);
    await expect(Promise.resolve(cache.require(id(2)))).rejects.toMatchObject({ code: "token-revoked" });
  });

  test("a read that started before a revocation cannot bring the session back", async () => {
    let answer: (session: Principal | null) => void = () => {};
    const cache = new SessionCache(() => new Promise((resolve) => (answer = resolve)));
    const reading = Promise.resolve(cache.require(id(1)));
    const answerOld = answer;
    cache.revoke([id(1)]);
    answerOld(live);
    await Promise.resolve();
    await Promise.resolve();
    answer(null);
    await expect(reading).rejects.toMatchObject({ code: "token-revoked" });
    expect(() => cache.require(id(1))).toThrow(revoked);
  });

  test("keeps a bounded number and reads the forgotten again", async () => {
    const reads: SessionId[] = [];
    const cache = new SessionCache(async (session) => {
      reads.push(session);
      return live;
    }, 2);
    for (const n of [1, 2, 1, 3]) await cache.require(id(n));
    await cache.require(id(1));
    expect(reads).toEqual([id(1), id(2), id(3)]);
    await cache.require(id(2));
    expect(reads).toEqual([id(1), id(2), id(3), id(2)]);
  });
});

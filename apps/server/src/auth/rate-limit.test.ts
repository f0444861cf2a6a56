import { describe, expect, test } from "bun:test";
import { ProtocolError } from "@cychat/protocol";
import { networkOf, RateLimit } from "./rate-limit.ts";

function limited(run: () => void): unknown {
  try {
    run();
    return null;
  } catch (error) {
    return error instanceof ProtocolError && error.code === "rate-limited" ? error.details : error;
  }
}

describe("a rate limit", () => {
  test("lets a burst through, then says when to come back, and lets that one through", () => {
    let nowMs = 1_000_000;
    const limit = new RateLimit({ burst: 3, perMinute: 6 }, () => nowMs);
    for (let attempt = 0; attempt < 3; attempt++) expect(limited(() => limit.take("a"))).toBeNull();
    expect(limited(() => limit.take("a"))).toEqual({ retry_after_ms: 10_000 });
    nowMs += 9_999;
    expect(limited(() => limit.take("a"))).toEqual({ retry_after_ms: 1 });
    nowMs += 1;
    expect(limited(() => limit.take("a"))).toBeNull();
  });

  test("never saves up more than its burst", () => {
    let nowMs = 0;
    const limit = new RateLimit({ burst: 2, perMinute: 60 }, () => nowMs);
    limit.take("a");
    nowMs += 3_600_000;
    limit.take("a");
    limit.take("a");
    expect(limited(() => limit.take("a"))).toEqual({ retry_after_ms: 1000 });
  });

  test("counts every key for itself", () => {
    const limit = new RateLimit({ burst: 1, perMinute: 1 }, () => 0);
    limit.take("a", "b");
    limit.take("a", "c");
    limit.take("ab");
    expect(limited(() => limit.take("a", "b"))).not.toBeNull();
  });

  test("keeps a bounded number of keys and forgets the longest untouched first", () => {
    const limit = new RateLimit({ burst: 1, perMinute: 1 }, () => 0, 100);
    limit.take("kept");
    for (let key = 0; key < 1000; key++) {
      limit.take(String(key));
      expect(limited(() => limit.take("kept"))).not.toBeNull();
    }
    expect(limit.size).toBe(100);
  });

  test("is not moved by a clock that steps back", () => {
    let nowMs = 100_000;
    const limit = new RateLimit({ burst: 1, perMinute: 60 }, () => nowMs);
    limit.take("a");
    nowMs = 0;
    expect(limited(() => limit.take("a"))).toEqual({ retry_after_ms: 1000 });
  });
});

describe("the network of an address", () => {
  test.each([
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:0db8:0001:0002::1", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["::1", "0:0:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
  ])("%s is %s", (address, network) => expect(networkOf(address)).toBe(network));
});

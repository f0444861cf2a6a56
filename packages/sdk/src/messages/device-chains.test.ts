import { describe, expect, test } from "bun:test";
import { zeroHash } from "@cychat/crypto";
import type { AccountId, DeviceId, MessageId } from "@cychat/protocol";
import { DeviceChains, type Link } from "./device-chains.ts";

const device = "d" as DeviceId;
const account = "a" as AccountId;
const hash = (n: number) => new Uint8Array(32).fill(n);
const id = (n: number) => `m${n}` as MessageId;

/** The n-th message of one device, at a place of the conversation. */
function link(counter: number, seq = counter * 10): Link {
  return { device, account, seq, counter, prev: counter === 1 ? zeroHash() : hash(counter - 1), envelopeHash: hash(counter) };
}

const fresh = () => new DeviceChains(new Map(), []);
const never = () => false;
const always = () => true;

describe("forward", () => {
  test("messages in order raise nothing", () => {
    const chains = fresh();
    expect([1, 2, 3].map((n) => chains.forward(link(n), true))).toEqual(["next", "next", "next"]);
    expect(chains.settle(never, true)).toEqual({ missing: [], healed: [] });
  });

  test("what lies before the first known message is no gap, unless everything is known", () => {
    const partly = fresh();
    expect(partly.forward(link(7), false)).toBe("next");
    expect(partly.settle(never, true).missing).toEqual([]);
    const wholly = fresh();
    wholly.forward(link(3), true);
    expect(wholly.settle(never, true).missing).toEqual([30]);
  });

  test("a missing message is told on the one behind it", () => {
    const chains = fresh();
    chains.forward(link(1), true);
    expect(chains.forward(link(3), true)).toBe("gap");
    expect(chains.settle(never, true)).toEqual({ missing: [30], healed: [] });
    expect(chains.settle(never, true)).toEqual({ missing: [], healed: [] });
  });

  test("an erased entry with a signed deletion explains the hole", () => {
    const chains = fresh();
    chains.forward(link(1), true);
    chains.erasedForward(device, account, id(2));
    chains.forward(link(3), true);
    expect(chains.settle((erased, by) => erased === id(2) && by === account, true)).toEqual({ missing: [], healed: [] });
  });

  test("[P9.12] an erased entry is no gap for who may not read whether it was deleted; what is missing without a trace is", () => {
    const chains = fresh();
    chains.forward(link(1), true);
    chains.erasedForward(device, account, id(2));
    chains.forward(link(3), true);
    chains.forward(link(5), true);
    expect(chains.settle(never, true, (erased) => erased === id(2))).toEqual({ missing: [50], healed: [] });
    expect(chains.settle(never, true).missing).toEqual([30]);
  });

  test("an erased entry without one is told once everything is read, and not before: its deletion may follow", () => {
    const chains = fresh();
    chains.forward(link(1), true);
    chains.erasedForward(device, account, id(2));
    chains.forward(link(3), true);
    expect(chains.settle(never, false).missing).toEqual([]);
    expect(chains.settle(never, true).missing).toEqual([30]);
    expect(chains.settle(always, true)).toEqual({ missing: [], healed: [30] });
  });

  test("more missing than erased is told at once", () => {
    const chains = fresh();
    chains.forward(link(1), true);
    chains.erasedForward(device, account, id(2));
    chains.forward(link(4), true);
    expect(chains.settle(always, false).missing).toEqual([40]);
  });

  test("a message shown twice is replayed; one that fills a hole is reordered, and heals it", () => {
    const chains = fresh();
    chains.forward(link(1), true);
    chains.forward(link(3), true);
    expect(chains.forward(link(1, 35), true)).toBe("replayed");
    expect(chains.settle(never, true).missing).toEqual([30]);
    expect(chains.forward(link(2, 40), true)).toBe("reordered");
    expect(chains.settle(never, true)).toEqual({ missing: [], healed: [30] });
    expect(chains.forward(link(4), true)).toBe("next");
  });

  test("two messages in one place, and another past, are forks", () => {
    const chains = fresh();
    chains.forward(link(1), true);
    chains.forward(link(2), true);
    expect(chains.forward({ ...link(2), envelopeHash: hash(99) }, true)).toBe("forked");
    expect(chains.forward({ ...link(3), prev: hash(98) }, true)).toBe("forked");
  });
});

describe("backward", () => {
  test("reading back joins what is known, down to the first message", () => {
    const chains = fresh();
    for (const n of [5, 6]) chains.forward(link(n), false);
    expect([4, 3, 2, 1].map((n) => chains.backward(link(n)))).toEqual(["next", "next", "next", "next"]);
    chains.reachedStart();
    expect(chains.settle(never, true).missing).toEqual([]);
  });

  test("a hole is told on the message behind it, and explained by deletions known already", () => {
    const withheld = fresh();
    withheld.forward(link(5), false);
    expect(withheld.backward(link(3))).toBe("gap");
    expect(withheld.settle(never, true).missing).toEqual([50]);
    const erased = fresh();
    erased.forward(link(5), false);
    erased.erasedBackward(device, account, id(4));
    erased.backward(link(3));
    expect(erased.settle(always, true).missing).toEqual([]);
  });

  test("a history whose beginning is withheld is told when the start is reached", () => {
    const chains = fresh();
    chains.forward(link(5), false);
    chains.backward(link(4));
    chains.reachedStart();
    expect(chains.settle(never, true).missing).toEqual([40]);
  });

  test("an old message shown again further back is replayed; another one in its place is a fork", () => {
    const chains = fresh();
    for (const n of [5, 6]) chains.forward(link(n), false);
    expect(chains.backward(link(6, 45))).toBe("replayed");
    expect(chains.backward({ ...link(4), envelopeHash: hash(99) })).toBe("forked");
  });
});

test("devices do not disturb each other, and a stored state goes on where it was", () => {
  const chains = fresh();
  const other = { ...link(1, 11), device: "e" as DeviceId };
  chains.forward(link(1), true);
  chains.forward(other, true);
  const again = new DeviceChains(structuredClone(chains.chains), structuredClone(chains.gaps));
  expect(again.forward(link(2), true)).toBe("next");
  expect(again.forward({ ...other, counter: 2, prev: hash(1), envelopeHash: hash(2), seq: 22 }, true)).toBe("next");
});

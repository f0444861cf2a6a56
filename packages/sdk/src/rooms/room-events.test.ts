import { expect, test } from "bun:test";
import type { ChainState } from "@cychat/crypto";
import type { AccountId, EpochRecord } from "@cychat/protocol";
import { eventsOf } from "./room-events.ts";

const author = "author" as AccountId;
const genesis = { index: 0, author, changes: [{ kind: "create-room" }] } as unknown as EpochRecord;

function roomWith(others: number): ChainState {
  const accounts = [author, ...Array.from({ length: others }, (_, index) => `other ${index}` as AccountId)];
  return { seats: accounts.map((account) => ({ account, since: 0, roles: [[0, "member"]] })) } as unknown as ChainState;
}

test("a room's beginning names its first members, and of a large room only that it is there", () => {
  expect(eventsOf(genesis, roomWith(0))).toEqual([{ kind: "created" }]);
  expect(eventsOf(genesis, roomWith(2))).toEqual([
    { kind: "created" },
    { kind: "joined", by: "added", who: "other 0" as AccountId },
    { kind: "joined", by: "added", who: "other 1" as AccountId },
  ]);
  expect(eventsOf(genesis, roomWith(20)).length).toBe(21);
  expect(eventsOf(genesis, roomWith(999))).toEqual([{ kind: "created" }]);
});

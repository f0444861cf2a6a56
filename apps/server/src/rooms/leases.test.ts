import { expect, test } from "bun:test";
import { type ConversationId, endpoints, rotationLeaseMs } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { startWithPeople } from "../testing/test-people.ts";
import { createRoom } from "../testing/test-room.ts";
import { RotationLeases } from "./leases.ts";

test("[P9.8] one device at a time makes the next key: until its time is over, or a record has come", async () => {
  let nowMs = Date.now();
  const { server, people } = await startWithPeople({ now: () => nowMs });
  await using _ = server;
  const { alice, bob, carol } = people;
  const room = await createRoom(alice, { others: [[bob, "member"]] });
  const other = await createRoom(bob);
  const lease = (account: TestAccount, { id } = room) => account.call(endpoints.leaseRotation, { params: { id } });
  expect(await lease(alice)).toEqual({ granted: true, retry_after_ms: 0 });
  nowMs += 5_000;
  expect(await lease(bob)).toEqual({ granted: false, retry_after_ms: rotationLeaseMs - 5_000 });
  expect((await lease(bob, other)).granted).toBe(true);
  nowMs += rotationLeaseMs - 5_000;
  expect((await lease(bob)).granted).toBe(true);
  expect((await lease(alice)).granted).toBe(false);
  await room.add(bob, room.renew());
  expect((await lease(alice)).granted).toBe(true);
  expect((await carol.attempt(endpoints.leaseRotation, { params: { id: room.id } })).status).toBe(404);
});

test("[P9.8] asking again does not make a lease longer, and after it the others come first, if any asked", () => {
  let nowMs = 1_000_000;
  const leases = new RotationLeases(20_000, () => nowMs);
  const take = (holder: string) => leases.take("room" as ConversationId, holder);
  const granted = { granted: true, retryAfterMs: 0 };
  expect(take("alice")).toEqual(granted);
  nowMs += 15_000;
  expect(take("alice")).toEqual(granted);
  expect(take("bob")).toEqual({ granted: false, retryAfterMs: 5_000 });
  expect(take("alice")).toEqual(granted);
  nowMs += 5_000;
  // Over without a record, and Bob waits.
  expect(take("alice")).toEqual({ granted: false, retryAfterMs: 5_000 });
  expect(take("bob")).toEqual(granted);
  nowMs += 20_000;
  // Nobody asked while Bob had it.
  expect(take("bob")).toEqual(granted);
  expect(take("alice").granted).toBe(false);
  nowMs += 20_000;
  expect(take("bob").granted).toBe(false);
  nowMs += 5_000;
  // The others did not come.
  expect(take("bob")).toEqual(granted);
  expect(take("carol").granted).toBe(false);
  leases.free("room" as ConversationId);
  expect(take("bob")).toEqual(granted);
});

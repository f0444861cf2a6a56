import { expect, test } from "bun:test";
import { endpoints, rotationLeaseMs } from "@cychat/protocol";
import type { TestAccount } from "../testing/test-account.ts";
import { startWithPeople } from "../testing/test-people.ts";
import { createRoom } from "../testing/test-room.ts";

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
  expect((await lease(alice)).granted).toBe(true);
  nowMs += rotationLeaseMs;
  expect((await lease(bob)).granted).toBe(true);
  expect((await lease(alice)).granted).toBe(false);
  await room.add(bob, room.renew());
  expect((await lease(alice)).granted).toBe(true);
  expect((await carol.attempt(endpoints.leaseRotation, { params: { id: room.id } })).status).toBe(404);
});

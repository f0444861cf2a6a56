import { expect, test } from "bun:test";
import type { ConversationId } from "@cychat/protocol";
import { KeyWatch } from "./key-watch.ts";

const room = "room" as ConversationId;

test("the last device counts, of this room and this epoch only, whether it was seen before or after one asks", async () => {
  const watch = new KeyWatch();
  watch.saw(room, 1);
  watch.saw("another" as ConversationId, 1);
  watch.saw(room, 2);
  let last: number | null = null;
  const waiting = watch.lastOf(room, 1, 2).then((atMs) => {
    last = atMs;
  });
  await Promise.resolve();
  expect(last).toBeNull();
  const before = performance.now();
  watch.saw(room, 1);
  await waiting;
  expect(last).toBeGreaterThanOrEqual(before);
  expect(await watch.lastOf(room, 1, 1)).toBeLessThan(before);
});

test("a device that fails ends the waiting with what happened to it", async () => {
  const watch = new KeyWatch();
  const waiting = watch.lastOf(room, 1, 1);
  watch.failed(new Error("no way in"));
  await expect(waiting).rejects.toThrow("no way in");
});

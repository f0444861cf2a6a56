import { expect, test } from "bun:test";
import { UploadLocks } from "./upload-locks.ts";

const { signal } = new AbortController();

test("an upload is worked on by one at a time, in the order of coming, and whoever holds it is asked to end", async () => {
  const locks = new UploadLocks();
  const order: string[] = [];
  const names = ["a", "b", "c"];
  const held = names.map((name) => {
    const lock = locks.newLock("x");
    return { lock, granted: lock.lock(signal, () => void order.push(`${name} asked`)).then(() => order.push(name)) };
  });
  await locks.newLock("another").lock(signal, () => {});
  for (const { lock, granted } of held) {
    await granted;
    await lock.unlock();
  }
  expect(order).toEqual(["a asked", "a asked", "a", "b asked", "b", "c"]);
  await locks.newLock("x").lock(signal, () => {});
});

test("not everybody waits", async () => {
  const locks = new UploadLocks();
  const answers = Array.from({ length: 12 }, () => {
    const lock = locks.newLock("x");
    return lock
      .lock(signal, () => {})
      .then(
        async () => {
          await lock.unlock();
          return "granted";
        },
        ({ code }) => code,
      );
  });
  const told = await Promise.all(answers);
  expect(told.filter((answer) => answer === "granted").length).toBe(9);
  expect(told.filter((answer) => answer === "overloaded").length).toBe(3);
});

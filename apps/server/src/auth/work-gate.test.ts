import { expect, test } from "bun:test";
import { WorkGate } from "./work-gate.ts";

test("a gate runs some at once, lets some wait in order, and tells the rest that the server is busy", async () => {
  const gate = new WorkGate({ maxRunning: 2, maxWaiting: 2 });
  const started: number[] = [];
  const ends = new Map<number, () => void>();
  const work = (id: number) =>
    gate.run(() => {
      started.push(id);
      return new Promise<void>((resolve) => ends.set(id, resolve));
    });
  const runs = [work(1), work(2), work(3), work(4)];
  await expect(work(5)).rejects.toMatchObject({ code: "overloaded" });
  expect(started).toEqual([1, 2]);

  ends.get(2)?.();
  await runs[1];
  expect(started).toEqual([1, 2, 3]);
  ends.get(1)?.();
  await runs[0];
  expect(started).toEqual([1, 2, 3, 4]);
  ends.get(3)?.();
  ends.get(4)?.();
  await Promise.all(runs);
});

test("a gate gives its place back when the work fails", async () => {
  const gate = new WorkGate({ maxRunning: 1, maxWaiting: 0 });
  await expect(gate.run(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await gate.run(async () => "yes")).toBe("yes");
});

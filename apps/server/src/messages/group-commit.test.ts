import { expect, test } from "bun:test";
import { GroupCommit } from "./group-commit.ts";

/** A commit that ends when the test says so. */
function controlled(options: { maxQueued?: number; maxBatch?: number } = {}) {
  const batches: { readonly items: number[]; readonly end: () => void; readonly fail: (error: Error) => void }[] = [];
  const arrived: (() => void)[] = [];
  const errors: unknown[] = [];
  const queue = new GroupCommit<number, string>({
    commit: (items) =>
      new Promise((resolve, reject) => {
        batches.push({ items, end: () => resolve(items.map((item) => `stored ${item}`)), fail: reject });
        arrived.shift()?.();
      }),
    onFailure: () => "failed",
    onCallbackError: (error) => errors.push(error),
    maxQueued: options.maxQueued ?? 100,
    maxBatch: options.maxBatch ?? 100,
  });
  const nextBatch = () => new Promise<void>((resolve) => arrived.push(resolve));
  return { queue, batches, nextBatch, errors };
}

test("what arrives in one turn is one batch, and what arrives while it commits is the next: one at a time", async () => {
  const { queue, batches, nextBatch } = controlled();
  const results: string[] = [];
  const submit = (...items: number[]) => {
    for (const item of items) queue.submit(item, (result) => results.push(result));
  };
  const first = nextBatch();
  submit(1, 2, 3);
  await first;
  submit(4, 5);
  submit(6);
  expect(batches.map(({ items }) => items)).toEqual([[1, 2, 3]]);
  const second = nextBatch();
  batches[0]?.end();
  await second;
  expect(batches.map(({ items }) => items)).toEqual([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  batches[1]?.end();
  await queue.idle();
  expect(results).toEqual([1, 2, 3, 4, 5, 6].map((item) => `stored ${item}`));
});

test("a full queue takes nothing more, and batches stay below their limit", async () => {
  const { queue, batches, nextBatch } = controlled({ maxQueued: 5, maxBatch: 2 });
  const first = nextBatch();
  for (let item = 1; item <= 5; item++) expect(queue.submit(item, () => {})).toBe(true);
  expect(queue.submit(6, () => {})).toBe(false);
  await first;
  expect(batches[0]?.items).toEqual([1, 2]);
  expect(queue.queued).toBe(3);
  for (let index = 0; index < 3; index++) {
    const next = nextBatch();
    batches[index]?.end();
    if (index < 2) await next;
  }
  await queue.idle();
  expect(batches.map(({ items }) => items)).toEqual([[1, 2], [3, 4], [5]]);
});

test("a batch that fails as a whole is told so, and the next one goes on", async () => {
  const { queue, batches, nextBatch } = controlled();
  const results: string[] = [];
  let batch = nextBatch();
  queue.submit(1, (result) => results.push(result));
  await batch;
  batch = nextBatch();
  queue.submit(2, (result) => results.push(result));
  batches[0]?.fail(new Error("disk full"));
  await batch;
  batches[1]?.end();
  await queue.idle();
  expect(results).toEqual(["failed", "stored 2"]);
});

test("a callback that throws leaves its neighbours their answers", async () => {
  const { queue, batches, nextBatch, errors } = controlled();
  const results: string[] = [];
  const batch = nextBatch();
  queue.submit(1, () => {
    throw new Error("a bug");
  });
  queue.submit(2, (result) => results.push(result));
  await batch;
  batches[0]?.end();
  await queue.idle();
  expect(results).toEqual(["stored 2"]);
  expect(errors).toHaveLength(1);
});

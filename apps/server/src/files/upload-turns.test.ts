import { expect, test } from "bun:test";
import { UploadTurns } from "./upload-turns.ts";

async function* body(name: number, pieces: number): AsyncGenerator<Uint8Array> {
  for (let piece = 0; piece < pieces; piece++) yield Uint8Array.of(name, piece);
}

test("every body comes whole and in its order, and none waits until another one has ended", async () => {
  const turns = new UploadTurns();
  const taken: [number, number][] = [];
  await Promise.all(
    Array.from({ length: 20 }, async (_, name) => {
      for await (const [of = -1, piece = -1] of turns.of(body(name, 10))) taken.push([of, piece]);
    }),
  );
  for (let name = 0; name < 20; name++)
    expect(taken.filter(([of]) => of === name).map(([, piece]) => piece)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const ends = Array.from({ length: 20 }, (_, name) => taken.findLastIndex(([of]) => of === name));
  expect(Math.min(...ends)).toBeGreaterThan(150);
});

test("whatever else is waiting is served between a few pieces", async () => {
  const turns = new UploadTurns();
  let served = 0;
  let isOver = false;
  const serve = () => {
    served += 1;
    if (!isOver) setImmediate(serve);
  };
  setImmediate(serve);
  const pieces = await Promise.all(Array.from({ length: 20 }, (_, name) => Array.fromAsync(turns.of(body(name, 10)))));
  isOver = true;
  expect(pieces.flat()).toHaveLength(200);
  expect(served).toBeGreaterThan(90);
});

test("who stops in the middle keeps nobody waiting", async () => {
  const turns = new UploadTurns();
  const givenUp = turns.of(body(1, 10));
  await givenUp.next();
  await givenUp.return(undefined);
  expect(await Array.fromAsync(turns.of(body(2, 10)))).toHaveLength(10);
});

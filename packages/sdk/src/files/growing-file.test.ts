import { expect, test } from "bun:test";
import { fileSegmentBytes } from "@cychat/crypto";
import { GrowingFile } from "./growing-file.ts";

const segmentOf = (number: number, length = fileSegmentBytes) => new Blob([new Uint8Array(length).fill(number)]);
const bytesOf = async (blob: Promise<Blob>) => [...new Uint8Array(await (await blob).arrayBuffer())];

function grown(count: number) {
  const stored: number[] = [];
  const file = new GrowingFile(async (from, to) => {
    stored.push(from);
    return segmentOf(Math.floor(from / fileSegmentBytes), to - from);
  });
  for (let number = 0; number < count; number++) file.add(segmentOf(number));
  return { file, stored };
}

test("who reads waits for what is not there yet, and gets what lies on both sides of a border", async () => {
  const { file } = grown(1);
  const reading = file.read(fileSegmentBytes - 1, fileSegmentBytes + 2);
  file.add(segmentOf(1));
  expect(await bytesOf(reading)).toEqual([0, 1, 1]);
});

test("behind the end there is nothing", async () => {
  const { file } = grown(1);
  file.add(segmentOf(9, 5));
  file.end();
  expect(await bytesOf(file.read(fileSegmentBytes + 3, fileSegmentBytes + 100))).toEqual([9, 9]);
  expect((await file.read(fileSegmentBytes + 5, fileSegmentBytes + 100)).size).toBe(0);
});

test("only the newest segments are in memory; older ones come from where they were stored", async () => {
  const { file, stored } = grown(40);
  expect(await bytesOf(file.read(39 * fileSegmentBytes, 39 * fileSegmentBytes + 1))).toEqual([39]);
  expect(stored).toEqual([]);
  expect(await bytesOf(file.read(5, 6))).toEqual([0]);
  expect(stored).toEqual([0]);
});

test("when encrypting fails, who waits and who asks later is told why", async () => {
  const { file } = grown(0);
  const reading = file.read(0, 1);
  const why = new Error("the file was changed");
  file.fail(why);
  await expect(reading).rejects.toBe(why);
  await expect(file.read(0, 1)).rejects.toBe(why);
});

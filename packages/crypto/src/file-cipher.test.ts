import { expect, test } from "bun:test";
import { limits } from "@cychat/protocol";
import { refusal } from "../testing/world.ts";
import { FileReading, openFile, sealFile } from "./file-cipher.ts";
import { blobLength, type FileSecret, fileSegmentBytes, generateFileSecret } from "./file-shape.ts";
import { type Bytes, concatBytes, randomBytes, sha256 } from "./primitives.ts";

const chunk = limits.fileChunkBytes;
const readerOf = (bytes: Uint8Array) => async (from: number, to: number) => bytes.slice(from, to);

/** Random enough to tell every place from every other, and the same every time. */
function fileOf(size: number): Bytes {
  let state = size + 1;
  return Uint8Array.from({ length: size }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
}

async function seal(secret: FileSecret, bytes: Uint8Array): Promise<{ blob: Bytes; hash: Bytes; chunks: Bytes[] }> {
  const segments: Bytes[] = [];
  const sealing = sealFile(secret, bytes.length, readerOf(bytes));
  for (;;) {
    const step = await sealing.next();
    if (step.done === true) {
      const blob = concatBytes(...segments);
      const chunks = Array.from({ length: Math.ceil(blob.length / (chunk + 16)) }, (_, n) =>
        blob.slice(n * (chunk + 16), (n + 1) * (chunk + 16)),
      );
      return { blob, hash: step.value, chunks };
    }
    segments.push(step.value);
  }
}

async function open(secret: FileSecret, size: number, hash: Bytes, blob: Uint8Array): Promise<Bytes> {
  return concatBytes(...(await Array.fromAsync(openFile(secret, size, hash, readerOf(blob)))));
}

test("[P10.1] files of every size around the edges of chunks come back as they were, of the length that is foretold", async () => {
  for (const size of [
    0,
    1,
    2,
    1000,
    chunk - 1,
    chunk,
    chunk + 1,
    2 * chunk,
    2 * chunk + 1,
    5 * chunk + 777,
    16 * chunk,
    16 * chunk + 1,
    33 * chunk + 5,
  ]) {
    const [secret, bytes] = [generateFileSecret(), fileOf(size)];
    const { blob, hash } = await seal(secret, bytes);
    expect(blob.length).toBe(blobLength(size));
    expect(hash).toEqual(await sha256(blob));
    expect(await open(secret, size, hash, blob)).toEqual(bytes);
  }
});

test("[P10.1] the chunks of a file are those of the specification, byte for byte", async () => {
  const secret = { key: new Uint8Array(32).fill(7), prefix: new Uint8Array(7).fill(9) };
  const { blob } = await seal(secret, new TextEncoder().encode("hello"));
  const key = await crypto.subtle.importKey("raw", secret.key, "AES-GCM", false, ["decrypt"]);
  const iv = Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0, 1);
  expect(new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, blob))).toEqual(
    new TextEncoder().encode("hello"),
  );
});

test("[P10.3] a chunk that is altered, missing, doubled, swapped or cut, and what is added behind, is refused", async () => {
  const [secret, size] = [generateFileSecret(), 3 * chunk + 5];
  const { blob, hash, chunks } = await seal(secret, fileOf(size));
  const [a, b, c, d] = chunks as [Bytes, Bytes, Bytes, Bytes];
  const flipped = new Uint8Array(blob);
  flipped[chunk + 100] = (flipped[chunk + 100] ?? 0) ^ 1;
  const wrong = [
    flipped,
    concatBytes(b, a, c, d),
    concatBytes(a, a, c, d),
    concatBytes(a, b, c),
    concatBytes(a, c, d),
    blob.slice(0, -1),
    blob.slice(0, a.length),
    new Uint8Array(0),
  ];
  for (const altered of wrong) expect(await refusal(open(secret, size, hash, altered))).toBe("file-damaged");
  // Another key or prefix, another file of the same key, another hash, another size.
  const other = generateFileSecret();
  for (const foreign of [other, { ...secret, key: other.key }, { ...secret, prefix: other.prefix }])
    expect(await refusal(open(foreign, size, hash, blob))).toBe("file-damaged");
  expect(await refusal(open(secret, size, randomBytes(32), blob))).toBe("file-damaged");
  for (const claimed of [size - 1, size - chunk, chunk, 0]) {
    expect([claimed, await refusal(open(secret, claimed, hash, blob))]).toEqual([claimed, "file-damaged"]);
  }
});

test("nothing of a chunk is given before the chunk was verified, and the last one not before the whole was", async () => {
  const [secret, size] = [generateFileSecret(), 40 * chunk];
  const { blob, hash } = await seal(secret, fileOf(size));
  const given: number[] = [];
  const reading = async (altered: Uint8Array, expected: Bytes) => {
    given.length = 0;
    for await (const bytes of openFile(secret, size, expected, readerOf(altered))) given.push(bytes.length);
  };
  expect(await refusal(reading(blob, randomBytes(32)))).toBe("file-damaged");
  expect(given).toEqual([16 * chunk, 16 * chunk]);
  const flipped = new Uint8Array(blob);
  flipped[20 * chunk] = (flipped[20 * chunk] ?? 0) ^ 1;
  expect(await refusal(reading(flipped, hash))).toBe("file-damaged");
  expect(given).toEqual([16 * chunk]);
});

test("a file is read from any place, and each chunk is verified there", async () => {
  const [secret, size] = [generateFileSecret(), 20 * chunk + 100];
  const bytes = fileOf(size);
  const { blob, hash } = await seal(secret, bytes);
  const reading = new FileReading(secret, size, hash, readerOf(blob));
  for (const [from, to] of [
    [0, 1],
    [chunk - 1, chunk + 1],
    [5 * chunk, 18 * chunk],
    [size - 1, size + 1000],
    [size, size + 1],
    [0, size],
  ] as const)
    expect(Buffer.compare(await reading.bytes(from, to), bytes.slice(from, to))).toBe(0);
  const swapped = concatBytes(blob.slice(chunk + 16, 2 * (chunk + 16)), blob.slice(0, chunk + 16), blob.slice(2 * (chunk + 16)));
  const lied = new FileReading(secret, size, hash, readerOf(swapped));
  expect(await refusal(lied.bytes(0, 1))).toBe("file-damaged");
  expect(await refusal(lied.bytes(chunk, chunk + 1))).toBe("file-damaged");
  expect(Buffer.compare(await lied.bytes(2 * chunk, 3 * chunk), bytes.slice(2 * chunk, 3 * chunk))).toBe(0);
});

test("read from its beginning on without a hole, the last bytes of a file come only if the whole is what was sent", async () => {
  const [secret, size] = [generateFileSecret(), 3 * fileSegmentBytes];
  const bytes = fileOf(size);
  const { blob, hash } = await seal(secret, bytes);
  const pass = async (expected: Bytes) => {
    const reading = new FileReading(secret, size, expected, readerOf(blob));
    let given = 0;
    try {
      for (let from = 0; from < size; from += 1_000_001) given += (await reading.bytes(from, from + 1_000_001)).length;
    } catch (error) {
      return [given, (error as { code: string }).code];
    }
    return [given, "whole"];
  };
  expect(await pass(hash)).toEqual([size, "whole"]);
  expect(await pass(randomBytes(32))).toEqual([3 * 1_000_001, "file-damaged"]);
});

test("a file that becomes shorter while it is read is not sent", async () => {
  const short = async (from: number, to: number) => new Uint8Array(Math.max(0, Math.min(to, chunk) - from));
  const sealing = Array.fromAsync(sealFile(generateFileSecret(), 2 * chunk, short));
  expect(await refusal(sealing)).toBe("file-changed");
});

test("a key or prefix of another length is refused", async () => {
  for (const secret of [
    { key: randomBytes(31), prefix: randomBytes(7) },
    { key: randomBytes(32), prefix: randomBytes(8) },
  ]) {
    expect(await refusal(open(secret, 1, randomBytes(32), new Uint8Array(17)))).toBe("malformed-key");
  }
});

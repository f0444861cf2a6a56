import { expect, test } from "bun:test";
import { blobLength, fileSegmentBytes, generateFileSecret } from "@cychat/crypto";
import { ClientError } from "../client-error.ts";
import { fileCipherIn, serveFileCipher, type WorkerPort } from "./cipher-worker.ts";
import { type FileCipher, fileCipherHere } from "./file-cipher.ts";

/** A worker whose two ends speak over a real message channel, transfers included. */
class ChannelWorker {
  static open = 0;
  static made = 0;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly #channel = new MessageChannel();

  constructor(cipher?: FileCipher) {
    ChannelWorker.open += 1;
    ChannelWorker.made += 1;
    const { port1, port2 } = this.#channel;
    port1.onmessage = (event) => this.onmessage?.(event);
    serveFileCipher(port2 as unknown as WorkerPort, cipher);
  }

  postMessage(message: unknown, transfer: Transferable[]): void {
    this.#channel.port1.postMessage(message, transfer);
  }

  terminate(): void {
    ChannelWorker.open -= 1;
    this.#channel.port1.close();
  }
}

const bytesOf = (size: number) => Uint8Array.from({ length: size }, (_, at) => (at * 7919) >>> 3);

const bytesIn = async (segments: readonly Blob[]) => Buffer.from(await new Blob([...segments]).arrayBuffer());

async function sealed(cipher: FileCipher, secret = generateFileSecret(), bytes = bytesOf(3_000_000)) {
  const segments: Blob[] = [];
  const sealing = cipher.seal(secret, new Blob([bytes]));
  for (;;) {
    const step = await sealing.next();
    if (step.done === true) return { secret, bytes, blob: await bytesIn(segments), hash: step.value };
    segments.push(step.value);
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "none",
    (error: { code?: string }) => error.code ?? String(error),
  );
}

test("what a worker encrypts is what is encrypted here, and it opens what was encrypted here", async () => {
  const cipher = fileCipherIn(() => new ChannelWorker());
  const secret = generateFileSecret();
  const [there, here] = [await sealed(cipher, secret), await sealed(fileCipherHere(), secret)];
  expect(Buffer.compare(there.blob, here.blob)).toBe(0);
  expect(there.hash).toEqual(here.hash);
  expect(there.blob.length).toBe(blobLength(there.bytes.length));
  const read = async (from: number, to: number) => new Uint8Array(here.blob.subarray(from, to));
  const opened = await Array.fromAsync(cipher.open(secret, here.bytes.length, here.hash, read));
  expect(Buffer.compare(await bytesIn(opened), here.bytes)).toBe(0);
  expect(ChannelWorker.open).toBe(0);
});

test("several files at once share a worker, which ends with the last of them, also where one was given up", async () => {
  const before = ChannelWorker.made;
  const cipher = fileCipherIn(() => new ChannelWorker());
  const givenUp = cipher.seal(generateFileSecret(), new Blob([bytesOf(5_000_000)]));
  expect(((await givenUp.next()).value as Blob).size).toBe(fileSegmentBytes);
  const others = await Promise.all([sealed(cipher), sealed(cipher)]);
  expect(others.map(({ blob, bytes }) => blob.length === blobLength(bytes.length))).toEqual([true, true]);
  expect([ChannelWorker.open, ChannelWorker.made - before]).toEqual([1, 1]);
  await givenUp.return(new Uint8Array(0));
  expect(ChannelWorker.open).toBe(0);
});

test("refusals keep their code: damage found in the worker, and why bytes could not be read in the page", async () => {
  const cipher = fileCipherIn(() => new ChannelWorker());
  const { secret, bytes, blob, hash } = await sealed(cipher);
  const open = (read: (from: number, to: number) => Promise<Uint8Array>) =>
    codeOf(Array.fromAsync(cipher.open(secret, bytes.length, hash, read)));
  expect(await open(async (from, to) => new Uint8Array(blob.subarray(from + 1, to + 1)))).toBe("file-damaged");
  expect(await open(async () => Promise.reject(new ClientError("file-gone")))).toBe("file-gone");
  const unreadable = Object.assign(new Blob([bytesOf(10)]), {
    slice: () => ({ arrayBuffer: () => Promise.reject(new Error("NotReadableError")) }),
  });
  const inWorker = fileCipherIn(
    () => new ChannelWorker({ ...fileCipherHere(), seal: (key) => fileCipherHere().seal(key, unreadable) }),
  );
  expect(await codeOf(sealed(inWorker))).toBe("file-unreadable");
  expect(ChannelWorker.open).toBe(0);
});

test("where no worker can start, the same is done here", async () => {
  const refused = fileCipherIn(() => {
    throw new Error("workers are not allowed here");
  });
  const broken = fileCipherIn(() => {
    const worker = new ChannelWorker();
    worker.postMessage = () => queueMicrotask(() => worker.onerror?.(undefined as never));
    return worker;
  });
  for (const cipher of [refused, broken]) {
    const { blob, bytes } = await sealed(cipher);
    expect(blob.length).toBe(blobLength(bytes.length));
  }
  expect(ChannelWorker.open).toBe(0);
});

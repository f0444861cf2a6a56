// Opening the files of messages: whole, or the part of one that is asked for.
import { blobLength, FileReading, type FileSecret, type ReadBytes } from "@cychat/crypto";
import { type ConversationId, limits, type MessageId } from "@cychat/protocol";
import type { ChatApi } from "../client-api.ts";
import { ClientError, isTransient } from "../client-error.ts";
import type { Directory } from "../conversations/directory.ts";
import type { Core } from "../core.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { refusalOf } from "../transport/http.ts";
import type { FileCipher } from "./file-cipher.ts";
import type { ReadBlob } from "./growing-file.ts";
import { keptFile } from "./kept-files.ts";

interface DownloadsParts {
  readonly core: Core;
  readonly directory: Directory;
  readonly outbox: Outbox;
  readonly cipher: FileCipher;
}

type OpenOptions = NonNullable<Parameters<ChatApi["openFile"]>[3]>;
type ReadOptions = Parameters<ChatApi["readFile"]>[3];
type Bytes = Uint8Array<ArrayBuffer>;

interface Found extends FileSecret {
  readonly size: number;
  readonly hash: Bytes;
  bytes(signal: AbortSignal | undefined): ReadBytes;
}

/** One reader's way through a file. */
interface Pass {
  readonly reading: FileReading;
  signal: AbortSignal | undefined;
  /** Where a named reader goes on. */
  at: number;
  /** When what was asked for before is there. */
  turn: Promise<unknown>;
}

/** What is asked for at once: a whole number of chunks. */
const windowBytes = 64 * (limits.fileChunkBytes + 16);
const windowTimeoutMs = 120_000;
const maxAttempts = 5;
const rememberedPasses = 16;

export class Downloads {
  readonly #passes = new Map<string, Pass>();

  constructor(readonly parts: DownloadsParts) {}

  async open(conversation: ConversationId, id: MessageId, index: number, options: OpenOptions = {}): Promise<Blob> {
    const { size, hash, bytes, ...secret } = await this.#find(conversation, id, index);
    return gather(this.parts.cipher.open(secret, size, hash, readAhead(bytes(options.signal), blobLength(size))), options);
  }

  async read(
    conversation: ConversationId,
    id: MessageId,
    index: number,
    { from, to, reader, signal }: ReadOptions,
  ): Promise<Bytes> {
    if (!(Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 0 && to >= from))
      throw new ClientError("malformed-request");
    signal?.throwIfAborted();
    // Once its message is accepted, a file lies elsewhere.
    const place = this.parts.outbox.get(id) === undefined ? "server" : "here";
    const key = `${place} ${conversation} ${id} ${index} ${reader ?? ""}`;
    const pass = this.#passes.get(key) ?? (await this.#begin(conversation, id, index));
    this.#remember(key, pass);
    const result = pass.turn.then(async () => {
      signal?.throwIfAborted();
      if (reader !== undefined && from !== pass.at) throw new ClientError("interrupted", "This was interrupted. Begin anew.");
      pass.signal = signal;
      const bytes = await pass.reading.bytes(from, to);
      pass.at = from + bytes.length;
      return bytes;
    });
    pass.turn = result.catch(() => {});
    try {
      return await result;
    } catch (error) {
      // What failed for want of a connection may be asked for again.
      if (!isTransient(error)) this.#passes.delete(key);
      throw error;
    }
  }

  async #begin(conversation: ConversationId, id: MessageId, index: number): Promise<Pass> {
    const { size, hash, bytes, ...secret } = await this.#find(conversation, id, index);
    const read: ReadBytes = (from, to) => bytes(pass.signal)(from, to);
    const pass: Pass = {
      reading: new FileReading(secret, size, hash, read, this.parts.core.environment.newFileHasher),
      signal: undefined,
      at: 0,
      turn: Promise.resolve(),
    };
    return pass;
  }

  #remember(key: string, pass: Pass): void {
    this.#passes.delete(key);
    this.#passes.set(key, pass);
    const [oldest] = this.#passes.keys();
    if (this.#passes.size > rememberedPasses && oldest !== undefined) this.#passes.delete(oldest);
  }

  async #find(conversation: ConversationId, id: MessageId, index: number): Promise<Found> {
    const { core, outbox, directory } = this.parts;
    const waiting = outbox.get(id)?.content;
    if (waiting?.kind === "files") {
      const file = waiting.files[index];
      if (file === undefined) throw new ClientError("not-found");
      const { key, prefix, size, hash } = file;
      return { key, prefix, size, hash, bytes: () => bytesOf(keptFile(core.store, id, index)) };
    }
    const { history, record } = directory.get(conversation);
    const file = (await history.find(id, record.fromSeq, record.toSeq))?.files?.[index];
    if (file === undefined) throw new ClientError("not-found");
    const { key, prefix, size, hash, blob } = file;
    const length = blobLength(size);
    return {
      key,
      prefix,
      size,
      hash,
      bytes: (signal) => (from, to) => (to > length ? Promise.resolve(new Uint8Array(0)) : this.#fetch(blob, from, to, signal)),
    };
  }

  /** Fewer bytes than asked for where the blob is shorter. */
  async #fetch(blob: string, from: number, to: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const { core } = this.parts;
    const headers = { range: `bytes=${from}-${to - 1}` };
    for (let attempt = 1; ; attempt++) {
      try {
        const options = { headers, timeoutMs: windowTimeoutMs, ...(signal === undefined ? {} : { signal }) };
        const { status, bytes } = await core.http.send("GET", `/files/${blob}`, options);
        if (status === 404) throw new ClientError("file-gone");
        if (status === 206 || (status === 200 && from === 0)) return bytes.subarray(0, to - from);
        // Shorter than its message says.
        if (status === 416) return new Uint8Array(0);
        throw refusalOf(status, bytes);
      } catch (error) {
        if (!isTransient(error) || attempt === maxAttempts) throw error;
        await new Promise<void>((resolve) => core.environment.clock.setTimeout(resolve, 200 * 2 ** attempt));
      }
    }
  }
}

/** For reading from front to back: fetches windows, and the next one while this one is used. */
function readAhead(read: ReadBytes, length: number): ReadBytes {
  let start = 0;
  let current: Promise<Uint8Array> | null = null;
  let next: Promise<Uint8Array> | null = null;
  const fetchAt = (from: number): Promise<Uint8Array> | null => {
    if (from >= length) return null;
    const fetched = read(from, Math.min(length, from + windowBytes));
    // It may never be asked for.
    fetched.catch(() => {});
    return fetched;
  };
  return async (from, to) => {
    if (current === null || from < start || from >= start + windowBytes) {
      const isNext = next !== null && from === start + windowBytes;
      start = from;
      current = isNext ? next : fetchAt(from);
      next = fetchAt(from + windowBytes);
    }
    const bytes = (await current) ?? new Uint8Array(0);
    return bytes.subarray(from - start, to - start);
  };
}

const bytesOf =
  (read: ReadBlob): ReadBytes =>
  async (from, to) =>
    new Uint8Array(await (await read(from, to)).arrayBuffer());

/** All of it or nothing. */
async function gather(opening: AsyncGenerator<Blob>, { progress, signal }: OpenOptions): Promise<Blob> {
  const segments: Blob[] = [];
  let size = 0;
  for await (const segment of opening) {
    signal?.throwIfAborted();
    segments.push(segment);
    size += segment.size;
    progress?.(size);
  }
  progress?.(size);
  return new Blob(segments, { type: "application/octet-stream" });
}

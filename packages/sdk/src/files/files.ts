// Sending files, and opening those of messages.
import { blobLength, generateFileSecret, openFile, type ReadBytes } from "@cychat/crypto";
import { type ConversationId, endpoints, limits, type MessageId, newMessageId } from "@cychat/protocol";
import type { ChatApi, FileQuota, FileToSend, MessageView } from "../client-api.ts";
import { ClientError, isTransient } from "../client-error.ts";
import type { Directory } from "../conversations/directory.ts";
import type { Core } from "../core.ts";
import type { Messaging } from "../messages/messaging.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { OutboxFile } from "../store/tables.ts";
import { refusalOf } from "../transport/http.ts";
import { beginFiles, dropFiles, endFiles, keepFile, keptBytes } from "./kept-files.ts";

interface FilesParts {
  readonly core: Core;
  readonly directory: Directory;
  readonly outbox: Outbox;
  readonly messaging: Messaging;
}

type SendOptions = NonNullable<Parameters<ChatApi["sendFiles"]>[2]>;
type OpenOptions = NonNullable<Parameters<ChatApi["openFile"]>[3]>;

/** What is asked for at once: a whole number of chunks. */
const windowBytes = 64 * (limits.fileChunkBytes + 16);
const windowTimeoutMs = 120_000;
const maxAttempts = 5;

export class Files {
  /** Asked for again before it was done: the same. */
  readonly #sending = new Map<MessageId, Promise<MessageView>>();
  #quota: FileQuota | null = null;

  constructor(readonly parts: FilesParts) {}

  async quota(): Promise<FileQuota> {
    const answer = await this.parts.core.http.call(endpoints.fileQuota);
    const { max_upload_bytes: maxUploadBytes, quota_bytes: quotaBytes, used_bytes: usedBytes } = answer;
    this.#quota = { maxUploadBytes, quotaBytes, usedBytes };
    return this.#quota;
  }

  send(conversation: ConversationId, files: readonly FileToSend[], options: SendOptions = {}): Promise<MessageView> {
    const id = options.id ?? newMessageId(this.parts.core.environment.clock.now());
    const known = this.#sending.get(id);
    if (known !== undefined) return known;
    const sending = this.#send(conversation, id, files, options).finally(() => this.#sending.delete(id));
    this.#sending.set(id, sending);
    return sending;
  }

  async #send(
    conversation: ConversationId,
    id: MessageId,
    files: readonly FileToSend[],
    { caption = "", mentions = [], progress = () => {}, signal }: SendOptions,
  ): Promise<MessageView> {
    if (files.length === 0) throw new ClientError("empty-message");
    if (files.length > limits.filesPerMessage) throw new ClientError("too-many-files");
    await this.#checkSizes(files);
    const { store } = this.parts.core;
    const sizes = files.map(({ blob }) => blob.size);
    return this.parts.messaging.sendFiles(conversation, id, { text: caption, mentions }, async (content) => {
      try {
        await beginFiles(store, id, sizes);
        const kept: OutboxFile[] = [];
        for (const [index, file] of files.entries()) {
          const before = kept.reduce((sum, { size }) => sum + size, 0);
          kept.push(await this.#keep(id, index, file, (bytes) => progress(before + bytes), signal));
        }
        signal?.throwIfAborted();
        return { content: { kind: "files", ...content, files: kept }, writes: [endFiles(id)] };
      } catch (error) {
        await dropFiles(store, id, sizes);
        throw error;
      }
    });
  }

  /** Offline, the server says so later. */
  async #checkSizes(files: readonly FileToSend[]): Promise<void> {
    try {
      await this.quota();
    } catch (error) {
      if (!isTransient(error)) throw error;
    }
    if (this.#quota === null) return;
    const { maxUploadBytes, quotaBytes, usedBytes } = this.#quota;
    const lengths = files.map(({ blob }) => blobLength(blob.size));
    if (lengths.some((length) => length > maxUploadBytes)) throw new ClientError("file-too-large");
    const sum = lengths.reduce((all, length) => all + length, 0);
    if (quotaBytes !== null && usedBytes + sum > quotaBytes) throw new ClientError("quota-exceeded");
  }

  async #keep(
    id: MessageId,
    index: number,
    { name, type, blob, width, height, thumbnail }: FileToSend,
    progress: (bytes: number) => void,
    signal: AbortSignal | undefined,
  ): Promise<OutboxFile> {
    const { store } = this.parts.core;
    const secret = generateFileSecret();
    const read: ReadBytes = async (from, to) => {
      signal?.throwIfAborted();
      // A file on the disk that was changed, or is gone, cannot be read any more.
      const bytes = await blob
        .slice(from, to)
        .arrayBuffer()
        .catch(() => new ArrayBuffer(0));
      return new Uint8Array(bytes);
    };
    const hash = await keepFile(store, { id, index }, secret, blob.size, read, progress);
    const dimensions = width !== undefined && height !== undefined ? ([width, height] as const) : null;
    const said = {
      name: name.toWellFormed().slice(-limits.fileNameChars).toWellFormed(),
      type: type.slice(0, limits.fileTypeChars),
    };
    const isSmall = thumbnail !== undefined && thumbnail.length <= limits.thumbnailBytes;
    const shown = { dimensions, thumbnail: isSmall ? thumbnail : null };
    return { ...secret, ...said, ...shown, size: blob.size, hash, blob: null, isUploaded: false };
  }

  async open(conversation: ConversationId, id: MessageId, index: number, options: OpenOptions = {}): Promise<Blob> {
    const { core, outbox } = this.parts;
    const waiting = outbox.get(id)?.content;
    if (waiting?.kind === "files") {
      const file = waiting.files[index];
      if (file === undefined) throw new ClientError("not-found");
      return gather(openFile(file, file.size, file.hash, keptBytes(core.store, id, index)), options);
    }
    const { history, record } = this.parts.directory.get(conversation);
    const file = (await history.find(id, record.fromSeq, record.toSeq))?.files?.[index];
    if (file === undefined) throw new ClientError("not-found");
    const read = this.#download(file.blob, blobLength(file.size), options.signal);
    return gather(openFile(file, file.size, file.hash, read), options);
  }

  /** Reads forward through a blob, a window at a time. */
  #download(blob: string, length: number, signal: AbortSignal | undefined): ReadBytes {
    let start = 0;
    let bytes: Uint8Array = new Uint8Array(0);
    return async (from, to) => {
      if (to > length) return new Uint8Array(0);
      if (from < start || to > start + bytes.length) {
        start = from;
        bytes = await this.#window(blob, from, Math.min(length, from + windowBytes), signal);
      }
      return bytes.subarray(from - start, to - start);
    };
  }

  async #window(blob: string, from: number, to: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const { core } = this.parts;
    const headers = { range: `bytes=${from}-${to - 1}` };
    for (let attempt = 1; ; attempt++) {
      try {
        const options = { headers, timeoutMs: windowTimeoutMs, ...(signal === undefined ? {} : { signal }) };
        const { status, bytes } = await core.http.send("GET", `/files/${blob}`, options);
        if (status === 404) throw new ClientError("file-gone");
        if (status === 206 || (status === 200 && from === 0)) return bytes;
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

/** All of it or nothing. Handed to the browser piece by piece, which need not keep them in memory. */
async function gather(opening: AsyncGenerator<Uint8Array<ArrayBuffer>>, { progress, signal }: OpenOptions): Promise<Blob> {
  const whole: Blob[] = [];
  let parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const bytes of opening) {
    signal?.throwIfAborted();
    parts.push(bytes);
    size += bytes.length;
    if (parts.length < 64) continue;
    whole.push(new Blob(parts));
    parts = [];
    progress?.(size);
  }
  progress?.(size);
  return new Blob([...whole, ...parts], { type: "application/octet-stream" });
}

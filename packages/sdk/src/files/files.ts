// Sending files: encrypted here and kept, while the first of them is on its way already.
import { blobLength, generateFileSecret } from "@cychat/crypto";
import { type ConversationId, endpoints, limits, type MessageId, newMessageId } from "@cychat/protocol";
import type { ChatApi, FileQuota, FileToSend, MessageView } from "../client-api.ts";
import { ClientError, isTransient } from "../client-error.ts";
import type { Core } from "../core.ts";
import type { Messaging } from "../messages/messaging.ts";
import type { OutboxFile } from "../store/tables.ts";
import type { FileCipher } from "./file-cipher.ts";
import { GrowingFile } from "./growing-file.ts";
import { beginFiles, dropFiles, endFiles, keepFile, keptFile } from "./kept-files.ts";
import type { Uploads } from "./uploads.ts";

interface FilesParts {
  readonly core: Core;
  readonly messaging: Messaging;
  readonly uploads: Uploads;
  readonly cipher: FileCipher;
}

type SendOptions = NonNullable<Parameters<ChatApi["sendFiles"]>[2]>;
type Bytes = Uint8Array<ArrayBuffer>;

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
    const { messaging, uploads, core } = this.parts;
    const { store } = core;
    const sizes = files.map(({ blob }) => blob.size);
    const sent = await messaging.sendFiles(conversation, id, { text: caption, mentions }, async (content) => {
      try {
        await beginFiles(store, id, sizes);
        const kept: OutboxFile[] = [];
        for (const [index, file] of files.entries()) {
          const before = kept.reduce((sum, { size }) => sum + size, 0);
          kept.push(await this.#keep(conversation, id, index, file, (bytes) => progress(before + bytes), signal));
        }
        signal?.throwIfAborted();
        const standing = kept.map((file, index) => ({ ...file, ...uploads.early(id, index) }));
        return { content: { kind: "files", ...content, files: standing }, writes: [endFiles(id)] };
      } catch (error) {
        uploads.cancelEarly(id);
        await dropFiles(store, id, sizes);
        throw error;
      }
    });
    uploads.endEarly(id);
    return sent;
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
    conversation: ConversationId,
    id: MessageId,
    index: number,
    { name, type, blob, width, height, thumbnail, durationMs, waveform }: FileToSend,
    progress: (bytes: number) => void,
    signal: AbortSignal | undefined,
  ): Promise<OutboxFile> {
    const { core, uploads, cipher } = this.parts;
    const secret = generateFileSecret();
    const growing = new GrowingFile(keptFile(core.store, id, index));
    uploads.beginEarly({ id, index, conversation, size: blob.size, read: growing.read });
    try {
      const sealing = cipher.seal(secret, blob);
      const hash = await keepFile(core.store, { id, index }, stoppable(sealing, signal), blob.size, (segment, bytes) => {
        growing.add(segment);
        progress(bytes);
      });
      growing.end();
      const dimensions = width !== undefined && height !== undefined ? ([width, height] as const) : null;
      const said = {
        name: name.toWellFormed().slice(-limits.fileNameChars).toWellFormed(),
        type: type.slice(0, limits.fileTypeChars),
      };
      const isSmall = thumbnail !== undefined && thumbnail.length <= limits.thumbnailBytes;
      const shown = {
        dimensions,
        thumbnail: isSmall ? thumbnail : null,
        durationMs: durationMs === undefined ? null : Math.max(0, Math.round(durationMs)),
        waveform: waveform === undefined || waveform.length === 0 ? null : waveform.slice(0, limits.waveformBars),
      };
      return { ...secret, ...said, ...shown, size: blob.size, hash, blob: null, isUploaded: false };
    } catch (error) {
      growing.fail(error);
      throw error;
    }
  }
}

/** Ends with the signal's reason between two segments. */
async function* stoppable(sealing: AsyncGenerator<Blob, Bytes>, signal: AbortSignal | undefined): AsyncGenerator<Blob, Bytes> {
  try {
    for (;;) {
      signal?.throwIfAborted();
      const step = await sealing.next();
      if (step.done === true) return step.value;
      yield step.value;
    }
  } finally {
    await sealing.return(new Uint8Array(0));
  }
}

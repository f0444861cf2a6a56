// Takes the files of waiting messages to the server, one after another; resumes after a lost connection or a restart of
// either side (tus 1.0.0). Messages without files do not wait for them.
import { blobLength } from "@cychat/crypto";
import { BlobId, type ConversationId, type MessageId, uploadsPath } from "@cychat/protocol";
import type { DetailedError, Upload } from "tus-js-client";
import { checked } from "../checked.ts";
import { ClientError, hasCode, isTransient, toClientError } from "../client-error.ts";
import type { Conversation } from "../conversations/conversation.ts";
import { epochToSend } from "../conversations/epoch-to-send.ts";
import type { Core } from "../core.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { problemOf } from "../problems.ts";
import type { OutboxRecord } from "../store/tables.ts";
import { Backoff } from "../transport/backoff.ts";
import { refusalOf } from "../transport/http.ts";
import { keptBytes } from "./kept-files.ts";
import { tusReader, tusStack } from "./tus-transport.ts";

interface UploadsOptions {
  readonly core: Core;
  readonly outbox: Outbox;
  isOnline(): boolean;
  conversation(id: ConversationId): Conversation | undefined;
  /** Files of it have got further, or it failed. */
  onItem(item: OutboxRecord): void;
  /** All its files are there: it can be sent. */
  onReady(item: OutboxRecord): void;
}

/** The peer's keys, or a look at a warning: what a message without files waits for, too. */
const waitsForChange = ["no-keys", "sending-blocked", "signed-out"] as const;

/** One request's body. */
const pieceBytes = 4 * 1024 * 1024;

export class Uploads {
  readonly #backoff: Backoff;
  #running: { readonly id: MessageId; stop(): void } | null = null;
  #timer: unknown = null;
  #closed = false;

  constructor(readonly options: UploadsOptions) {
    this.#backoff = new Backoff(options.core.environment.random, 250, 30_000);
  }

  /** Something is there to be uploaded, or the connection is new; returns at once. */
  pump(): void {
    if (this.#closed || this.#running !== null) return;
    if (this.#timer !== null) this.options.core.environment.clock.clearTimeout(this.#timer);
    this.#timer = null;
    const next = this.#next();
    if (next === null || !this.options.isOnline()) return;
    this.#running = { id: next.item.id, stop: () => {} };
    this.#upload(next.item, next.index)
      .then(() => this.#backoff.reset())
      .catch((error: unknown) => this.#failed(next.item.id, error))
      .catch((error: unknown) => this.options.core.report(error))
      .finally(() => {
        this.#running = null;
        if (this.#timer === null) this.pump();
      });
  }

  /** The message was taken back: its upload ends, and what the server has of it goes. */
  cancel({ id, content }: OutboxRecord): void {
    if (this.#running?.id === id) this.#running.stop();
    if (content.kind !== "files") return;
    const headers = { "tus-resumable": "1.0.0" };
    // Else the server drops it after a day.
    for (const { blob } of content.files)
      if (blob !== null) this.options.core.http.send("DELETE", `${uploadsPath}/${blob}`, { headers }).catch(() => {});
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) this.options.core.environment.clock.clearTimeout(this.#timer);
    this.#running?.stop();
  }

  #next(): { item: OutboxRecord; index: number } | null {
    for (const item of this.options.outbox.all()) {
      if (item.content.kind !== "files" || item.failed !== null || item.discarded) continue;
      const index = item.content.files.findIndex(({ isUploaded }) => !isUploaded);
      if (index >= 0) return { item, index };
    }
    return null;
  }

  async #upload(item: OutboxRecord, index: number): Promise<void> {
    const { core, outbox } = this.options;
    const file = item.content.kind === "files" ? item.content.files[index] : undefined;
    if (file === undefined) return;
    const conversation = this.options.conversation(item.conversation);
    if (conversation === undefined) throw new ClientError("not-found");
    // A direct chat begins with its first record; files are uploaded for a chat that there is.
    if (!conversation.record.created) await conversation.run(async () => void (await epochToSend(conversation)));
    const { Upload } = await import("tus-js-client").catch(() => {
      throw new ClientError("offline");
    });
    const size = blobLength(file.size);
    const { base } = core.http;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const upload: Upload = new Upload(new Blob(), {
      endpoint: base + uploadsPath,
      uploadUrl: file.blob === null ? null : `${base}${uploadsPath}/${file.blob}`,
      uploadSize: size,
      metadata: { conversation: item.conversation },
      chunkSize: pieceBytes,
      retryDelays: null,
      storeFingerprintForResuming: false,
      fileReader: tusReader(size, keptBytes(core.store, item.id, index)),
      httpStack: tusStack(core.http),
      onUploadUrlAvailable: () =>
        void outbox.setFile(item.id, index, { blob: blobOf(upload.url), isUploaded: false }).catch(reject),
      onChunkComplete: (_, bytes) => {
        outbox.setUploaded(item.id, index, bytes);
        this.#tell(item.id);
      },
      onSuccess: () => resolve(),
      onError: (error) => reject(causeOf(error)),
    });
    if (this.#running !== null)
      this.#running.stop = () => {
        void upload.abort();
        reject(new ClientError("closed"));
      };
    if (this.#closed || outbox.get(item.id) === undefined) return;
    upload.start();
    await promise;
    await outbox.setFile(item.id, index, { blob: blobOf(upload.url), isUploaded: true });
    const now = this.#tell(item.id);
    if (now !== undefined) this.options.onReady(now);
  }

  async #failed(id: MessageId, error: unknown): Promise<void> {
    const { core, outbox } = this.options;
    const item = outbox.get(id);
    if (item === undefined || this.#closed) return;
    const isLost = error instanceof ClientError && error.code === "not-found" && hasBlob(item);
    if (isLost) await outbox.withoutUploads(item);
    // After a lost answer the upload may stand elsewhere: the next attempt asks where.
    if (isLost || isTransient(error) || hasCode(error, "version-conflict", ...waitsForChange)) {
      this.#timer = core.environment.clock.setTimeout(() => {
        this.#timer = null;
        this.pump();
      }, this.#backoff.nextDelayMs());
      return;
    }
    const failed = await outbox.fail(id, problemOf(error));
    if (failed !== undefined) this.options.onItem(failed);
  }

  #tell(id: MessageId): OutboxRecord | undefined {
    const item = this.options.outbox.get(id);
    if (item !== undefined) this.options.onItem(item);
    return item;
  }
}

const hasBlob = ({ content }: OutboxRecord): boolean =>
  content.kind === "files" && content.files.some(({ blob }) => blob !== null);

function blobOf(url: string | null): BlobId {
  const id = checked(BlobId, url?.split("/").at(-1));
  if (id === undefined) throw new ClientError("unexpected-answer");
  return id;
}

/** The server's refusal, or why it could not be reached. */
function causeOf(error: Error | DetailedError): ClientError {
  const { originalResponse, causingError } = error as Partial<DetailedError>;
  if (originalResponse != null) {
    const { status, bytes } = originalResponse.getUnderlyingObject() as { status: number; bytes: Uint8Array };
    return refusalOf(status, bytes);
  }
  return toClientError(causingError ?? error);
}

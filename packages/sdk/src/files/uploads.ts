// Takes the files of waiting messages to the server, one after another; resumes after a lost connection or a restart of
// either side (tus 1.0.0). Messages without files do not wait for them.
import { blobLength } from "@cychat/crypto";
import type { BlobId, ConversationId, MessageId } from "@cychat/protocol";
import { ClientError, hasCode, isTransient } from "../client-error.ts";
import type { Conversation } from "../conversations/conversation.ts";
import { epochToSend } from "../conversations/epoch-to-send.ts";
import type { Core } from "../core.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { problemOf } from "../problems.ts";
import type { OutboxRecord } from "../store/tables.ts";
import { Backoff } from "../transport/backoff.ts";
import { dropUpload } from "./drop-upload.ts";
import type { ReadBlob } from "./growing-file.ts";
import { keptFile } from "./kept-files.ts";
import type { UploadRun, UploadRunOptions } from "./upload-run.ts";

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

/** A file that is still being encrypted. */
export interface EarlyFile {
  readonly id: MessageId;
  readonly index: number;
  readonly conversation: ConversationId;
  /** Of the file, in bytes. */
  readonly size: number;
  /** Waits for what is not encrypted yet. */
  readonly read: ReadBlob;
}

interface Standing {
  readonly blob: BlobId | null;
  readonly isUploaded: boolean;
}

/** The file that is on its way. */
interface Running {
  readonly id: MessageId;
  /** null until it begins. */
  run: UploadRun | null;
  /** It is not to begin any more. */
  isOver: boolean;
}

/** The peer's keys, or a look at a warning: what a message without files waits for, too. */
const waitsForChange = ["no-keys", "sending-blocked", "signed-out"] as const;

const notBegun: Standing = { blob: null, isUploaded: false };

export class Uploads {
  readonly #backoff: Backoff;
  #running: Running | null = null;
  /** Where files stand whose message is not in the outbox yet. */
  readonly #early = new Map<MessageId, Map<number, Standing>>();
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
    const running = { id: next.item.id, run: null, isOver: false };
    this.#running = running;
    this.#upload(running, next.item, next.index)
      .then(() => this.#backoff.reset())
      .catch((error: unknown) => this.#failed(next.item.id, error))
      .catch((error: unknown) => this.options.core.report(error))
      .finally(() => this.#free());
  }

  /**
   * Begins with a file while it is encrypted, where nothing else waits: most of it is there by the time its message is
   * written. Whatever comes between is left to the message's own upload. False: not begun.
   */
  beginEarly({ id, index, conversation, size, read }: EarlyFile): boolean {
    const isFree = !this.#closed && this.#running === null && this.#timer === null && this.#next() === null;
    if (!isFree || !this.options.isOnline() || this.options.conversation(conversation)?.record.created !== true) return false;
    const { core, outbox } = this.options;
    const standings = this.#early.get(id) ?? new Map<number, Standing>();
    this.#early.set(id, standings);
    const stands = async (standing: Standing) => {
      standings.set(index, standing);
      // Its message may have been written meanwhile.
      await outbox.setFile(id, index, standing).catch((error: unknown) => core.report(error));
    };
    const running = { id, run: null, isOver: false };
    this.#running = running;
    this.#run(running, {
      conversation,
      size: blobLength(size),
      read,
      blob: null,
      onBlob: (blob) => void stands({ blob, isUploaded: false }),
      onProgress: (bytes) => {
        outbox.setUploaded(id, index, bytes);
        this.#tell(id);
      },
    })
      .then(async (blob) => {
        await stands({ blob, isUploaded: true });
        const item = this.#tell(id);
        if (item !== undefined) this.options.onReady(item);
      })
      .catch(() => {})
      .finally(() => this.#free());
    return true;
  }

  /** How far a file got before its message was written. */
  early(id: MessageId, index: number): Standing {
    return this.#early.get(id)?.get(index) ?? notBegun;
  }

  /** Its message is written, and says itself where its files stand. */
  endEarly(id: MessageId): void {
    this.#early.delete(id);
  }

  /** Its message is not written after all. */
  cancelEarly(id: MessageId): void {
    const standings = this.#early.get(id);
    if (standings === undefined) return;
    this.#early.delete(id);
    this.#drop(id, [...standings.values()]);
  }

  /** It is paused: the upload stops where it is, and another one may go on. */
  hold(id: MessageId): void {
    if (this.#running?.id !== id) return;
    this.#running.isOver = true;
    this.#running.run?.stop();
  }

  /** The message was taken back: its upload ends, and what the server has of it goes. */
  cancel({ id, content }: OutboxRecord): void {
    if (content.kind === "files") this.#drop(id, content.files);
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) this.options.core.environment.clock.clearTimeout(this.#timer);
    if (this.#running !== null) this.hold(this.#running.id);
  }

  #free(): void {
    this.#running = null;
    if (this.#timer === null) this.pump();
  }

  #drop(id: MessageId, files: readonly Pick<Standing, "blob">[]): void {
    if (this.#running?.id === id) {
      this.#running.isOver = true;
      this.#running.run?.discard();
    }
    for (const { blob } of files) if (blob !== null) dropUpload(this.options.core.http, blob);
  }

  #next(): { item: OutboxRecord; index: number } | null {
    for (const item of this.options.outbox.all()) {
      if (item.content.kind !== "files" || item.failed !== null || item.discarded || item.isPaused === true) continue;
      const index = item.content.files.findIndex(({ isUploaded }) => !isUploaded);
      if (index >= 0) return { item, index };
    }
    return null;
  }

  async #run(running: Running, options: Omit<UploadRunOptions, "http">): Promise<BlobId> {
    const { UploadRun } = await import("./upload-run.ts").catch(() => {
      throw new ClientError("offline");
    });
    if (running.isOver) throw new ClientError("closed");
    running.run = new UploadRun({ http: this.options.core.http, ...options });
    return running.run.done;
  }

  async #upload(running: Running, item: OutboxRecord, index: number): Promise<void> {
    const { core, outbox } = this.options;
    const file = item.content.kind === "files" ? item.content.files[index] : undefined;
    if (file === undefined) return;
    const conversation = this.options.conversation(item.conversation);
    if (conversation === undefined) throw new ClientError("not-found");
    // A direct chat begins with its first record; files are uploaded for a chat that there is.
    if (!conversation.record.created) await conversation.run(async () => void (await epochToSend(conversation)));
    if (this.#closed || outbox.get(item.id) === undefined || outbox.get(item.id)?.isPaused === true) return;
    const blob = await this.#run(running, {
      conversation: item.conversation,
      size: blobLength(file.size),
      read: keptFile(core.store, item.id, index),
      blob: file.blob,
      onBlob: (blob) =>
        void outbox.setFile(item.id, index, { blob, isUploaded: false }).catch((error: unknown) => {
          core.report(error);
          running.run?.stop();
        }),
      onProgress: (bytes) => {
        outbox.setUploaded(item.id, index, bytes);
        this.#tell(item.id);
      },
    });
    await outbox.setFile(item.id, index, { blob, isUploaded: true });
    const now = this.#tell(item.id);
    if (now !== undefined) this.options.onReady(now);
  }

  async #failed(id: MessageId, error: unknown): Promise<void> {
    const { core, outbox } = this.options;
    const item = outbox.get(id);
    // Paused: it is not tried again by itself.
    if (item === undefined || this.#closed || item.isPaused === true) return;
    const isLost = error instanceof ClientError && error.code === "not-found" && hasBlob(item);
    if (isLost) await outbox.withoutUploads(item);
    // After a lost answer the upload may stand elsewhere: the next attempt asks where.
    if (isLost || isTransient(error) || hasCode(error, "version-conflict", "closed", ...waitsForChange)) {
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

// What waits to be accepted by the server, in the order it was written. Everything here survives a crash.
import { type ChainPoint, zeroHash } from "@cychat/crypto";
import { type AccountId, type ConversationId, type DeviceId, type MessageId, newMessageId } from "@cychat/protocol";
import type { Problem } from "../client-api.ts";
import { ClientError } from "../client-error.ts";
import { segmentDeletes } from "../files/kept-files.ts";
import type { Store, Write } from "../store/store.ts";
import {
  type OutboxContent,
  type OutboxFile,
  type OutboxRecord,
  type SealedEnvelope,
  type StoredMessage,
  tables,
} from "../store/tables.ts";

/** A message of somebody's, and not what happens to one. */
export function isWritten({ content }: OutboxRecord): boolean {
  return content.kind === "text" || content.kind === "files";
}

/** Its files are on the server, if it has any: it can be sealed. */
export function isReady({ content }: OutboxRecord): boolean {
  return content.kind !== "files" || content.files.every(({ isUploaded }) => isUploaded);
}

export interface OutboxChange {
  readonly writes: readonly Write[];
  commit(): void;
}

export class Outbox {
  readonly #items = new Map<MessageId, OutboxRecord>();
  /** Bytes of each file that the server has. */
  readonly #uploaded = new Map<MessageId, Map<number, number>>();
  #nextOrder = 1;

  constructor(
    readonly store: Store,
    readonly device: DeviceId,
  ) {}

  async load(): Promise<void> {
    for (const { value } of await tables.outbox.list(this.store)) {
      this.#items.set(value.id, value);
      this.#nextOrder = Math.max(this.#nextOrder, value.order + 1);
    }
  }

  get(id: MessageId): OutboxRecord | undefined {
    return this.#items.get(id);
  }

  all(): OutboxRecord[] {
    return [...this.#items.values()].sort((a, b) => a.order - b.order);
  }

  /** How much of a file the server has, in bytes. */
  uploaded(id: MessageId, index: number): number {
    const content = this.#items.get(id)?.content;
    const file = content?.kind === "files" ? content.files[index] : undefined;
    if (file === undefined || file.isUploaded) return file?.size ?? 0;
    return Math.min(file.size, this.#uploaded.get(id)?.get(index) ?? 0);
  }

  setUploaded(id: MessageId, index: number, bytes: number): void {
    const files = this.#uploaded.get(id) ?? new Map<number, number>();
    this.#uploaded.set(id, files.set(index, bytes));
  }

  /** What became of a file; nothing where the message is gone. */
  async setFile(id: MessageId, index: number, changes: Pick<OutboxFile, "blob" | "isUploaded">): Promise<void> {
    const item = this.#items.get(id);
    if (item === undefined || item.content.kind !== "files") return;
    const files = item.content.files.map((file, at) => (at === index ? { ...file, ...changes } : file));
    const next: OutboxRecord = { ...item, content: { ...item.content, files } };
    await this.store.write([tables.outbox.put(item.conversation, item.order, next)]);
    // Uploads go on beside the conversation's queue: the message may have been taken back meanwhile.
    if (this.#items.has(id)) this.#items.set(id, next);
  }

  /** Nothing where there is no such message, or it has no files to wait with. */
  async setPaused(id: MessageId, isPaused: boolean): Promise<OutboxRecord | undefined> {
    const item = this.#items.get(id);
    return item === undefined || item.content.kind !== "files" ? undefined : this.#keep({ ...item, isPaused });
  }

  /** Refused for good before it could be sealed. */
  async fail(id: MessageId, failed: Problem): Promise<OutboxRecord | undefined> {
    const item = this.#items.get(id);
    return item === undefined || item.sealed !== null ? undefined : this.#keep({ ...item, failed });
  }

  /** In the order of writing. */
  of(conversation: ConversationId): OutboxRecord[] {
    return [...this.#items.values()].filter((item) => item.conversation === conversation).sort((a, b) => a.order - b.order);
  }

  conversations(): Set<ConversationId> {
    return new Set([...this.#items.values()].map((item) => item.conversation));
  }

  /** Nothing but what was refused for good is left. */
  get isDrained(): boolean {
    return [...this.#items.values()].every((item) => item.failed !== null);
  }

  /** Messages that a deletion under way names. */
  beingDeleted(conversation: ConversationId): Set<MessageId> {
    const ids = new Set<MessageId>();
    for (const item of this.#items.values()) {
      if (item.conversation !== conversation || item.content.kind !== "delete" || item.failed !== null) continue;
      for (const target of item.content.targets) ids.add(target.messageId);
    }
    return ids;
  }

  /** The new texts of messages that an edit under way names; the last one written counts. */
  beingEdited(conversation: ConversationId): Map<MessageId, string> {
    const texts = new Map<MessageId, string>();
    for (const { content, failed } of this.of(conversation)) {
      if (content.kind === "edit" && failed === null) texts.set(content.target.messageId, content.text);
    }
    return texts;
  }

  /** Takes everything of a conversation out, unsent or not: it is gone for this account. */
  async drop(conversation: ConversationId): Promise<void> {
    const items = this.of(conversation);
    for (const item of items) this.#items.delete(item.id);
    await this.store.write(items.flatMap((item) => [tables.outbox.delete(conversation, item.order), ...segmentDeletes(item)]));
  }

  async add(
    conversation: ConversationId,
    id: MessageId,
    content: OutboxContent,
    writtenAtLocalMs: number,
    writes: readonly Write[] = [],
  ): Promise<OutboxRecord> {
    return this.#keep(this.#newItem(conversation, id, content, writtenAtLocalMs), writes);
  }

  /** The chain of this device in a conversation as it stands: where the next message is put. */
  async chainPoint(conversation: ConversationId): Promise<ChainPoint | null> {
    const record = await tables.counters.read(this.store, "", conversation);
    return record?.device === this.device ? record.point : null;
  }

  /** The final envelope and the place it takes in the chain, in one write: no crash can part the two. */
  async seal(item: OutboxRecord, sealed: SealedEnvelope): Promise<OutboxRecord> {
    if (!this.#items.has(item.id)) throw new ClientError("not-found");
    const point = { counter: sealed.counter, hash: sealed.hash };
    return this.#keep({ ...item, sealed }, [tables.counters.put("", item.conversation, { device: this.device, point })]);
  }

  /** The envelope was never accepted, as the server has said: its place in the chain is free again. */
  async unseal(item: OutboxRecord, failed: Problem | null): Promise<OutboxRecord> {
    const before = item.sealed?.before ?? null;
    const point = before ?? { counter: 0, hash: zeroHash() };
    const rewind = item.sealed === null ? [] : [tables.counters.put("", item.conversation, { device: this.device, point })];
    return this.#keep({ ...item, sealed: null, failed }, rewind);
  }

  /** Its files go to the server anew. */
  async withoutUploads(item: OutboxRecord): Promise<OutboxRecord> {
    if (item.content.kind !== "files") return item;
    this.#uploaded.delete(item.id);
    const files = item.content.files.map((file) => ({ ...file, blob: null, isUploaded: false }));
    return this.#keep({ ...item, content: { ...item.content, files } });
  }

  /** Tries a refused message again, behind what was written since. */
  async retry(item: OutboxRecord): Promise<OutboxRecord> {
    const retried = { ...item, failed: null, order: this.#nextOrder++ };
    await this.#keep(retried, [tables.outbox.delete(item.conversation, item.order)]);
    return retried;
  }

  /** True when it is gone; false when the server may have it, so that it can only be deleted once it is answered. */
  async discard(item: OutboxRecord): Promise<boolean> {
    if (item.sealed !== null) {
      await this.#keep({ ...item, discarded: true });
      return false;
    }
    this.#items.delete(item.id);
    await this.store.write([tables.outbox.delete(item.conversation, item.order), ...segmentDeletes(item)]);
    return true;
  }

  /** The server has these: they leave the outbox in the same write that puts them into the history. */
  settle(me: AccountId, messages: readonly StoredMessage[], nowLocalMs: number): OutboxChange {
    const settled: OutboxRecord[] = [];
    const added: OutboxRecord[] = [];
    const writes: Write[] = [];
    for (const { id, sender, device, envelopeHash } of messages) {
      const item = this.#items.get(id);
      if (item === undefined || sender !== me || device !== this.device) continue;
      const { conversation, content } = item;
      settled.push(item);
      writes.push(tables.outbox.delete(conversation, item.order), ...segmentDeletes(item));
      if (content.kind === "delete") {
        const ids = content.targets.map((target) => target.messageId);
        writes.push(tables.erasures.put(conversation, id, { conversation, ids }));
      } else if (item.discarded && envelopeHash !== null) {
        const deletion = this.#newItem(
          conversation,
          newMessageId(nowLocalMs),
          { kind: "delete", targets: [{ messageId: id, envelopeHash }] },
          nowLocalMs,
        );
        added.push(deletion);
        writes.push(tables.outbox.put(conversation, deletion.order, deletion));
      }
    }
    return {
      writes,
      commit: () => {
        for (const item of settled) {
          this.#items.delete(item.id);
          this.#uploaded.delete(item.id);
        }
        for (const item of added) this.#items.set(item.id, item);
      },
    };
  }

  #newItem(conversation: ConversationId, id: MessageId, content: OutboxContent, writtenAtLocalMs: number): OutboxRecord {
    return {
      order: this.#nextOrder++,
      id,
      conversation,
      content,
      writtenAtLocalMs,
      failed: null,
      discarded: false,
      sealed: null,
    };
  }

  async #keep(item: OutboxRecord, writes: readonly Write[] = []): Promise<OutboxRecord> {
    // `writes` first: a retried item leaves its old place before it takes the new one.
    await this.store.write([...writes, tables.outbox.put(item.conversation, item.order, item)]);
    this.#items.set(item.id, item);
    return item;
  }
}

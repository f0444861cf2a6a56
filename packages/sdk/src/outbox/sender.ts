// Empties the outbox: one message after another in each conversation, because a later one names the one before it.
import { type Content, type MessageTarget, memberOf, sealMessage, zeroHash } from "@cychat/crypto";
import { type ConversationId, endpoints, type MessageEntry, toBase64url } from "@cychat/protocol";
import { ClientError, hasCode, isTransient } from "../client-error.ts";
import type { Conversation } from "../conversations/conversation.ts";
import { epochToSend } from "../conversations/epoch-to-send.ts";
import type { Core } from "../core.ts";
import { problemOf } from "../problems.ts";
import { isModerator } from "../rooms/room-record.ts";
import type { ErasureRecord, OutboxRecord, SealedEnvelope } from "../store/tables.ts";
import { tables } from "../store/tables.ts";
import { Backoff } from "../transport/backoff.ts";
import { isReady, type Outbox } from "./outbox.ts";
import type { Wire } from "./wire.ts";

interface SenderOptions {
  readonly core: Core;
  readonly outbox: Outbox;
  readonly wire: Wire;
  isOnline(): boolean;
  conversation(id: ConversationId): Conversation | undefined;
  /** An item became sealed, refused, or waits for something. */
  onItem(item: OutboxRecord): void;
  /** Files of a message have to be uploaded first, or again. */
  onUploadsDue(): void;
  /** Tells the server again which device this session is. */
  bindDevice(): Promise<void>;
}

/** Throws blob-missing for a file that is not on the server yet. */
function contentOf(content: OutboxRecord["content"]): Content {
  if (content.kind === "delete") return content;
  const mentions = content.mentions ?? [];
  if (content.kind !== "files") return { ...content, mentions };
  const files = content.files.map(({ isUploaded: _, blob, ...file }) => {
    if (blob === null) throw new ClientError("blob-missing");
    return { ...file, blob };
  });
  return { kind: "files", caption: content.text, mentions, files };
}

/** Refusals that do not go away by themselves soon: the item waits until something changes, or the connection is new. */
const waitsForChange = ["offline", "no-keys", "sending-blocked", "signed-out", "closed"] as const;
/** The server keeps saying that the epoch is closed and shows no newer one, or keeps forgetting our device. */
const sameRefusals = 5;

/** Who moderates no more deletes their own only: no reader would count the rest, yet the server might erase it. */
async function assertMayDelete({ core, chain, history, record }: Conversation, targets: readonly MessageTarget[]): Promise<void> {
  const { account } = core.me;
  if (record.room === null || chain.state === null) return;
  if (isModerator(memberOf(chain.state, account)?.role ?? null)) return;
  for (const { messageId } of targets) {
    const message = await history.find(messageId, record.fromSeq, record.toSeq);
    if (message !== undefined && message.sender !== account) throw new ClientError("not-allowed");
  }
}

export class Sender {
  readonly #pumping = new Set<ConversationId>();
  /** Asked for again while it was running. */
  readonly #again = new Set<ConversationId>();
  readonly #pauses = new Map<ConversationId, unknown>();
  readonly #backoffs = new Map<ConversationId, Backoff>();
  #erasing = false;
  #closed = false;

  constructor(readonly options: SenderOptions) {}

  /** Something has changed (the connection, somebody's keys): everything is worth another try. */
  pumpAll(): void {
    for (const id of [...this.#pauses.keys()]) this.#resume(id);
    for (const id of this.options.outbox.conversations()) this.pump(id);
    void this.#eraseAll();
  }

  /** Sends what waits in a conversation; returns at once. A busy server is left alone until the pause is over. */
  pump(id: ConversationId): void {
    if (this.#closed || this.#pauses.has(id)) return;
    if (this.#pumping.has(id)) {
      this.#again.add(id);
      return;
    }
    this.#pumping.add(id);
    this.#pump(id)
      .catch((error: unknown) => this.options.core.report(error))
      .finally(() => {
        this.#pumping.delete(id);
        if (this.#again.delete(id)) this.pump(id);
      });
  }

  close(): void {
    this.#closed = true;
    for (const id of [...this.#pauses.keys()]) this.#resume(id);
  }

  async #pump(id: ConversationId): Promise<void> {
    const { core, outbox } = this.options;
    const backoff = this.#backoffs.get(id) ?? new Backoff(core.environment.random, 250, 15_000);
    this.#backoffs.set(id, backoff);
    let refusals = 0;
    for (;;) {
      const conversation = this.options.conversation(id);
      const item = outbox.of(id).find((candidate) => candidate.failed === null && isReady(candidate));
      if (item === undefined || conversation === undefined || this.#closed || !this.options.isOnline()) return;
      try {
        await this.#send(conversation, item);
        backoff.reset();
        refusals = 0;
      } catch (error) {
        if (hasCode(error, ...waitsForChange)) return this.options.onItem(item);
        if (isTransient(error)) {
          this.#pause(id, backoff, error);
          return;
        }
        refusals += 1;
        await this.#refused(conversation, item.id, error, refusals >= sameRefusals).catch((failure: unknown) => {
          if (!isTransient(failure) && !hasCode(failure, ...waitsForChange)) throw failure;
          this.#pause(id, backoff, failure);
        });
        if (this.#pauses.has(id)) return;
      }
    }
  }

  async #send(conversation: Conversation, item: OutboxRecord): Promise<void> {
    const { core, outbox, wire } = this.options;
    const sealed = item.sealed ?? (await conversation.run(() => this.#seal(conversation, item)));
    const { seq, atMs } = await wire.transmit(conversation.id, item.id, sealed.envelope);
    const { account, device } = core.me;
    const entry: MessageEntry = {
      kind: "message",
      seq,
      at_ms: atMs,
      id: item.id,
      sender: account,
      device: device.id,
      envelope: sealed.envelope,
    };
    try {
      await conversation.run(() => conversation.takeOwn(entry));
      if (outbox.get(item.id) !== undefined) throw new ClientError("fork");
    } catch (error) {
      if (isTransient(error) || hasCode(error, ...waitsForChange)) throw error;
      // It is accepted, so whatever is wrong now, its envelope is never made again: this conversation has a problem.
      await conversation.patch({ failure: problemOf(error) });
      throw new ClientError("internal");
    }
    if (item.content.kind === "delete") void this.#eraseAll();
  }

  async #seal(conversation: Conversation, item: OutboxRecord): Promise<SealedEnvelope> {
    const { core, outbox } = this.options;
    const { epoch, epochKey, recordHash } = await epochToSend(conversation);
    if (item.content.kind === "delete") await assertMayDelete(conversation, item.content.targets);
    const before = await outbox.chainPoint(conversation.id);
    const counter = (before?.counter ?? 0) + 1;
    const sentAtMs = Math.max(0, Math.round(core.time.fromLocal(item.writtenAtLocalMs)));
    const { bytes, envelopeHash } = await sealMessage({
      conversation: conversation.id,
      epoch,
      epochKey,
      messageId: item.id,
      account: core.me.account,
      device: core.me.device,
      recordHash,
      sentAtMs,
      counter,
      prev: before?.hash ?? zeroHash(),
      content: contentOf(item.content),
    });
    const sealed: SealedEnvelope = { envelope: toBase64url(bytes), hash: envelopeHash, epoch, sentAtMs, before, counter };
    await outbox.seal(item, sealed);
    return sealed;
  }

  /** `hopeless`: the same again and again. */
  async #refused(conversation: Conversation, id: OutboxRecord["id"], error: unknown, hopeless: boolean): Promise<void> {
    const { outbox } = this.options;
    if (hasCode(error, "epoch-closed", "rotation-due") && !hopeless) {
      // The server knows of a change that we have not heard of.
      if (hasCode(error, "rotation-due")) conversation.memberKeys.stale();
      // Reads the newer records; and finds our message among the entries if it had been accepted earlier.
      await conversation.catchUp(conversation.record.toSeq + 1);
      const item = outbox.get(id);
      if (item !== undefined) await outbox.unseal(item, null);
      return;
    }
    if (hasCode(error, "blob-missing") && !hopeless) {
      // It waited longer than the server keeps files without a message.
      const item = outbox.get(id);
      if (item === undefined) return;
      const again = await outbox.unseal(await outbox.withoutUploads(item), null);
      if (again.discarded) await outbox.discard(again);
      else this.options.onUploadsDue();
      return;
    }
    if (hasCode(error, "device-unknown") && !hopeless) return this.options.bindDevice();
    const item = outbox.get(id);
    if (item === undefined) return;
    const failed = await outbox.unseal(item, problemOf(error));
    if (failed.discarded) await outbox.discard(failed);
    else this.options.onItem(failed);
  }

  #pause(id: ConversationId, backoff: Backoff, error: unknown): void {
    const asked =
      error instanceof ClientError ? (error.details as { retry_after_ms?: unknown } | undefined)?.retry_after_ms : undefined;
    const delayMs = backoff.nextDelayMs() + (typeof asked === "number" ? asked : 0) + 50;
    const { clock } = this.options.core.environment;
    const resume = () => {
      this.#resume(id);
      this.pump(id);
    };
    this.#resume(id);
    this.#pauses.set(id, clock.setTimeout(resume, delayMs));
  }

  #resume(id: ConversationId): void {
    const timer = this.#pauses.get(id);
    this.#pauses.delete(id);
    if (timer !== undefined) this.options.core.environment.clock.clearTimeout(timer);
  }

  /** Once a signed deletion is accepted, the ciphertext goes too; tried until it works. */
  async #eraseAll(): Promise<void> {
    if (this.#erasing || this.#closed) return;
    this.#erasing = true;
    try {
      const { store, http } = this.options.core;
      for (const { group, key, value } of await tables.erasures.list(store)) {
        const { conversation, ids }: ErasureRecord = value;
        await http.call(endpoints.erase, { params: { id: conversation }, body: { ids: [...ids] } });
        await store.write([tables.erasures.delete(group, key)]);
      }
    } catch {
      // The next connection tries again.
    } finally {
      this.#erasing = false;
    }
  }
}

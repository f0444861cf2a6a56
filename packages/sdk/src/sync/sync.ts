// Catches up with the server: on every connection with what changed since the last one, then frame by frame. Frames
// are hints to read by number, so one that is lost, doubled or out of order costs a request and loses nothing.
import { type ConversationId, endpoints, type Conversation as Listed, type ServerFrame } from "@cychat/protocol";
import { hasCode, isTransient } from "../client-error.ts";
import type { Contacts } from "../contacts/contacts.ts";
import type { Conversation } from "../conversations/conversation.ts";
import type { Directory } from "../conversations/directory.ts";
import type { Core } from "../core.ts";
import type { Sender } from "../outbox/sender.ts";
import { SerialQueue } from "../serial-queue.ts";
import { only, tables } from "../store/tables.ts";
import { Backoff } from "../transport/backoff.ts";
import type { Receipts } from "./receipts.ts";
import type { Typing } from "./typing.ts";

interface SyncParts {
  readonly core: Core;
  readonly directory: Directory;
  readonly contacts: Contacts;
  readonly receipts: Receipts;
  readonly typing: Typing;
  readonly sender: Sender;
  isOnline(): boolean;
  /** Reads what belongs to the account itself again: profile, vault, own log, unlock methods. */
  refreshAccount(): Promise<void>;
  refreshProfile(): Promise<void>;
  onReceipt(conversation: Conversation, before: { readSeq: number; deliveredSeq: number }): void;
}

type Changed = Extract<ServerFrame, { type: "changed" }>;
type ReceiptFrame = Extract<ServerFrame, { type: "receipt" }>;

/** Conversations that are caught up with at the same time. */
const lanes = 4;

export class Sync {
  readonly #queue = new SerialQueue();
  readonly #backoff: Backoff;
  #retryTimer: unknown = null;
  #asOfMs: number | null = null;
  #closed = false;

  constructor(readonly parts: SyncParts) {
    this.#backoff = new Backoff(parts.core.environment.random, 500, 20_000);
  }

  async load(): Promise<void> {
    const record = await tables.sync.read(this.parts.core.store, "", only);
    this.#asOfMs = record?.asOfMs ?? null;
  }

  close(): void {
    this.#closed = true;
    this.#stopRetry();
  }

  /** The connection is new: whatever changed in the meantime was not told. */
  connected(): Promise<void> {
    const { core, directory, receipts } = this.parts;
    core.accounts.stale();
    receipts.reconnected();
    for (const conversation of directory.all()) conversation.keyring.hint();
    return this.run();
  }

  /** Everything, once more; a run that fails for the network's sake is tried again while there is a connection. */
  run(): Promise<void> {
    this.#stopRetry();
    return this.#queue.run(() => this.#attempt(() => this.#all()));
  }

  take(frame: ServerFrame): void {
    const { contacts, typing, directory } = this.parts;
    if (frame.type === "entry") {
      if (frame.entry.kind === "message" && directory.find(frame.conversation)?.peer === frame.entry.sender)
        typing.take(frame.conversation, false);
      void this.#attempt(() => this.#takeEntry(frame));
    } else if (frame.type === "receipt") this.#takeReceipt(frame);
    else if (frame.type === "typing") {
      if (directory.find(frame.conversation)?.peer === frame.account) typing.take(frame.conversation, frame.active);
    } else if (frame.type === "presence") contacts.take(frame);
    else if (frame.type === "changed") void this.#queue.run(() => this.#attempt(() => this.#takeChange(frame)));
    // `erased`: what we have stays as it is. The signed deletion says what is deleted; the server only makes room.
  }

  /** Reads one conversation and what is missing in it. */
  async read(id: ConversationId): Promise<void> {
    const { core, directory } = this.parts;
    const listed = await core.http.call(endpoints.conversation, { params: { id } });
    const conversation = await directory.take(listed);
    if (conversation !== null) await this.#catchUp(conversation, listed);
  }

  async #all(): Promise<void> {
    const { core, contacts, sender, directory, receipts } = this.parts;
    // The account first: vault and own log decide what may be believed of all the rest.
    await this.parts.refreshAccount();
    await contacts.refresh();
    const listed = await this.#list();
    sender.pumpAll();
    // What was read while there was no connection was told to nobody.
    for (const conversation of directory.all()) receipts.due(conversation);
    await eachOf(lanes, directory.all(), async (conversation) => {
      const { record } = conversation;
      const isBehind =
        record.created && (record.toSeq < record.lastSeq || record.failure !== null || record.unreadable.length > 0);
      if (isBehind || listed.has(record.id)) await this.#catchUp(conversation, listed.get(record.id));
    });
    core.accounts.pinAll().catch(() => {});
    this.#backoff.reset();
  }

  /** What changed since the last listing, as the server lists it. */
  async #list(): Promise<Map<ConversationId, Listed>> {
    const { core, directory } = this.parts;
    const since = this.#asOfMs === null ? {} : { changed_since_ms: String(this.#asOfMs) };
    const { conversations, as_of_ms } = await core.http.call(endpoints.conversations, { query: since });
    // Those that another device ignored or blocked leave the list without a word.
    const hidden = this.#asOfMs === null ? [] : await this.#listHidden(since);
    for (const listed of [...conversations, ...hidden]) await directory.take(listed);
    this.#asOfMs = as_of_ms;
    await core.store.write([tables.sync.put("", only, { asOfMs: as_of_ms, clockOffsetMs: core.time.offsetMs })]);
    return new Map(conversations.map((listed) => [listed.id, listed]));
  }

  async #listHidden(since: { changed_since_ms?: string }) {
    const { http } = this.parts.core;
    const answers = await Promise.all(
      (["ignored", "blocked"] as const).map((state) => http.call(endpoints.conversations, { query: { ...since, state } })),
    );
    return answers.flatMap((answer) => answer.conversations);
  }

  async #catchUp(conversation: Conversation, listed: Listed | undefined): Promise<void> {
    const { receipts, sender } = this.parts;
    const { failure, toSeq, lastSeq } = conversation.record;
    // Listed shorter than it is here: the list may have crossed with a new entry, or the server has gone back. Asked for
    // what follows ours, it has to say which.
    const isDoubtful = failure !== null || (listed !== undefined && listed.last_seq < toSeq);
    await conversation.catchUp(isDoubtful ? Math.max(lastSeq, toSeq + 1) : lastSeq);
    const { fromSeq, readSeq, unread } = conversation.record;
    if (fromSeq <= readSeq + 1) await conversation.recount();
    else if (listed !== undefined && listed.unread !== unread) await conversation.patch({ unread: listed.unread });
    receipts.due(conversation);
    sender.pump(conversation.id);
  }

  async #takeEntry({ conversation: id, entry }: Extract<ServerFrame, { type: "entry" }>): Promise<void> {
    const conversation = this.parts.directory.find(id);
    if (conversation === undefined) return this.read(id);
    try {
      await conversation.receive(entry);
    } catch (error) {
      await conversation.patch({ lastSeq: Math.max(entry.seq, conversation.record.lastSeq) });
      throw error;
    }
    // A new key goes from the letter into the safe as soon as it is there, not when a message first needs it.
    const { state } = conversation.chain;
    if (entry.kind === "record" && state !== null)
      await conversation.run(async () => void (await conversation.keyring.key(state, state.epoch)));
  }

  #takeReceipt(frame: ReceiptFrame): void {
    const { core, directory } = this.parts;
    const conversation = directory.find(frame.conversation);
    if (conversation === undefined) return;
    const { record } = conversation;
    const { read_seq: readSeq, delivered_seq: deliveredSeq } = frame;
    if (frame.account === core.me.account) {
      const isNews = readSeq > record.readSeq;
      const seen = { serverReadSeq: readSeq, serverDeliveredSeq: deliveredSeq, readSeq: Math.max(readSeq, record.readSeq) };
      void conversation.patch(seen).catch(core.report);
      if (isNews) void conversation.recount().catch(core.report);
      return;
    }
    if (frame.account !== conversation.peer) return;
    const before = { readSeq: record.peerReadSeq, deliveredSeq: record.peerDeliveredSeq };
    const peer = {
      peerReadSeq: Math.max(readSeq, before.readSeq),
      peerDeliveredSeq: Math.max(deliveredSeq, before.deliveredSeq),
    };
    if (peer.peerReadSeq === before.readSeq && peer.peerDeliveredSeq === before.deliveredSeq) return;
    void conversation.patch(peer).catch(core.report);
    this.parts.onReceipt(conversation, before);
  }

  async #takeChange(frame: Changed): Promise<void> {
    const { core, directory, contacts, sender } = this.parts;
    const conversation = frame.conversation === undefined ? undefined : directory.find(frame.conversation);
    switch (frame.what) {
      case "contacts":
        await contacts.refresh();
        return this.#listAndCatchUp();
      case "conversations":
        return frame.conversation === undefined ? this.#listAndCatchUp() : this.read(frame.conversation);
      case "profile":
        if (frame.account === undefined || frame.account === core.me.account) return this.parts.refreshProfile();
        await contacts.refresh();
        for (const { id, record } of directory.withPeer(frame.account)) if (record.created) await this.read(id);
        return;
      case "keys": {
        const account = frame.account ?? core.me.account;
        core.accounts.stale(account);
        if (account === core.me.account) await this.parts.refreshAccount();
        else await this.#takePeerKeys(account);
        return sender.pumpAll();
      }
      case "keyring":
        return conversation?.heal();
      case "sessions":
        return;
    }
  }

  async #takePeerKeys(account: Parameters<Core["accounts"]["get"]>[0]): Promise<void> {
    const { core, directory, contacts } = this.parts;
    const conversations = directory.withPeer(account);
    if (conversations.length > 0 || core.accounts.known(account) !== undefined) await core.accounts.refresh(account);
    if (contacts.get(account)?.hasKeys === false) await contacts.refresh();
    for (const conversation of conversations) await conversation.heal();
  }

  async #listAndCatchUp(): Promise<void> {
    for (const listed of (await this.#list()).values()) {
      const conversation = this.parts.directory.find(listed.id);
      if (conversation !== undefined) await this.#catchUp(conversation, listed);
    }
  }

  async #attempt(task: () => Promise<void>): Promise<void> {
    if (this.#closed) return;
    try {
      await task();
    } catch (error) {
      if (this.#closed || hasCode(error, "signed-out", "closed", "not-found", "no-keys")) return;
      if (!isTransient(error)) this.parts.core.report(error);
      else if (this.parts.isOnline()) this.#retryLater();
    }
  }

  #retryLater(): void {
    const { clock } = this.parts.core.environment;
    this.#retryTimer ??= clock.setTimeout(() => void this.run(), 200 + this.#backoff.nextDelayMs());
  }

  #stopRetry(): void {
    if (this.#retryTimer !== null) this.parts.core.environment.clock.clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
  }
}

/** Runs `task` for every item, so many at once; the first failure is thrown when all have ended. */
async function eachOf<T>(width: number, items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await task(item);
  };
  const results = await Promise.allSettled(Array.from({ length: width }, lane));
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

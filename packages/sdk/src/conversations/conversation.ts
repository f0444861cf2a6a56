// One conversation: its records and keys, its messages here, and everything that changes them, one after another.
import type { Entry, MessageEntry, MessageId } from "@cychat/protocol";
import { type AccountId, endpoints, limits } from "@cychat/protocol";
import { ClientError, hasCode, isTransient } from "../client-error.ts";
import type { Core } from "../core.ts";
import { HistoryBlocks } from "../messages/history-blocks.ts";
import { type ErasedPrefix, Intake, type IntakeResult } from "../messages/intake.ts";
import { Opener } from "../messages/opener.ts";
import { problemOf } from "../problems.ts";
import { SerialQueue } from "../serial-queue.ts";
import type { Write } from "../store/store.ts";
import { type ConversationRecord, type DeletionRecord, type StoredMessage, tables } from "../store/tables.ts";
import { KeyringKeeper } from "./keyring-keeper.ts";
import { RecordChainKeeper } from "./record-chain-keeper.ts";

export interface ConversationHooks {
  /** What to write together with these messages, now that the server is known to have them (the outbox lets go). */
  settle(messages: readonly StoredMessage[]): { writes: readonly Write[]; commit(): void };
  onMessages(conversation: Conversation, changed: readonly StoredMessage[], added: readonly StoredMessage[]): void;
  onChanged(conversation: Conversation): void;
}

/** A device that sees a long conversation for the first time begins with so many of its newest entries. */
const firstPage = 50;

export class Conversation {
  readonly queue = new SerialQueue();
  readonly chain: RecordChainKeeper;
  readonly keyring: KeyringKeeper;
  readonly history: HistoryBlocks;
  readonly #opener: Opener;
  #record: ConversationRecord;
  #deletions = new Map<MessageId, DeletionRecord>();
  #loading: Promise<void> | null = null;
  #incoming: Entry[] = [];
  /** Writes of the record stay in order, each with the newest of everything. */
  readonly #writes = new SerialQueue();

  constructor(
    readonly core: Core,
    record: ConversationRecord,
    readonly hooks: ConversationHooks,
  ) {
    this.#record = record;
    this.keyring = new KeyringKeeper(core, record.id);
    this.chain = new RecordChainKeeper(core, record.id, () => this.keyring.pin);
    this.history = new HistoryBlocks(core.store, record.id);
    this.#opener = new Opener(core, this.chain, this.keyring);
  }

  get id() {
    return this.#record.id;
  }

  get record(): ConversationRecord {
    return this.#record;
  }

  get peer(): AccountId {
    return this.#record.peer.id;
  }

  /** Runs a task alone in this conversation, with its keys read in. What it throws is the caller's. */
  run<T>(task: () => Promise<T>): Promise<T> {
    return this.queue.run(async () => {
      this.#loading ??= this.#load();
      await this.#loading.catch((error: unknown) => {
        this.#loading = null;
        throw error;
      });
      return task();
    });
  }

  /** Holds at once, also in the middle of a task; resolves once it is durable. */
  async patch(changes: Partial<ConversationRecord>, writes: readonly Write[] = []): Promise<void> {
    this.#record = { ...this.#record, ...changes };
    this.hooks.onChanged(this);
    await this.#writes.run(() => this.core.store.write([this.#put(this.#record), ...writes]));
  }

  #put(record: ConversationRecord): Write {
    return tables.conversations.put("", record.id, record);
  }

  /** An entry as it comes over the socket. In order it is taken at once; anything missing before it is fetched. */
  receive(entry: Entry): Promise<void> {
    this.#incoming.push(entry);
    return this.#guarded(() => this.#takeIncoming(), false);
  }

  /** Reads what is missing up to `lastSeq`: costs in proportion to that. */
  catchUp(lastSeq: number): Promise<void> {
    return this.#guarded(async () => {
      if (lastSeq > this.#record.toSeq) await this.#fill();
      await this.#heal();
    }, true);
  }

  /** Keys, records or accounts may have come: what could not be read, or read on, is tried again. */
  heal(): Promise<void> {
    this.keyring.hint();
    const { failure, lastSeq, toSeq, unreadable } = this.#record;
    if (failure === null && unreadable.length === 0) return Promise.resolve();
    return this.catchUp(failure === null ? toSeq : Math.max(lastSeq, toSeq + 1));
  }

  /** Visible messages before a number, newest first; reads on from the server where this device has no more. */
  async before(seq: number, limit: number): Promise<{ messages: StoredMessage[]; reachedStart: boolean }> {
    const visible = (message: StoredMessage) => message.kind !== "control";
    // A device that has not begun to read here yet has nothing to show.
    if (this.#record.created && this.#record.toSeq === 0) await this.#guarded(() => this.#fill(), false);
    for (;;) {
      const { fromSeq, created } = this.#record;
      const messages = await this.history.newestBefore(Math.min(seq, this.#record.toSeq + 1), fromSeq, limit, visible);
      const reachedStart = fromSeq <= 1 || !created;
      if (messages.length >= limit || reachedStart) return { messages, reachedStart: messages.length < limit };
      try {
        await this.run(() => this.#readOlder(limit, fromSeq));
      } catch (error) {
        // What is here is shown; only an empty page must say why it is empty.
        if (!isTransient(error)) await this.patch({ failure: problemOf(error) });
        if (messages.length > 0) return { messages, reachedStart: false };
        throw error;
      }
    }
  }

  /** Entries that are known otherwise (our own message, acknowledged): in their place, or fetched with what lies between. */
  async takeOwn(entry: MessageEntry): Promise<void> {
    this.#incoming.push(entry);
    await this.#takeIncoming();
  }

  async #load(): Promise<void> {
    await this.keyring.load();
    await this.chain.load();
    for (const { key, value } of await tables.deletions.list(this.core.store, this.id))
      this.#deletions.set(key as MessageId, value);
  }

  /**
   * The boundary: what goes wrong here is this conversation's problem, unless it is worth another try. `isWhole`: the
   * task reads again whatever had failed, so when it goes well, that is over.
   */
  async #guarded(task: () => Promise<void>, isWhole: boolean): Promise<void> {
    const before = this.#record.failure;
    try {
      await this.run(task);
      if (isWhole && before !== null && this.#record.failure === before) await this.patch({ failure: null });
    } catch (error) {
      if (isTransient(error) || hasCode(error, "signed-out", "closed")) throw error;
      const failure = problemOf(error);
      if (failure.code !== this.#record.failure?.code) await this.patch({ failure });
    }
  }

  async #takeIncoming(): Promise<void> {
    const incoming = this.#incoming;
    this.#incoming = [];
    for (const entry of incoming) if (entry.seq <= this.#record.toSeq) await this.#compare(entry);
    const entries = incoming.filter((entry) => entry.seq > this.#record.toSeq).sort((a, b) => a.seq - b.seq);
    if (entries.length === 0) return;
    const inOrder = entries.filter((entry, index) => entry.seq === this.#record.toSeq + 1 + index);
    if (inOrder.length > 0) await this.#forward(inOrder, entries.at(-1)?.seq ?? 0, "told");
    // Something is missing before the rest: all that follows is read again, in order.
    if (inOrder.length < entries.length) await this.#fill();
  }

  /** An entry at a number that is known comes twice now and then; another one there is another history. Throws fork. */
  async #compare(entry: Entry): Promise<void> {
    if (entry.kind !== "message" || entry.seq < this.#record.fromSeq) return;
    const known = await this.history.at(entry.seq);
    if (known !== undefined && known.id !== entry.id) throw new ClientError("fork");
  }

  async #fill(): Promise<void> {
    let prefix: ErasedPrefix = "aged";
    if (this.#record.toSeq === 0) {
      prefix = await this.#begin();
      if (this.#record.toSeq === this.#record.lastSeq) return;
    }
    for (;;) {
      const { toSeq } = this.#record;
      const { entries, lastSeq } = await this.#entries({ after: String(toSeq), limit: String(limits.historyPage) });
      if (lastSeq < toSeq) throw new ClientError("rollback");
      const following = entries.filter((entry) => entry.seq > toSeq);
      if (!following.every((entry, index) => entry.seq === toSeq + 1 + index)) throw new ClientError("broken-chain");
      if (following.length > 0) prefix = await this.#forward(following, lastSeq, prefix);
      if (following.length === 0 || this.#record.toSeq >= lastSeq) break;
    }
    if (this.#record.lastSeq !== this.#record.toSeq) await this.patch({ lastSeq: this.#record.toSeq });
  }

  /** Where a new device begins to read: at the beginning if that is near, else with the newest page. */
  async #begin(): Promise<ErasedPrefix> {
    const { entries, lastSeq } = await this.#entries({ limit: String(firstPage) });
    const first = entries[0];
    if (first === undefined) return "told";
    // The safe first: it holds the newest record that any of our devices has seen, and fewer than that is a rollback.
    await this.keyring.refresh();
    await this.chain.catchUp();
    this.#record = { ...this.#record, fromSeq: first.seq, toSeq: first.seq - 1 };
    return this.#forward(entries, lastSeq, "open");
  }

  /** `before`: the oldest number when this was asked for; somebody else may have read on meanwhile. */
  async #readOlder(wanted: number, before: number): Promise<void> {
    if (this.#record.fromSeq !== before) return;
    const limit = String(Math.min(limits.historyPage, Math.max(firstPage, wanted)));
    const { entries } = await this.#entries({ before: String(before), limit });
    const reachedStart = entries.length === 0 || entries[0]?.seq === 1;
    const result = await this.#intake().backward(entries, reachedStart);
    await this.#commit(result, []);
    await this.recount();
  }

  async #entries(query: { after?: string; before?: string; limit: string }) {
    const answer = await this.core.http.call(endpoints.entries, { params: { id: this.id }, query });
    return { entries: answer.entries, lastSeq: answer.last_seq };
  }

  async #forward(entries: readonly Entry[], lastSeq: number, prefix: ErasedPrefix): Promise<ErasedPrefix> {
    const result = await this.#intake().forward(entries, Math.max(lastSeq, this.#record.lastSeq), prefix);
    await this.#commit({ ...result, record: { ...result.record, created: true } }, result.added);
    return result.prefix;
  }

  async #heal(): Promise<void> {
    const entries: MessageEntry[] = [];
    for (const seq of this.#record.unreadable) {
      const message = await this.history.at(seq);
      if (message === undefined || message.envelope === null) continue;
      const { atMs, id, sender, device, envelope } = message;
      entries.push({ kind: "message", seq, at_ms: atMs, id, sender, device, envelope });
    }
    if (entries.length === 0) return;
    const result = await this.#intake().heal(entries);
    if (result.messages.size > 0) await this.#commit(result, []);
  }

  #intake(): Intake {
    const { chain, history } = this;
    const serverNowMs = () => this.core.time.now();
    return new Intake({ opener: this.#opener, chain, history, deletions: this.#deletions, serverNowMs }, this.#record);
  }

  /** Everything a page of entries changes is written at once: a crash leaves all of it or nothing. */
  async #commit(result: IntakeResult, added: readonly StoredMessage[]): Promise<void> {
    const changed = [...result.messages.values()].sort((a, b) => a.seq - b.seq);
    const staged = await this.history.stage(changed);
    const newlyUnread = await this.#newlyUnread(changed);
    const settled = this.hooks.settle(added);
    const deletions = [...result.deletions].map(([id, deletion]) => tables.deletions.put(this.id, id, deletion));
    const { fromSeq, toSeq, lastSeq, created, chains, gaps, unexplained, unreadable, problem } = result.record;
    const read = { fromSeq, toSeq, lastSeq, created, chains, gaps, unexplained, unreadable, problem };
    // Made at the last moment, on top of what was patched in the meantime.
    const next = (): ConversationRecord => ({
      ...this.#record,
      ...read,
      failure: result.failure ?? this.#record.failure,
      lastSeq: Math.max(lastSeq, this.#record.lastSeq),
      unread: Math.max(0, this.#record.unread + newlyUnread),
      lastMessage: lastVisible(this.#record.lastMessage, changed),
      changedAtMs: changedAt(this.#record, changed),
    });
    await this.#writes.run(async () => {
      await this.core.store.write([...staged.writes, ...deletions, ...settled.writes, this.#put(next())]);
      this.#record = next();
    });
    staged.commit();
    settled.commit();
    for (const [id, deletion] of result.deletions) this.#deletions.set(id, deletion);
    this.hooks.onMessages(this, changed, added);
  }

  /** What lies before the first one here was counted by the server, until this device has read back so far. */
  async #newlyUnread(changed: readonly StoredMessage[]): Promise<number> {
    let count = 0;
    for (const message of changed) {
      if (message.seq < this.#record.fromSeq) continue;
      const before = await this.history.at(message.seq);
      count += Number(this.#isUnread(message)) - Number(before !== undefined && this.#isUnread(before));
    }
    return count;
  }

  #isUnread(message: StoredMessage): boolean {
    return message.seq > this.#record.readSeq && message.sender !== this.core.me.account && countsAsUnread(message);
  }

  /** Counts again from what is stored, where that reaches back far enough. */
  async recount(): Promise<void> {
    const { fromSeq, toSeq, readSeq } = this.#record;
    if (toSeq === 0 || fromSeq > readSeq + 1) return;
    const unread = await this.history.newestBefore(toSeq + 1, readSeq + 1, Number.POSITIVE_INFINITY, (message) =>
      this.#isUnread(message),
    );
    if (unread.length !== this.#record.unread) await this.patch({ unread: unread.length });
  }
}

function countsAsUnread(message: StoredMessage): boolean {
  return message.kind !== "control" && message.kind !== "deleted";
}

function changedAt(record: ConversationRecord, changed: readonly StoredMessage[]): number {
  const newest = changed.findLast((message) => message.kind !== "control");
  return Math.max(record.changedAtMs, newest?.atMs ?? 0);
}

function lastVisible(before: StoredMessage | null, changed: readonly StoredMessage[]): StoredMessage | null {
  let last = before;
  for (const message of changed) if (message.kind !== "control" && message.seq >= (last?.seq ?? 0)) last = message;
  return last;
}

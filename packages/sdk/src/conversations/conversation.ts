// One conversation: its records and keys, its messages here, and everything that changes them, one after another.
import { CryptoError, membersOf } from "@cychat/crypto";
import { type AccountId, type Entry, endpoints, limits, type MessageEntry } from "@cychat/protocol";
import { ClientError, hasCode, isTransient } from "../client-error.ts";
import type { Core } from "../core.ts";
import { HistoryBlocks } from "../messages/history-blocks.ts";
import { type ErasedPrefix, Intake, type IntakeResult } from "../messages/intake.ts";
import { Opener } from "../messages/opener.ts";
import { problem, problemOf } from "../problems.ts";
import { isLeftByNow } from "../rooms/left-room.ts";
import { MemberKeys } from "../rooms/member-keys.ts";
import { MissingKeys } from "../rooms/missing-keys.ts";
import { ProfileKeeper } from "../rooms/profile-keeper.ts";
import { isIn, isTruncated, settleRoom } from "../rooms/settle-room.ts";
import { SerialQueue } from "../serial-queue.ts";
import type { Write } from "../store/store.ts";
import { type ConversationRecord, type DeletionRecord, type EditRecord, type StoredMessage, tables } from "../store/tables.ts";
import { KeyringKeeper } from "./keyring-keeper.ts";
import { RecordChainKeeper } from "./record-chain-keeper.ts";

export interface ConversationHooks {
  /** What to write together with these messages, now that the server is known to have them (the outbox lets go). */
  settle(messages: readonly StoredMessage[]): { writes: readonly Write[]; commit(): void };
  onMessages(conversation: Conversation, changed: readonly StoredMessage[], added: readonly StoredMessage[]): void;
  onChanged(conversation: Conversation): void;
  /** Members, roles, settings or requests of a room are others than before. */
  onRoom(conversation: Conversation): void;
}

/** How far somebody in a room has got. */
export interface Progress {
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

/** A device that sees a long conversation for the first time begins with so many of its newest entries. */
const firstPage = 50;

export class Conversation {
  readonly queue = new SerialQueue();
  readonly chain: RecordChainKeeper;
  readonly keyring: KeyringKeeper;
  readonly history: HistoryBlocks;
  readonly memberKeys: MemberKeys;
  readonly profile: ProfileKeeper;
  /** The other members of a room, as far as it is known. Not kept. */
  readonly progress = new Map<AccountId, Progress>();
  readonly #opener: Opener;
  #record: ConversationRecord;
  #deletions = new Map<string, DeletionRecord>();
  #edits = new Map<string, EditRecord>();
  /** The records have grown since the room was looked at as a whole. */
  #hasGrown = false;
  /** When it was looked at last, the server showed what its records do not say. */
  #isWrong = false;
  /** The record of which somebody was told what it makes of the room. */
  #toldAt: number | null = null;
  readonly #missing = new MissingKeys();
  #isClosed = false;
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
    this.keyring = new KeyringKeeper(
      core,
      record.id,
      (_chain, epoch) => this.#missing.add(epoch),
      // The key that a room was without may have come.
      () => {
        if (this.#record.room?.isWithoutKeys === true) this.#hasGrown = true;
      },
      async () => {
        if (!this.isRoom) return false;
        await this.chain.catchUp();
        // Who is out is not shown the record that deletes the room.
        return this.chain.state !== null && !isIn(this);
      },
    );
    this.chain = new RecordChainKeeper(
      core,
      record.id,
      () => this.keyring.pin,
      () => {
        this.#hasGrown = true;
      },
    );
    this.memberKeys = new MemberKeys(core, record.id);
    this.profile = new ProfileKeeper(core, record.id, this.keyring);
    this.history = new HistoryBlocks(core.store, record.id);
    this.#opener = new Opener(core, this.chain, this.keyring);
  }

  get id() {
    return this.#record.id;
  }

  get record(): ConversationRecord {
    return this.#record;
  }

  /** null for rooms. */
  get peer(): AccountId | null {
    return this.#record.peer?.id ?? null;
  }

  /** The first number that this account may read. */
  get firstSeq(): number {
    return this.#record.room?.firstSeq ?? 1;
  }

  get isRoom(): boolean {
    return this.#record.room !== null;
  }

  /** The connection is new: letters may have come, and what was asked for before may have got lost. */
  reconnected(): void {
    this.keyring.hint();
    this.memberKeys.stale();
    this.#missing.reconnected();
  }

  /** Keys that were asked for have come, all or some. */
  async takeLetters(): Promise<void> {
    this.#missing.answered();
    await this.heal();
  }

  /** Runs a task alone in this conversation, with its keys read in. What it throws is the caller's. */
  run<T>(task: () => Promise<T>): Promise<T> {
    return this.queue.run(async () => {
      if (this.#isClosed) throw new ClientError("not-found");
      this.#loading ??= this.#load();
      await this.#loading.catch((error: unknown) => {
        this.#loading = null;
        throw error;
      });
      try {
        return await task();
      } finally {
        if (this.#hasGrown) await this.settleRoom();
      }
    });
  }

  /** Makes good what was out of reach when the records grew, or was cut short by a crash; costs nothing where that was not. */
  async settle(): Promise<void> {
    const isSettled = this.#loading !== null && !this.#hasGrown && this.#record.room?.settledAt !== null;
    if (this.isRoom && !isSettled) await this.run(async () => this.#growIfUnsettled());
  }

  #growIfUnsettled(): void {
    if (this.#record.room?.settledAt === null && this.chain.state !== null) this.#hasGrown = true;
  }

  /** After the records have grown. Never rejects. */
  async settleRoom(): Promise<void> {
    this.#hasGrown = false;
    const settling = await settleRoom(this);
    if (settling === "later") this.#hasGrown = true;
    this.#isWrong = settling === "wrong";
    // Who is told looks and sends at once, which settles again: not twice for nothing.
    const index = this.chain.state?.index ?? null;
    if (settling !== "later" || index !== this.#toldAt) this.hooks.onRoom(this);
    this.#toldAt = index;
    try {
      // The open epoch's key was looked for: a room without it says so, and asks.
      await this.#missing.askFor(this);
      if (this.chain.state?.room?.isDeleted === true) await this.#endReading();
    } catch (error) {
      if (isTransient(error)) this.#hasGrown = true;
      else this.core.report(error);
    }
  }

  /** With the room its keys went: what could not be read until then is erased like the rest. */
  async #endReading(): Promise<void> {
    if (this.#record.unreadable.length === 0) return;
    const result = await this.#intake().heal([]);
    if (result.messages.size > 0) await this.#commit(result, []);
  }

  /** Holds at once, also in the middle of a task; resolves once it is durable. */
  async patch(changes: Partial<ConversationRecord>, writes: readonly Write[] = []): Promise<void> {
    this.#record = { ...this.#record, ...changes };
    if (this.#isClosed) return;
    this.hooks.onChanged(this);
    await this.#writes.run(async () => {
      if (!this.#isClosed) await this.core.store.write([this.#put(this.#record), ...writes]);
    });
  }

  /** How far everybody else in a room has got; where somebody is not known, nothing is claimed. */
  async measureProgress(): Promise<void> {
    const { room, peerReadSeq, peerDeliveredSeq } = this.#record;
    const { state } = this.chain;
    if (room === null || state === null) return;
    const others = membersOf(state).filter(({ account }) => account !== this.core.me.account);
    const all = others.map(({ account }) => this.progress.get(account)).filter((progress) => progress !== undefined);
    if (all.length === 0 || all.length < others.length) return;
    const readSeq = Math.min(...all.map((progress) => progress.readSeq));
    const deliveredSeq = Math.min(...all.map((progress) => progress.deliveredSeq));
    if (readSeq > peerReadSeq || deliveredSeq > peerDeliveredSeq)
      await this.patch({
        peerReadSeq: Math.max(readSeq, peerReadSeq),
        peerDeliveredSeq: Math.max(deliveredSeq, peerDeliveredSeq),
      });
  }

  /** Nothing of it is written any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#writes.run(async () => {});
  }

  #put(record: ConversationRecord): Write {
    return tables.conversations.put("", record.id, record);
  }

  /** An entry as it comes over the socket. In order it is taken at once; anything missing before it is fetched. */
  receive(entry: Entry): Promise<void> {
    this.#incoming.push(entry);
    return this.#guarded(async () => {
      await this.#takeIncoming();
      await this.#missing.askFor(this);
    }, false);
  }

  /** Reads what is missing up to `lastSeq`: costs in proportion to that. */
  catchUp(lastSeq: number): Promise<void> {
    return this.#guarded(async () => {
      this.#growIfUnsettled();
      if (this.#isWrong || isTruncated(this)) this.#hasGrown = true;
      if (lastSeq > this.#record.toSeq) await this.#fill();
      await this.#heal();
      await this.#missing.askFor(this);
      await this.#proveEnd();
    }, true);
  }

  /** Only a record ends a membership, and whoever it ends is shown it. Throws membership-unproved. */
  async #proveEnd(): Promise<void> {
    if (this.#record.state !== "former" || !isIn(this)) return;
    for (;;) {
      // The list may have crossed with a change of it.
      const { state, last_seq: lastSeq } = await this.core.http.call(endpoints.conversation, { params: { id: this.id } });
      if (state !== "former") return this.patch({ state });
      const known = this.chain.state?.index;
      if (lastSeq > this.#record.toSeq) await this.#fill();
      if (!isIn(this)) return;
      // Somebody was let in again after the server had answered, perhaps: it says more now.
      if (this.chain.state?.index === known) throw new ClientError("membership-unproved");
    }
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
      const reachedStart = fromSeq <= this.firstSeq || !created;
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
    await this.profile.load();
    const { room } = this.#record;
    if (room !== null && this.chain.state !== null && room.settledAt !== this.chain.state.index) this.#hasGrown = true;
    for (const { key, value } of await tables.deletions.list(this.core.store, this.id)) this.#deletions.set(String(key), value);
    for (const { key, value } of await tables.edits.list(this.core.store, this.id)) this.#edits.set(String(key), value);
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
      const isHidden = this.isRoom && hasCode(error, "not-found");
      if (isHidden && (await isLeftByNow(this))) return;
      const failure = isHidden ? problem("membership-unproved") : problemOf(error);
      if (failure.code !== this.#record.failure?.code) await this.patch({ failure });
    }
  }

  async #takeIncoming(): Promise<void> {
    const incoming = this.#incoming;
    this.#incoming = [];
    for (const entry of incoming) if (entry.seq <= this.#record.toSeq) await this.#compare(entry);
    const entries = incoming.filter((entry) => entry.seq > this.#record.toSeq).sort((a, b) => a.seq - b.seq);
    if (entries.length === 0) return;
    const inOrder: Entry[] = [];
    // Some come twice; nothing is taken behind a hole.
    for (const entry of entries) if (entry.seq === this.#record.toSeq + 1 + inOrder.length) inOrder.push(entry);
    try {
      if (inOrder.length > 0) await this.#forward(inOrder, entries.at(-1)?.seq ?? 0, "told");
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      // Told, and then asked for by number: the server has to say what stands there.
      await this.patch({ failure: problemOf(error) });
      return this.#fill();
    }
    // Something is missing before the rest: all that follows is read again, in order.
    if (this.#record.toSeq < (entries.at(-1)?.seq ?? 0)) await this.#fill();
  }

  /** An entry at a number that is known comes twice now and then; another one there is another history. Throws fork. */
  async #compare(entry: Entry): Promise<void> {
    if (entry.kind !== "message" || entry.seq < this.#record.fromSeq) return;
    const known = await this.history.at(entry.seq);
    if (known !== undefined && known.id !== entry.id) throw new ClientError("fork");
  }

  async #fill(): Promise<void> {
    let prefix: ErasedPrefix = "aged";
    // Who comes in again may read what was said meanwhile, or not: the record that says so stands behind it.
    if (this.isRoom && this.chain.state !== null && !isIn(this)) await this.chain.catchUp();
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
    demandUnbroken(entries);
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
    await this.#demandWhole(entries, before - 1, Number(limit));
    const reachedStart = entries.length === 0 || (entries[0]?.seq ?? 0) <= this.firstSeq;
    const result = await this.#intake().backward(entries, reachedStart);
    await this.#commit(result, []);
    await this.recount();
  }

  /** A page that ends at `last` and has `wanted` entries, or all that there are before. Throws broken-chain, history-truncated. */
  async #demandWhole(entries: readonly Entry[], last: number, wanted: number): Promise<void> {
    demandUnbroken(entries);
    const first = entries[0]?.seq ?? last + 1;
    const { room } = this.#record;
    if (entries.length < wanted && first > this.firstSeq && room !== null) {
      // A room that one has just come into may not have been listed yet; the records say whether the answer is true.
      const { room: facts } = await this.core.http.call(endpoints.conversation, { params: { id: this.id } });
      if (facts) await this.patch({ room: { ...(this.#record.room ?? room), firstSeq: facts.first_seq } });
    }
    const isWhole = entries.length >= wanted || first <= this.firstSeq;
    if (!isWhole || (entries.length > 0 && entries.at(-1)?.seq !== last)) throw new ClientError("history-truncated");
  }

  async #entries(query: { after?: string; before?: string; limit: string }) {
    const answer = await this.core.http.call(endpoints.entries, { params: { id: this.id }, query });
    return { entries: answer.entries, lastSeq: answer.last_seq };
  }

  async #forward(entries: readonly Entry[], lastSeq: number, prefix: ErasedPrefix): Promise<ErasedPrefix> {
    const result = await this.#intake().forward(entries, Math.max(lastSeq, this.#record.lastSeq), prefix);
    await this.#commit({ ...result, record: { ...result.record, created: true } }, result.added);
    if (result.refusal !== null) throw result.refusal;
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
    const known = { deletions: this.#deletions, edits: this.#edits, me: this.core.me.account };
    return new Intake({ opener: this.#opener, chain, history, ...known, serverNowMs }, this.#record);
  }

  /** Everything a page of entries changes is written at once: a crash leaves all of it or nothing. */
  async #commit(result: IntakeResult, added: readonly StoredMessage[]): Promise<void> {
    const changed = [...result.messages.values()].sort((a, b) => a.seq - b.seq);
    const staged = await this.history.stage(changed);
    const newlyUnread = await this.#newlyUnread(changed);
    const settled = this.hooks.settle(added);
    const deletions = [
      ...[...result.deletions].map(([key, deletion]) => tables.deletions.put(this.id, key, deletion)),
      ...[...result.edits].map(([key, edit]) => tables.edits.put(this.id, key, edit)),
    ];
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
      room: this.#record.room && {
        ...this.#record.room,
        mentionSeq: Math.max(this.#record.room.mentionSeq, result.mentionSeq),
      },
    });
    await this.#writes.run(async () => {
      await this.core.store.write([...staged.writes, ...deletions, ...settled.writes, this.#put(next())]);
      this.#record = next();
    });
    staged.commit();
    settled.commit();
    for (const [key, deletion] of result.deletions) this.#deletions.set(key, deletion);
    for (const [key, edit] of result.edits) this.#edits.set(key, edit);
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

/** Throws broken-chain for a page that leaves something out. */
function demandUnbroken(entries: readonly Entry[]): void {
  const first = entries[0]?.seq ?? 0;
  if (!entries.every(({ seq }, index) => seq === first + index)) throw new ClientError("broken-chain");
}

function countsAsUnread(message: StoredMessage): boolean {
  return message.kind !== "control" && message.kind !== "deleted" && message.kind !== "system";
}

function changedAt(record: ConversationRecord, changed: readonly StoredMessage[]): number {
  const newest = changed.findLast((message) => message.kind !== "control");
  return Math.max(record.changedAtMs, newest?.atMs ?? 0);
}

function lastVisible(before: StoredMessage | null, changed: readonly StoredMessage[]): StoredMessage | null {
  let last = before;
  for (const message of changed) {
    if (message.kind !== "control" && message.kind !== "system" && message.seq >= (last?.seq ?? 0)) last = message;
  }
  return last;
}

// Catches up with the server: on every connection with what changed since the last one, then frame by frame. Frames
// are hints to read by number, so one that is lost, doubled or out of order costs a request and loses nothing.
import { CryptoError, memberOf } from "@cychat/crypto";
import { type AccountId, type ConversationId, endpoints, type Conversation as Listed, type ServerFrame } from "@cychat/protocol";
import { ClientError, hasCode, isTransient } from "../client-error.ts";
import type { Contacts } from "../contacts/contacts.ts";
import type { Conversation } from "../conversations/conversation.ts";
import type { Directory } from "../conversations/directory.ts";
import type { Core } from "../core.ts";
import type { Sender } from "../outbox/sender.ts";
import { problem } from "../problems.ts";
import { eraseEndedEpochs } from "../rooms/erase-epochs.ts";
import { isLeft, isLeftByNow } from "../rooms/left-room.ts";
import type { Names } from "../rooms/names.ts";
import type { RoomActions } from "../rooms/room-actions.ts";
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
  readonly names: Names;
  roomActions(): Promise<RoomActions>;
  isOnline(): boolean;
  /** Reads what belongs to the account itself again: profile, vault, own log, unlock methods. */
  refreshAccount(): Promise<void>;
  refreshProfile(): Promise<void>;
  onReceipt(conversation: Conversation, before: { readSeq: number; deliveredSeq: number }): void;
  /** Members, requests or settings of a room may be others. */
  onRoom(conversation: Conversation): void;
}

type Changed = Extract<ServerFrame, { type: "changed" }>;
type ReceiptFrame = Extract<ServerFrame, { type: "receipt" }>;

/** Conversations that are caught up with at the same time. */
const lanes = 4;
const eraseAfterMs = 2_000;
/** Rooms that wait for this account's keys are opened so many at a connection. */
const waitingAtOnce = 10;
const dayMs = 24 * 3600 * 1000;

export class Sync {
  readonly #queue = new SerialQueue();
  readonly #backoff: Backoff;
  #retryTimer: unknown = null;
  #asOfMs: number | null = null;
  /** Conversations in which messages were erased since their keys were looked through. */
  readonly #erasedIn = new Set<ConversationId>();
  #eraseTimer: unknown = null;
  /** Receipts came for these before the list that names them: it may be older than the receipts are. */
  readonly #unlisted = new Set<ConversationId>();
  #keysLookedAtMs = 0;
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
    if (this.#eraseTimer !== null) this.parts.core.environment.clock.clearTimeout(this.#eraseTimer);
    this.#stopRetry();
  }

  /** The connection is new: whatever changed in the meantime was not told. */
  connected(): Promise<void> {
    const { core, directory, receipts, names } = this.parts;
    core.accounts.stale();
    receipts.reconnected();
    names.reconnected();
    for (const conversation of directory.all()) conversation.reconnected();
    return this.run();
  }

  /** Everything, once more; a run that fails for the network's sake is tried again while there is a connection. */
  run(): Promise<void> {
    this.#stopRetry();
    return this.#queue.run(() => this.#attempt(() => this.#all()));
  }

  take(frame: ServerFrame): void {
    const { contacts, typing } = this.parts;
    if (frame.type === "entry") {
      if (frame.entry.kind === "message") typing.take(frame.conversation, frame.entry.sender, false);
      void this.#attempt(() => this.#takeEntry(frame));
    } else if (frame.type === "receipt") this.#takeReceipt(frame);
    else if (frame.type === "typing") {
      this.#takeTyping(frame);
    } else if (frame.type === "ask") void this.#attempt(() => this.#takeAsk(frame));
    else if (frame.type === "presence") contacts.take(frame);
    else if (frame.type === "changed") void this.#queue.run(() => this.#attempt(() => this.#takeChange(frame)));
    // What we have stays as it is: the signed deletion says what is deleted, the server only makes room. But a key may have
    // become one that no message needs.
    else if (frame.type === "erased") this.#eraseKeysSoon(frame.conversation);
  }

  /** Reads one conversation and what is missing in it. */
  async read(id: ConversationId): Promise<void> {
    const { core, directory } = this.parts;
    let listed: Listed;
    try {
      listed = await core.http.call(endpoints.conversation, { params: { id } });
    } catch (error) {
      const known = directory.find(id);
      if (known === undefined || !known.isRoom || !hasCode(error, "not-found")) throw error;
      return this.#notThere(known);
    }
    const conversation = await directory.take(listed);
    if (conversation === null) return;
    await this.#catchUp(conversation, listed);
    if (conversation.isRoom) this.parts.onRoom(conversation);
  }

  /**
   * The server knows of no such room of ours. Only what another device of ours wrote into the vault proves that we left;
   * else what is here stays, and the user is told what the server says.
   */
  async #notThere(conversation: Conversation): Promise<void> {
    const { record } = conversation;
    if (await isLeftByNow(conversation)) return this.#dropLeft(conversation.id);
    if (record.state === "pending") return this.#checkPending(conversation);
    if (record.failure?.code === "membership-unproved") return;
    await conversation.patch({ state: "former", failure: problem("membership-unproved") });
    this.parts.onRoom(conversation);
  }

  async #checkPending(conversation: Conversation): Promise<void> {
    const handle = conversation.record.room?.handle ?? null;
    if (handle === null) return;
    const { result } = await this.parts.core.http.call(endpoints.rooms, { query: { search: handle } });
    // Let in while the server answered.
    if (conversation.record.state !== "pending") return;
    const found = result.find(({ id }) => id === conversation.id);
    const isTurnedDown = found === undefined || (found.pending === "no" && found.member_role === null);
    const isTold = conversation.record.failure?.code === "join-declined";
    if (isTurnedDown !== isTold) await conversation.patch({ failure: isTurnedDown ? problem("join-declined") : null });
  }

  /** What another device of ours left goes from here, too. */
  async dropLeft(): Promise<void> {
    const { directory } = this.parts;
    for (const conversation of directory.rooms()) if (isLeft(conversation)) await this.#dropLeft(conversation.id);
  }

  /** The server is told once more: the device that left may have lost its connection over it. */
  async #dropLeft(id: ConversationId): Promise<void> {
    const { core, directory } = this.parts;
    try {
      await core.http.call(endpoints.forgetConversation, { params: { id } });
    } catch (error) {
      // In it again, by another device of ours, which this one has not heard of yet.
      if (hasCode(error, "not-allowed")) return;
      if (!hasCode(error, "not-found")) throw error;
    }
    await directory.drop(id);
  }

  /** What a script did with rooms in this account's name needs a client with keys to be finished. */
  async #openWaitingRooms(): Promise<void> {
    const { result } = await this.parts.core.http.call(endpoints.rooms, { query: {} });
    const waiting = result.filter(({ id, member_role, pending }) =>
      id === null ? member_role === "owner" : pending === "unsigned",
    );
    if (waiting.length === 0) return;
    const { rooms } = await this.parts.roomActions();
    for (const room of waiting.slice(0, waitingAtOnce)) {
      // One that cannot be opened goes on waiting, and keeps nothing else from being done.
      await rooms.open(room).catch((error: unknown) => {
        if (isTransient(error) || !isExpected(error)) throw error;
      });
    }
  }

  #takeTyping(frame: Extract<ServerFrame, { type: "typing" }>): void {
    const conversation = this.parts.directory.find(frame.conversation);
    if (conversation === undefined || (!conversation.isRoom && conversation.peer !== frame.account)) return;
    this.parts.typing.take(frame.conversation, frame.account, frame.active);
  }

  /** On behalf of somebody else: whatever they are refused for is no concern of this account. */
  async #takeAsk(frame: Extract<ServerFrame, { type: "ask" }>): Promise<void> {
    try {
      await (await this.parts.roomActions()).asks.answer(frame);
    } catch (error) {
      if (!isExpected(error)) throw error;
    }
  }

  async #all(): Promise<void> {
    const { core, contacts, sender, directory, receipts } = this.parts;
    // The account first: vault and own log decide what may be believed of all the rest.
    await this.parts.refreshAccount();
    await contacts.refresh();
    const listed = await this.#list();
    await this.dropLeft();
    sender.pumpAll();
    // What was read while there was no connection was told to nobody.
    for (const conversation of directory.all()) receipts.due(conversation);
    await eachOf(lanes, directory.all(), async (conversation) => {
      const { record } = conversation;
      const isBehind =
        record.created && (record.toSeq < record.lastSeq || record.failure !== null || record.unreadable.length > 0);
      // The server hid it before: only its own answer can say that one is in it after all.
      if (record.failure?.code === "membership-unproved") await this.read(record.id);
      else if (isBehind || listed.has(record.id)) await this.#catchUp(conversation, listed.get(record.id));
      else if (record.state === "pending") await this.read(record.id);
      else await conversation.settle();
    });
    await this.#openWaitingRooms();
    core.accounts.pinAll().catch(() => {});
    // What was erased while this device was away, the server's retention included.
    const nowMs = core.time.now();
    if (nowMs - this.#keysLookedAtMs >= dayMs) {
      this.#keysLookedAtMs = nowMs;
      for (const { id } of directory.all()) this.#eraseKeysSoon(id);
    }
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
    // A new key goes from the letter into the safe as soon as it is there; in a room, that is part of settling.
    const { state } = conversation.chain;
    if (entry.kind === "record" && state !== null && !conversation.isRoom)
      await conversation.run(async () => void (await conversation.keyring.key(state, state.epoch)));
  }

  #takeReceipt(frame: ReceiptFrame): void {
    const { core, directory } = this.parts;
    const conversation = directory.find(frame.conversation);
    if (conversation === undefined) {
      this.#readUnlisted(frame.conversation);
      return;
    }
    const { record } = conversation;
    const { read_seq: readSeq, delivered_seq: deliveredSeq } = frame;
    if (frame.account === core.me.account) {
      const isNews = readSeq > record.readSeq;
      const seen = { serverReadSeq: readSeq, serverDeliveredSeq: deliveredSeq, readSeq: Math.max(readSeq, record.readSeq) };
      void conversation.patch(seen).catch(core.report);
      if (isNews) void conversation.recount().catch(core.report);
      return;
    }
    const before = { readSeq: record.peerReadSeq, deliveredSeq: record.peerDeliveredSeq };
    if (conversation.isRoom) {
      this.#takeRoomReceipt(conversation, frame);
      return;
    }
    if (frame.account !== conversation.peer) return;
    const peer = {
      peerReadSeq: Math.max(readSeq, before.readSeq),
      peerDeliveredSeq: Math.max(deliveredSeq, before.deliveredSeq),
    };
    if (peer.peerReadSeq === before.readSeq && peer.peerDeliveredSeq === before.deliveredSeq) return;
    void conversation.patch(peer).catch(core.report);
    this.parts.onReceipt(conversation, before);
  }

  /** Behind a list that is on its way. */
  #readUnlisted(id: ConversationId): void {
    if (this.#unlisted.has(id)) return;
    this.#unlisted.add(id);
    void this.#queue.run(() => {
      this.#unlisted.delete(id);
      return this.#attempt(() => this.read(id));
    });
  }

  /** Own messages up to there were read by one more. */
  #takeRoomReceipt(conversation: Conversation, frame: ReceiptFrame): void {
    const before = conversation.progress.get(frame.account) ?? { readSeq: 0, deliveredSeq: 0 };
    const next = {
      readSeq: Math.max(frame.read_seq, before.readSeq),
      deliveredSeq: Math.max(frame.delivered_seq, before.deliveredSeq),
    };
    conversation.progress.set(frame.account, next);
    conversation.measureProgress().catch(this.parts.core.report);
    if (next.readSeq > before.readSeq) this.parts.onReceipt(conversation, before);
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
        this.parts.names.stale(frame.account);
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
      case "seals":
        return conversation?.takeLetters();
      case "joins":
        return frame.conversation === undefined ? undefined : this.read(frame.conversation);
      case "sessions":
        return;
    }
  }

  async #takePeerKeys(account: AccountId): Promise<void> {
    const { core, directory, contacts } = this.parts;
    const conversations = directory.withPeer(account);
    if (conversations.length > 0 || core.accounts.known(account) !== undefined) await core.accounts.refresh(account);
    if (contacts.get(account)?.hasKeys === false) await contacts.refresh();
    for (const conversation of conversations) await conversation.heal();
    for (const room of directory.rooms()) {
      const chain = room.chain.state;
      if (chain === null || memberOf(chain, account) === undefined) continue;
      room.memberKeys.stale();
      if (room.record.unreadable.length > 0) await room.heal();
    }
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

  /** Gathered for a moment: a deletion erases many messages, one after another. */
  #eraseKeysSoon(id: ConversationId): void {
    this.#erasedIn.add(id);
    const erase = () => {
      this.#eraseTimer = null;
      void this.#queue.run(() => this.#attempt(() => this.#eraseKeys()));
    };
    this.#eraseTimer ??= this.parts.core.environment.clock.setTimeout(erase, eraseAfterMs);
  }

  async #eraseKeys(): Promise<void> {
    for (const id of [...this.#erasedIn]) {
      this.#erasedIn.delete(id);
      const conversation = this.parts.directory.find(id);
      if (conversation?.record.state !== "active") continue;
      try {
        await conversation.run(() => eraseEndedEpochs(conversation));
      } catch (error) {
        // It ended meanwhile; anything else is tried again with the next one.
        if (hasCode(error, "not-found")) continue;
        this.#erasedIn.add(id);
        throw error;
      }
    }
  }

  #stopRetry(): void {
    if (this.#retryTimer !== null) this.parts.core.environment.clock.clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
  }
}

/** What asking on behalf of somebody else may be refused with: there is nobody to tell. */
function isExpected(error: unknown): boolean {
  return isTransient(error) || error instanceof CryptoError || error instanceof ClientError;
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

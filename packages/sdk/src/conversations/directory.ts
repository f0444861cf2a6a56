// All conversations of this account: those here, those the server lists, and how a screen sees them.
import { directConversationId, memberOf } from "@cychat/crypto";
import type { AccountId, ConversationId, Conversation as Listed, MessageId } from "@cychat/protocol";
import type { ConversationView, MessageView, PersonView, RoomStanding, RoomView } from "../client-api.ts";
import { ClientError } from "../client-error.ts";
import type { Contacts } from "../contacts/contacts.ts";
import type { Core } from "../core.ts";
import { isWritten, type Outbox } from "../outbox/outbox.ts";
import type { Names } from "../rooms/names.ts";
import { emptyRoom, rightsOf } from "../rooms/room-record.ts";
import { type ConversationRecord, type OutboxRecord, type RoomRecord, type StoredMessage, tables } from "../store/tables.ts";
import type { Typing } from "../sync/typing.ts";
import { Conversation, type ConversationHooks } from "./conversation.ts";
import { dropConversation } from "./drop-conversation.ts";
import { conversationProblem, type MessageContext, personView, viewOfStored, viewOfUnsent } from "./views.ts";

interface DirectoryParts {
  readonly core: Core;
  readonly contacts: Contacts;
  readonly names: Names;
  readonly outbox: Outbox;
  readonly typing: Typing;
  readonly hooks: ConversationHooks;
}

export class Directory {
  readonly #conversations = new Map<ConversationId, Conversation>();
  readonly #drafts = new Map<ConversationId, string>();

  constructor(readonly parts: DirectoryParts) {}

  async load(): Promise<void> {
    const { core, hooks } = this.parts;
    for (const { value } of await tables.conversations.list(core.store)) {
      // Kept by an earlier version, which knew no rooms.
      this.#conversations.set(value.id, new Conversation(core, { ...value, room: value.room ?? null }, hooks));
    }
    for (const { key, value } of await tables.drafts.list(core.store)) this.#drafts.set(key as ConversationId, value);
  }

  all(): Conversation[] {
    return [...this.#conversations.values()];
  }

  find(id: ConversationId): Conversation | undefined {
    return this.#conversations.get(id);
  }

  get(id: ConversationId): Conversation {
    const conversation = this.#conversations.get(id);
    if (conversation === undefined) throw new ClientError("not-found");
    return conversation;
  }

  room(id: ConversationId): Conversation {
    const conversation = this.get(id);
    if (!conversation.isRoom) throw new ClientError("not-found");
    return conversation;
  }

  rooms(): Conversation[] {
    return this.all().filter((conversation) => conversation.isRoom);
  }

  withPeer(account: AccountId): Conversation[] {
    return this.all().filter((conversation) => conversation.peer === account);
  }

  /** The direct conversation with somebody; on the server it exists from the first message on. */
  async direct(account: AccountId): Promise<Conversation> {
    const { core, contacts } = this.parts;
    if (account === core.me.account) throw new ClientError("contact-self");
    const id = await directConversationId(core.me.account, account);
    const known = this.#conversations.get(id);
    if (known !== undefined) return known;
    const contact = contacts.get(account);
    if (contact === undefined) throw new ClientError("not-found");
    const { nickname, email, pictureVersion, hasKeys } = contact;
    return this.#add({ ...newRecord(id, false), peer: { id: account, nickname, email, pictureVersion, hasKeys } });
  }

  /** A room before the server has listed it: just made, just joined, or waited for. */
  async expectRoom(id: ConversationId, state: ConversationRecord["state"], room: Partial<RoomRecord>): Promise<Conversation> {
    const known = this.#conversations.get(id);
    if (known === undefined) return this.#add({ ...newRecord(id, state !== "pending"), state, room: { ...emptyRoom, ...room } });
    await known.patch({
      state,
      room: { ...emptyRoom, ...known.record.room, ...room, ended: null, settledAt: null },
      problem: null,
      failure: null,
    });
    return known;
  }

  /** What the server says of a conversation. Resolves to it, or to null for a kind that this software does not know. */
  async take(listed: Listed): Promise<Conversation | null> {
    const { me } = this.parts.core;
    if (listed.kind === "room") return listed.room === null ? null : this.#takeRoom(listed, listed.room);
    const person = listed.members.find((member) => member.id !== me.account);
    if (person === undefined) return null;
    const peer: PersonView = personView(person);
    const conversation = this.#conversations.get(listed.id) ?? (await this.#add({ ...newRecord(listed.id, true), peer }));
    const { record } = conversation;
    const theirs = listed.receipts.find((receipt) => receipt.account === person.id);
    await conversation.patch({
      ...this.#listedParts(record, listed),
      peer,
      peerReadSeq: Math.max(record.peerReadSeq, theirs?.read_seq ?? 0),
      peerDeliveredSeq: Math.max(record.peerDeliveredSeq, theirs?.delivered_seq ?? 0),
    });
    return conversation;
  }

  async #takeRoom(listed: Listed, facts: NonNullable<Listed["room"]>): Promise<Conversation> {
    const { me } = this.parts.core;
    const conversation =
      this.#conversations.get(listed.id) ?? (await this.#add({ ...newRecord(listed.id, true), room: emptyRoom }));
    const { record } = conversation;
    for (const { account, read_seq: readSeq, delivered_seq: deliveredSeq } of listed.receipts) {
      if (account !== me.account) conversation.progress.set(account, { readSeq, deliveredSeq });
    }
    const parts = this.#listedParts(record, listed);
    const before = record.room ?? emptyRoom;
    const isOld = listed.changed_at_ms < record.listedAtMs;
    const room = { ...before, firstSeq: facts.first_seq, joinRequests: isOld ? before.joinRequests : facts.pending_joins };
    const isBack = record.state === "former" && parts.state !== "former";
    await conversation.patch({
      ...parts,
      // Whoever was out: what one may do again is in records that are not read yet.
      room: isBack ? { ...room, ended: null, settledAt: null, isWithoutKeys: room.isWithoutKeys || room.myRole === null } : room,
      // Being listed, one is in: also who was turned down first, and asked again on another device.
      ...(["membership-unproved", "join-declined"].includes(record.failure?.code ?? "") ? { failure: null } : {}),
    });
    return conversation;
  }

  #listedParts(record: ConversationRecord, listed: Listed): Partial<ConversationRecord> {
    const own = listed.receipts.find((receipt) => receipt.account === this.parts.core.me.account);
    // Answers may overtake each other; what changes the state moves the server's clock of this conversation on.
    const isOld = listed.changed_at_ms < record.listedAtMs;
    return {
      state: isOld ? record.state : listed.state,
      listedAtMs: Math.max(record.listedAtMs, listed.changed_at_ms),
      created: true,
      lastSeq: Math.max(record.lastSeq, listed.last_seq),
      readSeq: Math.max(record.readSeq, own?.read_seq ?? 0),
      serverReadSeq: own?.read_seq ?? 0,
      serverDeliveredSeq: own?.delivered_seq ?? 0,
      changedAtMs: Math.max(record.changedAtMs, listed.last_message?.at_ms ?? 0),
    };
  }

  async setDraft(id: ConversationId, text: string): Promise<void> {
    this.get(id);
    if (text === "") this.#drafts.delete(id);
    else this.#drafts.set(id, text);
    await this.parts.core.store.write([text === "" ? tables.drafts.delete("", id) : tables.drafts.put("", id, text)]);
  }

  /** Everything that is kept of a conversation goes. */
  async drop(id: ConversationId): Promise<void> {
    const conversation = this.#conversations.get(id);
    if (conversation === undefined) return;
    const { core, outbox, hooks } = this.parts;
    await conversation.run(async () => {
      this.#conversations.delete(id);
      this.#drafts.delete(id);
      await outbox.drop(id);
      await conversation.close();
      await dropConversation(core.store, id);
    });
    hooks.onChanged(conversation);
  }

  /** Those that a list shows, newest first; requests only with something in them. */
  views(): ConversationView[] {
    const shown = this.all().filter(({ record, isRoom }) => {
      if (record.state === "ignored" || record.state === "blocked") return false;
      return isRoom || record.created || this.#drafts.has(record.id) || this.parts.outbox.of(record.id).length > 0;
    });
    return shown
      .map((conversation) => this.view(conversation))
      .sort((a, b) => b.changedAtMs - a.changedAtMs || (a.id < b.id ? -1 : 1));
  }

  view(conversation: Conversation): ConversationView {
    const { core, outbox, typing, names } = this.parts;
    const { record } = conversation;
    const unsent = outbox.of(record.id).findLast(isShown);
    const lastMessage =
      unsent !== undefined ? this.unsentView(unsent) : record.lastMessage && this.messageView(conversation, record.lastMessage);
    const setting = (name: (id: ConversationId) => string) => core.vault.setting(name(record.id)) === true;
    return {
      id: record.id,
      ...(record.room === null ? this.#directParts(record) : this.#roomParts(record, record.room)),
      state: record.state,
      lastMessage,
      unread: record.unread,
      mentioned: (record.room?.mentionSeq ?? 0) > record.readSeq,
      readSeq: record.readSeq,
      typing: typing.who(record.id).map((account) => names.of(account).nickname),
      draft: this.#drafts.get(record.id) ?? "",
      muted: setting(mutedSetting),
      archived: setting(archivedSetting),
      favourite: setting(favouriteSetting),
      changedAtMs: Math.max(record.changedAtMs, unsent === undefined ? 0 : core.time.fromLocal(unsent.writtenAtLocalMs)),
    };
  }

  #directParts(record: ConversationRecord) {
    const { core, contacts } = this.parts;
    const { peer } = record;
    if (peer === null) throw new Error("A direct chat without a peer.");
    const hasKeys = peer.hasKeys || core.accounts.known(peer.id) !== undefined;
    return {
      kind: "direct" as const,
      title: peer.nickname,
      peer,
      room: null,
      isContact: contacts.get(peer.id) !== undefined,
      ...contacts.presence(peer.id),
      ...conversationProblem(core.accounts.problem(peer.id), record.problem ?? record.failure),
      verified: core.accounts.verified(peer.id),
      peerHasNoKeys: !hasKeys,
    };
  }

  #roomParts(record: ConversationRecord, room: RoomRecord) {
    const view: RoomView = {
      standing: standingOf(record, room),
      topic: room.topic,
      picture: room.picture,
      handle: room.handle,
      description: room.description,
      join: room.join,
      history: room.history,
      settings: room.settings,
      memberCount: room.memberCount,
      myRole: room.myRole,
      rights: rightsOf(room),
      joinRequests: mayAdmit(room) ? room.joinRequests : 0,
      pinned: room.pinned,
    };
    const problem = record.failure?.code === "identity-changed" ? record.failure : (record.problem ?? record.failure);
    return {
      kind: "room" as const,
      title: room.name || room.handle || "",
      peer: null,
      room: view,
      isContact: false,
      presence: "offline" as const,
      lastSeenMs: null,
      problem,
      sendingBlocked: problem?.code === "identity-changed",
      verified: false,
      peerHasNoKeys: false,
    };
  }

  messageView(conversation: Conversation, message: StoredMessage): MessageView {
    return this.messageViews(conversation, [message], true)[0] as MessageView;
  }

  messageViews(conversation: Conversation, messages: readonly StoredMessage[], all = false): MessageView[] {
    const shown = all ? messages : messages.filter((message) => message.kind !== "control");
    const { outbox } = this.parts;
    const gone = outbox.beingDeleted(conversation.id);
    const edited = outbox.beingEdited(conversation.id);
    return shown.map((message) => viewOfStored(message, this.#context(conversation, message.id, gone, edited)));
  }

  #context(
    { record, progress, chain }: Conversation,
    id: MessageId,
    gone: ReadonlySet<MessageId>,
    edited: ReadonlyMap<MessageId, string>,
  ): MessageContext {
    const { core, names } = this.parts;
    return {
      conversation: record.id,
      me: core.me.account,
      receipts: record,
      beingDeleted: gone.has(id),
      newText: edited.get(id) ?? null,
      readBy: (seq) => {
        if (record.room === null || progress.size === 0) return null;
        let count = 0;
        // Who has left since does not count any more.
        const isHere = (account: AccountId) => chain.state === null || memberOf(chain.state, account) !== undefined;
        for (const [account, { readSeq }] of progress) if (readSeq >= seq && isHere(account)) count += 1;
        return count;
      },
      nameOf: (account) => (account === record.peer?.id ? nameOfPeer(record.peer) : names.of(account)),
    };
  }

  unsentView(item: OutboxRecord): MessageView {
    const { core, names, outbox } = this.parts;
    const sentAtMs = Math.round(core.time.fromLocal(item.writtenAtLocalMs));
    const uploaded = (index: number) => outbox.uploaded(item.id, index);
    return viewOfUnsent(item, names.of(core.me.account), sentAtMs, (account) => names.of(account), uploaded);
  }

  /** What waits in the outbox and is shown, in the order of writing. */
  unsentViews(id: ConversationId): MessageView[] {
    const items = this.parts.outbox.of(id).filter(isShown);
    return items.map((item) => this.unsentView(item));
  }

  async #add(record: ConversationRecord): Promise<Conversation> {
    const { core, hooks } = this.parts;
    const conversation = new Conversation(core, record, hooks);
    this.#conversations.set(record.id, conversation);
    await conversation.patch({});
    return conversation;
  }
}

const isShown = (item: OutboxRecord): boolean => isWritten(item) && !item.discarded;

export const mutedSetting = (id: ConversationId): string => `muted:${id}`;
export const archivedSetting = (id: ConversationId): string => `archived:${id}`;
export const favouriteSetting = (id: ConversationId): string => `favourite:${id}`;

const nameOfPeer = ({ id, nickname, pictureVersion }: PersonView) => ({ id, nickname, pictureVersion });

function standingOf({ state }: ConversationRecord, room: RoomRecord): RoomStanding {
  if (state === "pending") return "pending";
  if (room.ended !== null) return room.ended;
  if (state === "former") return "removed";
  return room.isWithoutKeys || room.memberCount === 0 ? "keys" : "member";
}

function mayAdmit({ myRole, join }: RoomRecord): boolean {
  return myRole !== null && (join === "open" || myRole !== "member");
}

function newRecord(id: ConversationId, created: boolean): ConversationRecord {
  return {
    id,
    peer: null,
    room: null,
    created,
    state: "active",
    lastSeq: 0,
    fromSeq: 1,
    toSeq: 0,
    readSeq: 0,
    serverReadSeq: 0,
    serverDeliveredSeq: 0,
    peerReadSeq: 0,
    peerDeliveredSeq: 0,
    unread: 0,
    lastMessage: null,
    changedAtMs: 0,
    listedAtMs: 0,
    problem: null,
    failure: null,
    chains: new Map(),
    gaps: [],
    unexplained: [],
    unreadable: [],
  };
}

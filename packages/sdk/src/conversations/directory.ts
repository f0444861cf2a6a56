// All conversations of this account: those here, those the server lists, and how a screen sees them.
import { directConversationId } from "@cychat/crypto";
import type { AccountId, ConversationId, Conversation as Listed } from "@cychat/protocol";
import type { ConversationView, MessageView, PersonView } from "../client-api.ts";
import { ClientError } from "../client-error.ts";
import type { Contacts } from "../contacts/contacts.ts";
import type { Core } from "../core.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { type ConversationRecord, type OutboxRecord, type StoredMessage, tables } from "../store/tables.ts";
import type { Typing } from "../sync/typing.ts";
import { Conversation, type ConversationHooks } from "./conversation.ts";
import { conversationProblem, personView, viewOfStored, viewOfUnsent } from "./views.ts";

interface DirectoryParts {
  readonly core: Core;
  readonly contacts: Contacts;
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
      this.#conversations.set(value.id, new Conversation(core, value, hooks));
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
    return this.#add(newRecord(id, { id: account, nickname, email, pictureVersion, hasKeys }, false));
  }

  /** What the server says of a conversation. Resolves to it, or to null for a kind that this software does not know. */
  async take(listed: Listed): Promise<Conversation | null> {
    const { me } = this.parts.core;
    const person = listed.members.find((member) => member.id !== me.account);
    if (listed.kind !== "direct" || person === undefined) return null;
    const conversation = this.#conversations.get(listed.id) ?? (await this.#add(newRecord(listed.id, personView(person), true)));
    const { record } = conversation;
    const own = listed.receipts.find((receipt) => receipt.account === me.account);
    const peer = listed.receipts.find((receipt) => receipt.account === person.id);
    // Answers may overtake each other; what changes the state moves the server's clock of this conversation on.
    const isOld = listed.changed_at_ms < record.listedAtMs;
    await conversation.patch({
      peer: personView(person),
      state: isOld ? record.state : listed.state,
      listedAtMs: Math.max(record.listedAtMs, listed.changed_at_ms),
      created: true,
      lastSeq: Math.max(record.lastSeq, listed.last_seq),
      readSeq: Math.max(record.readSeq, own?.read_seq ?? 0),
      serverReadSeq: own?.read_seq ?? 0,
      serverDeliveredSeq: own?.delivered_seq ?? 0,
      peerReadSeq: Math.max(record.peerReadSeq, peer?.read_seq ?? 0),
      peerDeliveredSeq: Math.max(record.peerDeliveredSeq, peer?.delivered_seq ?? 0),
      changedAtMs: Math.max(record.changedAtMs, listed.last_message?.at_ms ?? 0),
    });
    return conversation;
  }

  async setDraft(id: ConversationId, text: string): Promise<void> {
    this.get(id);
    if (text === "") this.#drafts.delete(id);
    else this.#drafts.set(id, text);
    await this.parts.core.store.write([text === "" ? tables.drafts.delete("", id) : tables.drafts.put("", id, text)]);
  }

  /** Those that a list shows: active ones and requests that have something in them, newest first. */
  views(): ConversationView[] {
    const shown = this.all().filter(({ record }) => {
      if (record.state !== "active" && record.state !== "request") return false;
      return record.created || this.#drafts.has(record.id) || this.parts.outbox.of(record.id).length > 0;
    });
    return shown
      .map((conversation) => this.view(conversation))
      .sort((a, b) => b.changedAtMs - a.changedAtMs || (a.id < b.id ? -1 : 1));
  }

  view({ record }: Conversation): ConversationView {
    const { core, contacts, outbox, typing } = this.parts;
    const { problem, sendingBlocked } = conversationProblem(
      core.accounts.problem(record.peer.id),
      record.problem ?? record.failure,
    );
    const unsent = outbox.of(record.id).findLast((item) => item.content.kind === "text" && !item.discarded);
    const lastMessage =
      unsent !== undefined ? this.unsentView(unsent) : record.lastMessage && this.messageView(record, record.lastMessage);
    const hasKeys = record.peer.hasKeys || core.accounts.known(record.peer.id) !== undefined;
    return {
      id: record.id,
      kind: "direct",
      state: record.state,
      peer: record.peer,
      isContact: contacts.get(record.peer.id) !== undefined,
      ...contacts.presence(record.peer.id),
      lastMessage,
      unread: record.unread,
      readSeq: record.readSeq,
      typing: typing.isTyping(record.id),
      draft: this.#drafts.get(record.id) ?? "",
      problem,
      sendingBlocked,
      verified: core.accounts.verified(record.peer.id),
      peerHasNoKeys: !hasKeys,
      muted: core.vault.setting(mutedSetting(record.id)) === true,
      changedAtMs: Math.max(record.changedAtMs, unsent === undefined ? 0 : core.time.fromLocal(unsent.writtenAtLocalMs)),
    };
  }

  messageView(record: ConversationRecord, message: StoredMessage): MessageView {
    const { core, outbox } = this.parts;
    const beingDeleted = message.sender === core.me.account && outbox.beingDeleted(record.id).has(message.id);
    return viewOfStored(message, record.id, core.me.account, record, beingDeleted);
  }

  messageViews(record: ConversationRecord, messages: readonly StoredMessage[]): MessageView[] {
    const { core, outbox } = this.parts;
    const gone = outbox.beingDeleted(record.id);
    const shown = messages.filter((message) => message.kind !== "control");
    return shown.map((message) =>
      viewOfStored(message, record.id, core.me.account, record, message.sender === core.me.account && gone.has(message.id)),
    );
  }

  unsentView(item: OutboxRecord): MessageView {
    const { core } = this.parts;
    return viewOfUnsent(item, core.me.account, Math.round(core.time.fromLocal(item.writtenAtLocalMs)));
  }

  /** What waits in the outbox and is shown, in the order of writing. */
  unsentViews(id: ConversationId): MessageView[] {
    const items = this.parts.outbox.of(id).filter((item) => item.content.kind === "text" && !item.discarded);
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

export const mutedSetting = (id: ConversationId): string => `muted:${id}`;

function newRecord(id: ConversationId, peer: PersonView, created: boolean): ConversationRecord {
  return {
    id,
    peer,
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

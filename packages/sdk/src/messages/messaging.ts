// What a user does with messages: write, read back, try again, take back, delete.
import type { MessageTarget } from "@cychat/crypto";
import { type ConversationId, limits, type MessageId, newMessageId } from "@cychat/protocol";
import type { HistoryPage, MessageView } from "../client-api.ts";
import { ClientError } from "../client-error.ts";
import type { Conversation } from "../conversations/conversation.ts";
import type { Directory } from "../conversations/directory.ts";
import type { Core } from "../core.ts";
import type { Uploads } from "../files/uploads.ts";
import { isWritten, type Outbox } from "../outbox/outbox.ts";
import type { Sender } from "../outbox/sender.ts";
import { isModerator, rightsOf } from "../rooms/room-record.ts";
import type { Write } from "../store/store.ts";
import type { Mention, OutboxContent, StoredMessage } from "../store/tables.ts";

interface MessagingParts {
  readonly core: Core;
  readonly directory: Directory;
  readonly outbox: Outbox;
  readonly sender: Sender;
  readonly uploads: Uploads;
  onConversation(): void;
}

const defaultPage = 50;
/** PROTOCOL.md P9.16. */
const maxMentions = 50;
/** A repeated request comes soon after the first one: no need to look further back for its message. */
const repeatedWithin = 400;

export class Messaging {
  constructor(readonly parts: MessagingParts) {}

  async sendText(
    id: ConversationId,
    text: string,
    { id: given, mentions = [] }: { id?: MessageId; mentions?: readonly Mention[] } = {},
  ): Promise<MessageView> {
    const { core, directory, outbox, sender } = this.parts;
    const conversation = directory.get(id);
    if (given !== undefined) {
      const sent = await this.#findSent(conversation, given);
      if (sent !== undefined) return sent;
    }
    const content = this.#checked(conversation, text, mentions);
    const nowMs = core.environment.clock.now();
    const item = await outbox.add(id, given ?? newMessageId(nowMs), { kind: "text", ...content }, nowMs);
    const view = directory.unsentView(item);
    core.events.emit({ type: "messages", conversation: id, messages: [view] });
    this.parts.onConversation();
    sender.pump(id);
    return view;
  }

  /** `write`: what the message is, and what is to be stored together with it. */
  async sendFiles(
    id: ConversationId,
    messageId: MessageId,
    given: { readonly text: string; readonly mentions: readonly Mention[] },
    write: (content: { text: string; mentions?: Mention[] }) => Promise<{ content: OutboxContent; writes: readonly Write[] }>,
  ): Promise<MessageView> {
    const { core, directory, outbox } = this.parts;
    const conversation = directory.get(id);
    const sent = await this.#findSent(conversation, messageId);
    if (sent !== undefined) return sent;
    const { content, writes } = await write(this.#checked(conversation, given.text, given.mentions, true));
    const item = await outbox.add(id, messageId, content, core.environment.clock.now(), writes);
    this.#emitUnsent(item);
    this.parts.uploads.pump();
    // Small files are there already.
    this.parts.sender.pump(id);
    return directory.unsentView(item);
  }

  /** What may be written there right now. */
  #checked(
    conversation: Conversation,
    text: string,
    mentions: readonly Mention[],
    mayBeEmpty = false,
  ): { text: string; mentions?: Mention[] } {
    const { room, state } = conversation.record;
    const written = mayBeEmpty && text.trim() === "" ? "" : text.toWellFormed();
    if (written.trim() === "" && !mayBeEmpty) throw new ClientError("empty-message");
    if (written.length > limits.messageTextChars) throw new ClientError("too-long");
    if (room !== null && (state === "former" || state === "pending")) throw new ClientError("not-allowed");
    if (room !== null && room.memberCount > 0 && !rightsOf(room).post) throw new ClientError("not-allowed");
    if (this.parts.directory.view(conversation).sendingBlocked) throw new ClientError("sending-blocked");
    const named = [...new Set(mentions)].slice(0, maxMentions);
    const counted = named.filter((mention) => mention !== "all" || (room !== null && isModerator(room.myRole)));
    return room === null || counted.length === 0 ? { text: written } : { text: written, mentions: counted };
  }

  async editText(id: ConversationId, messageId: MessageId, text: string, mentions: readonly Mention[] = []): Promise<void> {
    const { core, directory, outbox, sender } = this.parts;
    const conversation = directory.get(id);
    const content = this.#checked(conversation, text, mentions);
    const { fromSeq, toSeq } = conversation.record;
    const message = await conversation.history.find(messageId, fromSeq, toSeq);
    if (message === undefined || message.kind !== "text" || message.envelopeHash === null) throw new ClientError("not-found");
    if (message.sender !== core.me.account) throw new ClientError("not-yours", "Only your own messages can be changed.");
    const nowMs = core.environment.clock.now();
    const edit: OutboxContent = { kind: "edit", target: { messageId, envelopeHash: message.envelopeHash }, ...content };
    await outbox.add(id, newMessageId(nowMs), edit, nowMs);
    core.events.emit({ type: "messages", conversation: id, messages: [directory.messageView(conversation, message)] });
    this.parts.onConversation();
    sender.pump(id);
  }

  async history(
    id: ConversationId,
    { before, limit = defaultPage }: { before?: MessageId; limit?: number } = {},
  ): Promise<HistoryPage> {
    const { directory } = this.parts;
    const conversation = directory.get(id);
    const wanted = Math.max(1, Math.min(limit, limits.historyPage));
    const unsent = directory.unsentViews(id);
    const at = unsent.findIndex((view) => view.id === before);
    const newer = before === undefined ? unsent : unsent.slice(0, Math.max(0, at));
    const isAtEnd = before === undefined || at >= 0;
    const beforeSeq = isAtEnd ? Number.POSITIVE_INFINITY : await this.#seqOf(conversation, before);
    const { messages, reachedStart } = await conversation.before(beforeSeq, wanted);
    // What was accepted while we looked is among the messages now.
    const known = new Set(messages.map((message) => message.id));
    const views = directory.messageViews(conversation, messages.reverse());
    return { messages: [...views, ...newer.filter((view) => !known.has(view.id))], reachedStart };
  }

  async retry(id: MessageId): Promise<void> {
    const { outbox, sender } = this.parts;
    const item = outbox.get(id);
    if (item === undefined || item.failed === null) throw new ClientError("not-found");
    this.#emitUnsent(await outbox.retry(item));
    sender.pump(item.conversation);
    this.parts.uploads.pump();
  }

  async setUploadPaused(id: MessageId, paused: boolean): Promise<void> {
    const { outbox, uploads } = this.parts;
    const item = await outbox.setPaused(id, paused);
    if (item === undefined) throw new ClientError("not-found");
    if (paused) uploads.hold(id);
    this.#emitUnsent(item);
    uploads.pump();
  }

  async discard(id: MessageId): Promise<void> {
    const { core, outbox, sender, uploads } = this.parts;
    const conversation = outbox.get(id)?.conversation;
    if (conversation === undefined) throw new ClientError("not-found");
    // In the conversation's queue: never while the message is just being sealed.
    const item = await this.parts.directory.get(conversation).run(async () => {
      const present = outbox.get(id);
      if (present === undefined) throw new ClientError("not-found");
      if (await outbox.discard(present)) uploads.cancel(present);
      return present;
    });
    core.events.emit({ type: "removed", conversation: item.conversation, ids: [id] });
    this.parts.onConversation();
    sender.pump(item.conversation);
  }

  async deleteMessages(id: ConversationId, ids: readonly MessageId[]): Promise<void> {
    const { outbox, core, directory } = this.parts;
    const conversation = directory.get(id);
    const found: StoredMessage[] = [];
    for (const messageId of ids) {
      const unsent = outbox.get(messageId);
      if (unsent !== undefined && unsent.conversation === id) {
        await this.discard(messageId);
        continue;
      }
      const { fromSeq, toSeq } = conversation.record;
      const message = await conversation.history.find(messageId, fromSeq, toSeq);
      if (message === undefined) throw new ClientError("not-found");
      const { room } = conversation.record;
      if (message.sender !== core.me.account && !isModerator(room?.myRole ?? null)) throw new ClientError("not-yours");
      found.push(message);
    }
    await this.#delete(conversation, found);
  }

  async deleteAllMyMessages(id: ConversationId): Promise<void> {
    const { outbox, core, directory } = this.parts;
    const conversation = directory.get(id);
    for (const item of outbox.of(id)) if (isWritten(item) && !item.discarded) await this.discard(item.id);
    const mine: StoredMessage[] = [];
    let before = Number.POSITIVE_INFINITY;
    for (;;) {
      const page = await conversation.before(before, limits.historyPage);
      mine.push(...page.messages.filter((message) => message.sender === core.me.account));
      const oldest = page.messages.at(-1);
      if (page.reachedStart || oldest === undefined) break;
      before = oldest.seq;
    }
    await this.#delete(conversation, mine.reverse());
  }

  /** A signed deletion for everybody's clients; the server erases the ciphertext once that is accepted. */
  async #delete(conversation: Conversation, messages: readonly StoredMessage[]): Promise<void> {
    const { core, outbox, sender, directory } = this.parts;
    const targets: MessageTarget[] = [];
    for (const { id, kind, envelopeHash } of messages) {
      if (kind !== "deleted" && kind !== "control" && kind !== "system" && envelopeHash !== null)
        targets.push({ messageId: id, envelopeHash });
    }
    for (let at = 0; at < targets.length; at += limits.deleteBatch) {
      const nowMs = core.environment.clock.now();
      const batch = targets.slice(at, at + limits.deleteBatch);
      await outbox.add(conversation.id, newMessageId(nowMs), { kind: "delete", targets: batch }, nowMs);
    }
    if (targets.length === 0) return;
    const views = directory.messageViews(conversation, messages);
    core.events.emit({ type: "messages", conversation: conversation.id, messages: views });
    this.parts.onConversation();
    sender.pump(conversation.id);
  }

  async #findSent(conversation: Conversation, id: MessageId): Promise<MessageView | undefined> {
    const { outbox, directory } = this.parts;
    const unsent = outbox.get(id);
    if (unsent !== undefined) return directory.unsentView(unsent);
    const { fromSeq, toSeq } = conversation.record;
    const from = Math.max(fromSeq, toSeq - repeatedWithin);
    const sent = await conversation.history.find(id, from, toSeq);
    return sent && directory.messageView(conversation, sent);
  }

  async #seqOf(conversation: Conversation, id: MessageId): Promise<number> {
    const { fromSeq, toSeq } = conversation.record;
    const message = await conversation.history.find(id, fromSeq, toSeq);
    if (message === undefined) throw new ClientError("not-found");
    return message.seq;
  }

  #emitUnsent(item: Parameters<Directory["unsentView"]>[0]): void {
    const view = this.parts.directory.unsentView(item);
    this.parts.core.events.emit({ type: "messages", conversation: item.conversation, messages: [view] });
    this.parts.onConversation();
  }
}

// Adding, removing, blocking people; answering those who write for the first time.
import { type AccountId, type ConversationId, endpoints } from "@cychat/protocol";
import type { ContactView } from "../client-api.ts";
import type { Directory } from "../conversations/directory.ts";
import type { Core } from "../core.ts";
import type { Receipts } from "../sync/receipts.ts";
import type { Contacts } from "./contacts.ts";

const stateAfter = { accept: "active", ignore: "ignored", block: "blocked" } as const;

export class People {
  constructor(
    readonly core: Core,
    readonly contacts: Contacts,
    readonly directory: Directory,
    readonly receipts: Receipts,
    /** Reads a conversation's state again. */
    readonly read: (id: ConversationId) => Promise<void>,
  ) {}

  /** What they wrote before is no request any more. */
  async add(input: { email: string } | { nickname: string }): Promise<ContactView> {
    const contact = await this.contacts.add(input);
    for (const { id, record } of this.directory.withPeer(contact.id)) if (record.created) await this.read(id);
    return contact;
  }

  async answerRequest(id: ConversationId, action: "accept" | "ignore" | "block"): Promise<void> {
    const conversation = this.directory.get(id);
    await this.core.http.call(endpoints.answerRequest, { params: { conversation: id }, body: { action } });
    await conversation.patch({ state: stateAfter[action] });
    if (action === "accept") {
      await this.contacts.refresh();
      this.receipts.due(conversation);
    }
  }

  async block(id: AccountId): Promise<void> {
    await this.core.http.call(endpoints.block, { body: { id } });
    for (const conversation of this.directory.withPeer(id)) await conversation.patch({ state: "blocked" });
    await this.contacts.refresh();
  }

  async unblock(id: AccountId): Promise<void> {
    await this.core.http.call(endpoints.unblock, { params: { id } });
    await this.contacts.refresh();
    for (const conversation of this.directory.withPeer(id)) {
      if (conversation.record.created) await this.read(conversation.id);
      else await conversation.patch({ state: "active" });
    }
  }
}

// The user's contacts and their presence.
import { directConversationId } from "@cychat/crypto";
import { type AccountId, type Contact, endpoints, normalEmail, type PresenceStatus, type ServerFrame } from "@cychat/protocol";
import type { ContactView, PersonView } from "../client-api.ts";
import { personView } from "../conversations/views.ts";
import type { Core } from "../core.ts";
import { SerialQueue } from "../serial-queue.ts";
import { only, tables } from "../store/tables.ts";

type PresenceFrame = Extract<ServerFrame, { type: "presence" }>;

export class Contacts {
  #contacts = new Map<AccountId, ContactView>();
  readonly #queue = new SerialQueue();

  constructor(
    readonly core: Core,
    readonly onChanged: () => void,
  ) {}

  /** Nobody's presence is known before the server says so. */
  async load(): Promise<void> {
    const stored = (await tables.contacts.read(this.core.store, "", only)) ?? [];
    this.#contacts = new Map(stored.map((contact) => [contact.id, { ...contact, presence: "offline" }]));
  }

  list(): ContactView[] {
    return [...this.#contacts.values()].sort((a, b) => a.nickname.localeCompare(b.nickname) || (a.id < b.id ? -1 : 1));
  }

  get(account: AccountId): ContactView | undefined {
    return this.#contacts.get(account);
  }

  withEmail(email: string): ContactView | undefined {
    const wanted = normalEmail(email);
    return [...this.#contacts.values()].find((contact) => contact.email === wanted);
  }

  presence(account: AccountId): { presence: PresenceStatus; lastSeenMs: number | null } {
    const contact = this.#contacts.get(account);
    return { presence: contact?.presence ?? "offline", lastSeenMs: contact?.lastSeenMs ?? null };
  }

  refresh(): Promise<void> {
    return this.#queue.run(async () => {
      const { result } = await this.core.http.call(endpoints.contacts, { query: {} });
      const views = await Promise.all(result.map((contact) => this.#view(contact)));
      this.#contacts = new Map(views.map((view) => [view.id, view]));
      await this.#keep();
    });
  }

  async add(input: { email: string } | { nickname: string }): Promise<ContactView> {
    const { contact } = await this.core.http.call(endpoints.addContact, { body: input });
    const view = await this.#view(contact);
    await this.#queue.run(async () => {
      this.#contacts.set(view.id, view);
      await this.#keep();
    });
    return view;
  }

  async remove(account: AccountId): Promise<void> {
    await this.core.http.call(endpoints.removeContact, { params: { id: account } });
    await this.#queue.run(async () => {
      this.#contacts.delete(account);
      await this.#keep();
    });
  }

  async blocked(): Promise<PersonView[]> {
    const { blocked } = await this.core.http.call(endpoints.blocks);
    return blocked.map(personView);
  }

  take(frame: PresenceFrame): void {
    const contact = this.#contacts.get(frame.account);
    if (contact === undefined) return;
    this.#contacts.set(contact.id, { ...contact, presence: frame.presence, lastSeenMs: frame.last_seen_ms });
    this.onChanged();
  }

  async #keep(): Promise<void> {
    await this.core.store.write([tables.contacts.put("", only, this.list())]);
    this.onChanged();
  }

  async #view(contact: Contact): Promise<ContactView> {
    return {
      ...personView(contact),
      phoneNumber: contact.phone_number,
      addedAtMs: Date.parse(contact.contact_added_date),
      presence: contact.presence,
      lastSeenMs: contact.last_seen_ms,
      conversation: await directConversationId(this.core.me.account, contact.id),
    };
  }
}

// How people in rooms are called. Members of a room need not be contacts, so the server is asked, many at a time, and what
// it says is kept: a timeline has to be readable without a connection.
import { type AccountId, endpoints, limits, type RoomPerson } from "@cychat/protocol";
import type { RoomPersonView } from "../client-api.ts";
import { isTransient } from "../client-error.ts";
import type { Contacts } from "../contacts/contacts.ts";
import type { Core } from "../core.ts";
import { SerialQueue } from "../serial-queue.ts";
import { tables } from "../store/tables.ts";
import { keptUnder, packPeople, unpackPeople } from "./kept-people.ts";

const gatherMs = 30;

export class Names {
  readonly #known = new Map<AccountId, RoomPersonView>();
  readonly #wanted = new Set<AccountId>();
  /** Asked for since the connection was made. */
  readonly #asked = new Set<AccountId>();
  /** In order, each with the newest of everybody. */
  readonly #writes = new SerialQueue();
  #timer: unknown = null;

  constructor(
    readonly core: Core,
    readonly contacts: Contacts,
    readonly me: () => RoomPersonView,
    readonly onNamed: (accounts: ReadonlySet<AccountId>) => void,
  ) {}

  async load(): Promise<void> {
    for (const { value } of await tables.people.list(this.core.store))
      for (const person of unpackPeople(value)) this.#known.set(person.id, person);
  }

  /** Nameless until the server has said how they are called; then whoever shows them is told. */
  of(account: AccountId): RoomPersonView {
    if (account === this.core.me.account) return this.me();
    const contact = this.contacts.get(account);
    if (contact !== undefined) return { id: account, nickname: contact.nickname, pictureVersion: contact.pictureVersion };
    const known = this.#known.get(account);
    if (known === undefined) this.#want(account);
    return known ?? { id: account, nickname: "", pictureVersion: 0 };
  }

  /** The connection is new: whoever could not be named is asked for again. */
  reconnected(): void {
    this.#asked.clear();
    if (this.#wanted.size > 0) this.#later();
  }

  /** Somebody's name or picture changed. */
  stale(account: AccountId): void {
    if (!this.#known.has(account)) return;
    this.#asked.delete(account);
    this.#want(account);
  }

  async take(people: readonly RoomPerson[]): Promise<void> {
    const changed = people.filter((person) => {
      const known = this.#known.get(person.id);
      return known?.nickname !== person.nickname || known.pictureVersion !== person.picture_version;
    });
    if (changed.length === 0) return;
    const views = changed.map(({ id, nickname, picture_version }) => ({ id, nickname, pictureVersion: picture_version }));
    for (const view of views) this.#known.set(view.id, view);
    await this.#writes.run(() => this.#keep(new Set(views.map(({ id }) => keptUnder(id)))));
    this.onNamed(new Set(views.map(({ id }) => id)));
  }

  async #keep(places: ReadonlySet<string>): Promise<void> {
    const people = Map.groupBy(this.#known.values(), ({ id }) => keptUnder(id));
    await this.core.store.write([...places].map((place) => tables.people.put("", place, packPeople(people.get(place) ?? []))));
  }

  close(): void {
    if (this.#timer !== null) this.core.environment.clock.clearTimeout(this.#timer);
    this.#timer = null;
  }

  #want(account: AccountId): void {
    if (this.#asked.has(account)) return;
    this.#wanted.add(account);
    this.#later();
  }

  #later(): void {
    this.#timer ??= this.core.environment.clock.setTimeout(() => void this.#ask().catch(this.core.report), gatherMs);
  }

  async #ask(): Promise<void> {
    this.#timer = null;
    const accounts = [...this.#wanted].slice(0, limits.keysBatch);
    if (accounts.length === 0) return;
    for (const account of accounts) {
      this.#wanted.delete(account);
      this.#asked.add(account);
    }
    try {
      const { people } = await this.core.http.call(endpoints.people, { body: { accounts } });
      await this.take(people);
      if (this.#wanted.size > 0) this.#later();
    } catch (error) {
      // The next connection asks again.
      for (const account of accounts) this.#wanted.add(account);
      if (!isTransient(error)) throw error;
    }
  }
}

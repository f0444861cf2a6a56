// Somebody on the other side without a browser: an SDK client, quick to make, that says exactly what it received.
import type { ConversationView, MessageView } from "@cychat/sdk";
import { type CreateClientOptions, MemoryStore } from "@cychat/sdk/bun";
import { type Person as Client, newPerson, openPerson, until, wholeHistory } from "../support/people.ts";
import { quickArgon2id } from "../support/quick-argon2id.ts";
import type { ServerProcess } from "../support/server-process.ts";

export class Companion implements AsyncDisposable {
  readonly #options: CreateClientOptions;
  #chat: ConversationView["id"] | null = null;

  private constructor(
    private person: Client,
    options: CreateClientOptions,
  ) {
    this.#options = options;
  }

  /** `account`: for logging in with in a browser as well; its password costs as much as a real one. */
  static async register(
    server: Pick<ServerProcess, "url">,
    nickname: string,
    kind: "client-only" | "account" = "client-only",
  ): Promise<Companion> {
    const options: CreateClientOptions = {
      url: server.url,
      store: new MemoryStore(),
      environment: kind === "account" ? {} : { argon2id: quickArgon2id },
    };
    return new Companion(await newPerson(nickname, options), options);
  }

  get account(): { readonly nickname: string; readonly email: string; readonly password: string } {
    return this.person;
  }

  get client(): Client["client"] {
    return this.person.client;
  }

  get nickname(): string {
    return this.person.nickname;
  }

  /** Adds somebody as a contact; what is said from now on is said to them. */
  async add(other: { readonly email: string }): Promise<void> {
    const contact = await this.client.addContact({ email: other.email });
    this.#chat = (await this.client.openDirect(contact.id)).id;
  }

  get chat(): ConversationView["id"] {
    if (this.#chat === null) throw new Error(`${this.nickname} has added nobody`);
    return this.#chat;
  }

  async view(): Promise<ConversationView | undefined> {
    return (await this.client.conversations()).find(({ id }) => id === this.chat);
  }

  /** Resolves once the server has all of them. */
  async say(...texts: string[]): Promise<void> {
    const sent: MessageView["id"][] = [];
    for (const text of texts) sent.push((await this.client.sendText(this.chat, text)).id);
    const last = sent.at(-1);
    await until(this.client, async () => {
      const { messages } = await this.client.history(this.chat, { limit: 1 });
      return messages.some(({ id, seq }) => id === last && seq !== null);
    });
  }

  async hears(text: string): Promise<MessageView> {
    return until(this.client, async () => (await this.history()).find((message) => !message.mine && message.text === text));
  }

  async history(): Promise<MessageView[]> {
    return wholeHistory(this.client, this.chat);
  }

  /** Waits until the conversation looks like this from here. */
  async until(look: (view: ConversationView) => boolean): Promise<void> {
    await until(this.client, async () => {
      const view = await this.view();
      return view !== undefined && look(view);
    });
  }

  async read(): Promise<void> {
    const [newest] = (await this.client.history(this.chat, { limit: 1 })).messages;
    if (newest?.seq != null) await this.client.markRead(this.chat, newest.seq);
  }

  /** Away, until {@link comeBack}: nothing is received in between. */
  async leave(): Promise<void> {
    await this.client.close();
  }

  async comeBack(): Promise<void> {
    this.person = await openPerson(this.nickname, this.#options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

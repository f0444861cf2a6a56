// People with SDK clients, and conditions to wait for instead of times.

import type { ConversationView, MessageView, PersonView } from "@cychat/sdk";
import { type ChatClient, type ChatEvent, type CreateClientOptions, createClient } from "@cychat/sdk/bun";

export interface Person extends AsyncDisposable {
  readonly nickname: string;
  readonly email: string;
  readonly password: string;
  readonly client: ChatClient;
  readonly events: ChatEvent[];
}

const passwordOf = (nickname: string) => `a long password of ${nickname}`;

/** Registers somebody new. */
export async function newPerson(nickname: string, options: CreateClientOptions): Promise<Person> {
  const person = await openPerson(nickname, options);
  await person.client.register({ nickname, email: person.email, password: person.password });
  return person;
}

/** A client for somebody, on whatever its store holds. */
export async function openPerson(nickname: string, options: CreateClientOptions): Promise<Person> {
  const client = await createClient(options);
  const events: ChatEvent[] = [];
  client.subscribe((event) => events.push(event));
  return {
    nickname,
    email: `${nickname.toLowerCase()}@example.org`,
    password: passwordOf(nickname),
    client,
    events,
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/**
 * Resolves with what `look` finds as soon as that is neither undefined, null nor false; it looks again after each of the
 * client's events. Rejects after `timeoutMs`, which only a failing test ever waits for.
 */
export async function until<T>(
  client: ChatClient,
  look: () => Promise<T | undefined | null | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  let isLooking = false;
  let again = false;
  const check = async () => {
    if (isLooking) {
      again = true;
      return;
    }
    isLooking = true;
    do {
      again = false;
      const found = await look();
      if (found !== undefined && found !== null && found !== false) resolve(found);
    } while (again);
    isLooking = false;
  };
  const unsubscribe = client.subscribe(() => void check().catch(reject));
  const timer = setTimeout(() => reject(new Error(`not within ${timeoutMs} ms: ${look}`)), timeoutMs);
  check().catch(reject);
  return promise.finally(() => {
    clearTimeout(timer);
    unsubscribe();
  });
}

/** Adds the other as a contact and opens the conversation with them. */
export async function befriend(person: Person, other: Person): Promise<ConversationView> {
  const contact = await person.client.addContact({ email: other.email });
  return person.client.openDirect(contact.id);
}

/** The other side of a direct chat. */
export function peerOf({ peer }: ConversationView): PersonView {
  if (peer === null) throw new Error("A room has no peer.");
  return peer;
}

/** Everything there is of a conversation, oldest first. */
export async function wholeHistory(client: ChatClient, conversation: ConversationView["id"]): Promise<MessageView[]> {
  const messages: MessageView[] = [];
  for (;;) {
    const [oldest] = messages;
    const page = await client.history(conversation, { limit: 200, ...(oldest === undefined ? {} : { before: oldest.id }) });
    messages.unshift(...page.messages);
    if (page.reachedStart || page.messages.length === 0) return messages;
  }
}

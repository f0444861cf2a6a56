// People with real clients on a real server. The network between them can be cut, and can lie.

import type { Argon2id } from "@cychat/crypto";
import type { ConversationId, MessageId } from "@cychat/protocol";
import {
  type ChatClient,
  type ChatEvent,
  type Clock,
  createClient,
  type Fetch,
  MemoryStore,
  type Store,
  systemClock,
  type WebSocketLike,
} from "@cychat/sdk/bun";
import { startTestServer, type TestServer } from "../../apps/server/src/testing/test-server.ts";

/** Argon2 is measured and tested elsewhere; here it only has to be a function of password and salt. */
async function quickArgon2id(password: string, salt: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new TextEncoder().encode(password);
  const both = new Uint8Array(bytes.length + salt.length);
  both.set(bytes);
  both.set(salt, bytes.length);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", both));
}

export const password = "correct horse battery";

export class World implements AsyncDisposable {
  readonly #clients: ChatClient[] = [];
  private constructor(readonly server: TestServer) {}

  static async start(options: Parameters<typeof startTestServer>[0] = {}): Promise<World> {
    return new World(await startTestServer(options));
  }

  /** A person with an account and a first device. */
  async person(name: string, options: DeviceOptions = {}): Promise<Person> {
    const person = await this.device(name, options);
    await person.client.register({ nickname: name, email: person.email, password });
    await person.online();
    return person;
  }

  /** A client that nobody is signed in with, or what is left in `store`. */
  async device(name: string, options: DeviceOptions = {}): Promise<Person> {
    const network = options.network ?? new Network();
    const store = options.store ?? new MemoryStore();
    const reported: unknown[] = [];
    const client = await createClient({
      url: this.server.url,
      store,
      deviceName: name,
      report: (error) => reported.push(error),
      environment: {
        argon2id: options.argon2id ?? quickArgon2id,
        random: seededRandom(7),
        fetch: network.fetch,
        openSocket: network.openSocket,
        onOnline: network.onOnline,
        clock: options.clock ?? systemClock,
      },
    });
    this.#clients.push(client);
    return new Person(name, client, store, network, reported);
  }

  /** Both have each other as contacts, and the conversation is open on both sides. */
  async contacts(a: Person, b: Person): Promise<ConversationId> {
    const contact = await a.client.addContact({ email: b.email });
    await b.client.openDirect((await b.client.addContact({ email: a.email })).id);
    return (await a.client.openDirect(contact.id)).id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client.close();
    await this.server[Symbol.asyncDispose]();
  }
}

export interface DeviceOptions {
  readonly store?: Store;
  readonly network?: Network;
  readonly clock?: Clock;
  readonly argon2id?: Argon2id;
}

/** The clock of a machine that shows another time; a time that can be moved on. */
export class ShiftedClock implements Clock {
  constructor(public aheadMs = 0) {}
  now = () => Date.now() + this.aheadMs;
  setTimeout = (callback: () => void, ms: number) => setTimeout(callback, Math.min(ms, 2 ** 31 - 1));
  clearTimeout = (handle: unknown) => clearTimeout(handle as Timer);
}

const patienceMs = 15_000;

export class Person {
  readonly events: ChatEvent[] = [];
  /** Ids of messages in the order in which they were first told. */
  readonly told: MessageId[] = [];

  constructor(
    readonly name: string,
    readonly client: ChatClient,
    readonly store: Store,
    readonly network: Network,
    readonly reported: readonly unknown[],
  ) {
    client.subscribe((event) => {
      this.events.push(event);
      if (event.type !== "messages") return;
      for (const message of event.messages) if (!this.told.includes(message.id)) this.told.push(message.id);
    });
  }

  get email(): string {
    return `${this.name}@example.org`;
  }

  /** Waits for a condition, looking again at every event; fails with `what` when it does not come true. */
  until<T>(what: string, condition: () => Promise<T | false | null | undefined>): Promise<T> {
    return until(this.client, `${this.name}: ${what}`, condition);
  }

  async online(): Promise<void> {
    await this.until("is online", async () => (await this.client.connection()).status === "online");
  }

  /** The texts of a conversation as its screen shows them, once there are so many. */
  async texts(conversation: ConversationId, count: number): Promise<string[]> {
    return this.until(`has ${count} messages`, async () => {
      const texts = await this.allTexts(conversation);
      return texts.length >= count && texts;
    });
  }

  async allTexts(conversation: ConversationId): Promise<string[]> {
    return (await this.all(conversation)).map((message) => message.text);
  }

  /** Everything, paged through as a screen does. */
  async all(conversation: ConversationId, limit = 50) {
    if (!(await this.client.conversations()).some(({ id }) => id === conversation)) return [];
    let page = await this.client.history(conversation, { limit });
    let messages = [...page.messages];
    while (!page.reachedStart) {
      const before = messages[0]?.id;
      page = await this.client.history(conversation, before === undefined ? { limit } : { before, limit });
      messages = [...page.messages, ...messages];
    }
    return messages;
  }

  /** Undefined while it is not listed (yet). */
  async look(id: ConversationId) {
    return (await this.client.conversations()).find((conversation) => conversation.id === id);
  }

  async conversation(id: ConversationId) {
    const found = await this.look(id);
    if (found === undefined) throw new Error(`${this.name} has no such conversation`);
    return found;
  }

  ring(): ChatEvent[] {
    return this.events.filter((event) => event.type === "ring");
  }
}

function until<T>(client: ChatClient, what: string, condition: () => Promise<T | false | null | undefined>): Promise<T> {
  return new Promise((resolve, reject) => {
    let looking = false;
    let again = false;
    const look = async () => {
      if (looking) {
        again = true;
        return;
      }
      looking = true;
      try {
        do {
          again = false;
          const found = await condition();
          if (found !== false && found !== null && found !== undefined) return end(() => resolve(found));
        } while (again);
      } catch (error) {
        end(() => reject(error));
      } finally {
        looking = false;
      }
    };
    const end = (then: () => void) => {
      stop();
      clearTimeout(timer);
      then();
    };
    const stop = client.subscribe(() => void look());
    const timer = setTimeout(() => end(() => reject(new Error(`It did not come true: ${what}`))), patienceMs);
    void look();
  });
}

/** mulberry32: enough for jitter. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Rewrite = (path: string, body: unknown) => unknown;

/** The way between one client and the server: can be cut, and stands in for a server (or a proxy before it) that lies. */
export class Network {
  readonly #sockets = new Set<WebSocketLike>();
  readonly #listeners = new Set<() => void>();
  #isUp = true;
  /** Changes what REST answers; gets the path below `/api/v1`, with its query. */
  rewriteAnswer: Rewrite = (_path, body) => body;
  /** Changes a frame on its way from the server; null loses it. */
  rewriteFrame: (frame: Record<string, unknown>) => Record<string, unknown> | null = (frame) => frame;
  /** Called before a request goes out. */
  onRequest: (method: string, path: string) => void | Promise<void> = () => {};
  /** What comes instead of a response; throws to lose it. */
  onResponse: (method: string, path: string, response: Response) => Response = (_method, _path, response) => response;
  /** Called with every frame the client sends; false loses it. */
  onSend: (frame: Record<string, unknown>) => boolean = () => true;

  cut(): void {
    this.#isUp = false;
    for (const socket of this.#sockets) socket.close();
    for (const socket of this.#sockets) socket.onclose?.({ code: 1006 });
    this.#sockets.clear();
  }

  restore(): void {
    this.#isUp = true;
    for (const listener of this.#listeners) listener();
  }

  /** Loses the connection, once. */
  interrupt(): void {
    this.cut();
    this.restore();
  }

  /** A frame that the server never sent. */
  inject(frame: Record<string, unknown>): void {
    for (const socket of this.#sockets) socket.onmessage?.({ data: JSON.stringify(frame) });
  }

  readonly onOnline = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly fetch: Fetch = async (url, init) => {
    const path = url.slice(url.indexOf("/api/v1") + "/api/v1".length);
    if (this.#isUp) await this.onRequest(init.method ?? "GET", path);
    if (!this.#isUp) throw new TypeError("The network is down.");
    const response = this.onResponse(init.method ?? "GET", path, await fetch(url, init));
    const isJson = response.headers.get("content-type")?.includes("json") === true;
    if (!this.#isUp) throw new TypeError("The network went down.");
    if (!isJson) return response;
    const rewritten = this.rewriteAnswer(path, await response.json());
    return Response.json(rewritten, { status: response.status });
  };

  readonly openSocket = (url: string): WebSocketLike => {
    if (!this.#isUp) throw new TypeError("The network is down.");
    const real = new WebSocket(url);
    const socket: WebSocketLike = {
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send: (text) => {
        if (this.onSend(JSON.parse(text) as Record<string, unknown>)) real.send(text);
      },
      close: (code) => real.close(code),
    };
    this.#sockets.add(socket);
    real.onopen = (event) => socket.onopen?.(event as never);
    real.onmessage = (event) => {
      if (!this.#isUp) return;
      const frame = this.rewriteFrame(JSON.parse(String(event.data)) as Record<string, unknown>);
      if (frame !== null) socket.onmessage?.({ data: JSON.stringify(frame) });
    };
    real.onclose = (event) => {
      if (this.#sockets.delete(socket)) socket.onclose?.({ code: event.code });
    };
    return socket;
  };
}

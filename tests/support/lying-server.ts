// A real server with somebody before it who lies: each person's own view of it can be altered at will.
import type { Entry, RecordEntry } from "@cychat/protocol";
import {
  type ConversationView,
  type CreateClientOptions,
  type Fetch,
  MemoryStore,
  type MessageView,
  type Problem,
  systemClock,
  type WebSocketLike,
} from "@cychat/sdk/bun";
import { startTestServer, type TestServer } from "../../apps/server/src/testing/test-server.ts";
import { befriend, newPerson, openPerson, type Person, until, wholeHistory } from "./people.ts";
import { quickArgon2id } from "./quick-argon2id.ts";

export type Frame = Record<string, unknown> & { readonly type: string };
type ChatId = ConversationView["id"];

export interface LiedTo extends Person {
  readonly lies: Lies;
  readonly store: MemoryStore;
}

export class LyingServer implements AsyncDisposable {
  readonly #people: Person[] = [];

  private constructor(readonly server: TestServer) {}

  static async start(): Promise<LyingServer> {
    return new LyingServer(await startTestServer());
  }

  async person(nickname: string): Promise<LiedTo> {
    const { lies, store, options } = this.#options();
    const person = { ...(await newPerson(nickname, options)), lies, store };
    this.#people.push(person);
    await online(person);
    return person;
  }

  /** A client of somebody who has an account, on what `store` holds, or on nothing. */
  async device(nickname: string, given: { readonly store?: MemoryStore; readonly aheadMs?: number } = {}): Promise<LiedTo> {
    const { lies, store, options } = this.#options(given.store, given.aheadMs);
    const person = { ...(await openPerson(nickname, options)), lies, store };
    this.#people.push(person);
    return person;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client } of this.#people) await client.close();
    await this.server[Symbol.asyncDispose]();
  }

  #options(store = new MemoryStore(), aheadMs = 0) {
    const lies = new Lies();
    const { fetch, openSocket } = lies;
    const clock = { ...systemClock, now: () => Date.now() + aheadMs };
    const environment = { fetch, openSocket, clock, argon2id: quickArgon2id, random: () => 0 };
    const options: CreateClientOptions = { url: this.server.url, store, environment };
    return { lies, store, options };
  }
}

export interface LiedRequest {
  readonly method: string;
  /** Below `/api/v1`, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

/** What one person is told instead of the truth. By default everything is true. */
export class Lies {
  /** Requests, as they went out. */
  readonly asked: LiedRequest[] = [];
  /** Called before a request goes out; it waits for this. */
  before: (request: LiedRequest) => Promise<void> = async () => {};
  /** Answers instead of the server, which never hears of the request. */
  instead: (request: LiedRequest) => Response | null = () => null;
  /** Alters what the server answers. */
  answer: (request: LiedRequest, body: never) => unknown = (_request, body) => body;
  /** Alters or swallows a frame from the server. */
  frame: (frame: Frame) => Frame | null = (frame) => frame;
  /** What the conversation's entries look like, all of them, in order; numbers and counts are told to match. */
  entries: ((entries: readonly Entry[], conversation: string) => readonly Entry[]) | null = null;
  /** What the conversation's records look like, all of them, in order, where they are asked for by index. */
  records: ((records: readonly RecordEntry[], conversation: string) => readonly RecordEntry[]) | null = null;
  /** Called with every frame the client sends; false loses it. */
  send: (frame: Frame) => boolean = () => true;
  readonly #sockets = new Set<WebSocketLike>();

  /** Tells everything truly from now on. */
  stop(): void {
    const honest = new Lies();
    Object.assign(this, { instead: honest.instead, answer: honest.answer, frame: honest.frame });
    Object.assign(this, { entries: null, records: null, send: honest.send });
  }

  /** A frame that the server never sent. */
  push(frame: Frame): void {
    for (const socket of this.#sockets) socket.onmessage?.({ data: JSON.stringify(frame) });
  }

  reconnect(): void {
    for (const socket of [...this.#sockets]) {
      socket.close();
      socket.onclose?.({ code: 1006 });
    }
  }

  readonly fetch: Fetch = async (url, init) => {
    const { pathname, searchParams: query } = new URL(url);
    const body: unknown = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
    const request: LiedRequest = { method: init.method ?? "GET", path: pathname.slice("/api/v1".length), query, body };
    this.asked.push(request);
    await this.before(request);
    const lie =
      this.instead(request) ??
      (await this.#lieAboutEntries(url, init, request)) ??
      (await this.#lieAboutRecords(url, init, request));
    if (lie !== null) return lie;
    const response = await fetch(url, init);
    if (!response.headers.get("content-type")?.includes("json")) return response;
    const answer: unknown = await this.answer(request, (await response.json()) as never);
    return Response.json(await this.#lieAboutCounts(url, init, answer), { status: response.status });
  };

  readonly openSocket = (url: string): WebSocketLike => {
    const real = new WebSocket(url);
    const socket: WebSocketLike = {
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send: (text) => {
        if (this.send(JSON.parse(text) as Frame)) real.send(text);
      },
      close: (code) => {
        this.#sockets.delete(socket);
        real.onclose = real.onmessage = real.onopen = null;
        real.close(code);
      },
    };
    this.#sockets.add(socket);
    real.onopen = () => socket.onopen?.({} as never);
    real.onmessage = ({ data }) => {
      const frame = this.#hint(this.frame(JSON.parse(String(data)) as Frame));
      if (frame !== null) socket.onmessage?.({ data: JSON.stringify(frame) });
    };
    real.onclose = ({ code }) => {
      this.#sockets.delete(socket);
      socket.onclose?.({ code });
    };
    return socket;
  };

  /** Where entries are lied about, new ones are only hinted at: they are read by number then. */
  #hint(frame: Frame | null): Frame | null {
    if (frame?.type !== "entry" || this.entries === null) return frame;
    return { type: "changed", what: "conversations", conversation: frame.conversation };
  }

  async #lieAboutEntries(url: string, init: RequestInit, { path, query }: LiedRequest): Promise<Response | null> {
    const [, conversation] = /^\/conversations\/([^/]+)\/entries$/.exec(path) ?? [];
    if (this.entries === null || conversation === undefined) return null;
    const shown = await this.#shown(url, init, conversation);
    const [after, before, limit] = [query.get("after"), query.get("before"), Number(query.get("limit") ?? 50)];
    const page =
      after !== null
        ? shown.filter(({ seq }) => seq > Number(after)).slice(0, limit)
        : shown.filter(({ seq }) => before === null || seq < Number(before)).slice(-limit);
    return Response.json({ entries: page, last_seq: shown.at(-1)?.seq ?? 0 });
  }

  async #lieAboutRecords(url: string, init: RequestInit, { method, path, query }: LiedRequest): Promise<Response | null> {
    const [, conversation] = /^\/conversations\/([^/]+)\/records$/.exec(path) ?? [];
    if (method !== "GET" || this.records === null || conversation === undefined) return null;
    const all = new URL(`/api/v1/conversations/${conversation}/records?from=0`, url);
    const response = await fetch(all, { headers: init.headers ?? {} });
    const { records } = (await response.json()) as { records: RecordEntry[] };
    const from = Number(query.get("from") ?? 0);
    const shown = this.records(records, conversation).filter(({ index }) => index >= from);
    return Response.json({ records: shown.slice(0, 100) });
  }

  async #shown(url: string, init: RequestInit, conversation: string): Promise<readonly Entry[]> {
    const all = new URL(`/api/v1/conversations/${conversation}/entries?after=0&limit=200`, url);
    const response = await fetch(all, { headers: init.headers ?? {} });
    const { entries } = (await response.json()) as { entries: Entry[] };
    return this.entries?.(entries, conversation) ?? entries;
  }

  async #lieAboutCounts(url: string, init: RequestInit, answer: unknown): Promise<unknown> {
    if (this.entries === null) return answer;
    const counted = (answer as { conversations?: { id: string; last_seq: number }[] }).conversations ?? [
      answer as { id: string; last_seq?: number },
    ];
    for (const conversation of counted) {
      if (typeof conversation.last_seq === "number")
        conversation.last_seq = (await this.#shown(url, init, conversation.id)).at(-1)?.seq ?? 0;
    }
    return answer;
  }
}

/** Alice and Bob, who know each other, and Carol, whom Alice knows, too: whatever happens to Bob's chat, hers goes on. */
export async function threePeople(
  liar: LyingServer,
): Promise<{ alice: LiedTo; bob: LiedTo; carol: LiedTo; chat: ChatId; other: ChatId }> {
  const [alice, bob, carol] = [await liar.person("alice"), await liar.person("bob"), await liar.person("carol")];
  for (const person of [bob, carol]) await befriend(person, alice);
  const { id: chat } = await befriend(alice, bob);
  const { id: other } = await befriend(alice, carol);
  return { alice, bob, carol, chat, other };
}

/** Alice and Bob, who know each other. */
export async function befriended(liar: LyingServer): Promise<{ alice: LiedTo; bob: LiedTo; chat: ChatId }> {
  const [alice, bob] = [await liar.person("alice"), await liar.person("bob")];
  await befriend(bob, alice);
  const { id: chat } = await befriend(alice, bob);
  return { alice, bob, chat };
}

export async function online({ client }: Person): Promise<void> {
  await until(client, async () => (await client.connection()).status === "online");
}

/** Sends, and waits until the server has it. */
export async function say({ client }: Person, chat: ChatId, text: string): Promise<MessageView> {
  const { id } = await client.sendText(chat, text);
  return until(client, async () =>
    (await shownMessages(client, chat)).find((message) => message.id === id && message.seq !== null),
  );
}

/** Everything shown of a conversation; nothing as long as it is not there. */
export async function shownMessages(client: Person["client"], chat: ChatId): Promise<MessageView[]> {
  if (!(await client.conversations()).some(({ id }) => id === chat)) return [];
  return wholeHistory(client, chat);
}

export async function shownTexts({ client }: Person, chat: ChatId): Promise<string[]> {
  return (await shownMessages(client, chat)).map(({ text }) => text);
}

export function waitForTexts(person: Person, chat: ChatId, ...texts: readonly string[]): Promise<true> {
  return until(person.client, async () => {
    const shown = await shownTexts(person, chat);
    return texts.every((text) => shown.includes(text)) || undefined;
  });
}

export async function view({ client }: Person, chat: ChatId): Promise<ConversationView> {
  const found = (await client.conversations()).find(({ id }) => id === chat);
  if (found === undefined) throw new Error("There is no such conversation.");
  return found;
}

/** The named problem of a conversation, once it is shown. Fails where it has no plain words. */
export async function problemOf(person: Person, chat: ChatId, code: string): Promise<ConversationView> {
  const shown = await until(person.client, async () => {
    const found = (await person.client.conversations()).find(({ id }) => id === chat);
    return found?.problem?.code === code && found;
  });
  assertPlain(shown.problem);
  return shown;
}

/** The message that shows this problem, once there is one. */
export async function messageWith(person: Person, chat: ChatId, ...codes: readonly string[]): Promise<MessageView> {
  const shown = await until(person.client, async () => {
    return (await shownMessages(person.client, chat)).find(({ problem }) => problem !== null && codes.includes(problem.code));
  });
  assertPlain(shown.problem);
  return shown;
}

export function assertPlain(problem: Problem | null): void {
  const isPlain = problem !== null && /^[A-Z].{15,}[.]$/.test(problem.message);
  if (!isPlain) throw new Error(`"${problem?.message}" is not a sentence for people (${problem?.code}).`);
}

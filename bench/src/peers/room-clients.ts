// Real clients of the SDK in a process of their own, so that its CPU time is theirs. Started by Children.startPeer; does
// one thing at a time, as it is told.
import { Database } from "bun:sqlite";
import type { Argon2id } from "@cychat/crypto";
import { type AccountId, type ConversationId, type MessageId, newMessageId } from "@cychat/protocol";
import { type ChatApi, type ChatClient, MemoryStore } from "@cychat/sdk";
import { createClient, SqliteStore } from "@cychat/sdk/bun";
import { type Figures, measured, meteredEnvironment } from "./meter.ts";

export type ClientRequest =
  | { readonly kind: "register"; readonly name: string; readonly url: string }
  /** Closes the client and opens it on what it has stored, as after a restart; waits for its connection. */
  | { readonly kind: "restart"; readonly name: string; readonly url: string }
  | { readonly kind: "close"; readonly name: string }
  | { readonly kind: "call"; readonly name: string; readonly method: keyof ChatApi; readonly given: readonly unknown[] }
  /**
   * The same, measured; with `until`, until the client is a member of this room and can read it. What follows within `restMs`
   * counts as CPU time.
   */
  | {
      readonly kind: "measure";
      readonly name: string;
      readonly method: keyof ChatApi;
      readonly given: readonly unknown[];
      readonly until: string | null;
      readonly restMs: number;
    }
  /** Until the client has this room, as a member who can read it. */
  | { readonly kind: "member"; readonly name: string; readonly room: string }
  /** Each of them says something every so often, until told to stop. */
  | { readonly kind: "write"; readonly names: readonly string[]; readonly room: ConversationId; readonly everyMs: number }
  | { readonly kind: "stop-writing" }
  | { readonly kind: "stored"; readonly name: string; readonly path: string };

export type ClientAnswer = { readonly result: unknown; readonly figures?: Figures } | { readonly refused: string };

/** Milliseconds from "send" to "the server has it", of each message. */
export type Waits = readonly number[];

const clients = new Map<string, { client: ChatClient; readonly store: MemoryStore }>();
const patienceMs = 60_000;

/** Argon2id is no part of what is measured here. */
const quickArgon2id: Argon2id = async (password, salt) =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array([...new TextEncoder().encode(password), 0, ...salt])));

function clientOf(name: string): ChatClient {
  const found = clients.get(name);
  if (found === undefined) throw new Error(`there is no client ${name}`);
  return found.client;
}

async function open(name: string, url: string, store: MemoryStore): Promise<ChatClient> {
  const environment = meteredEnvironment({ argon2id: quickArgon2id });
  const client = await createClient({ url, store, environment, report: (error) => console.error(error) });
  clients.set(name, { client, store });
  return client;
}

/** Resolves when `holds`, looked at now and after every event. */
async function until(client: ChatClient, what: string, holds: () => Promise<boolean>): Promise<void> {
  const done = Promise.withResolvers<void>();
  const look = () => void holds().then((yes) => yes && done.resolve(), done.reject);
  const stop = client.subscribe(look);
  const timer = setTimeout(() => done.reject(new Error(`waited in vain for ${what}`)), patienceMs);
  look();
  try {
    await done.promise;
  } finally {
    clearTimeout(timer);
    stop();
  }
}

const online = (client: ChatClient) =>
  until(client, "the connection", async () => (await client.connection()).status === "online");

function member(client: ChatClient, name: string): Promise<void> {
  return until(client, `the room ${name}`, async () => {
    const conversations = await client.conversations();
    return conversations.some(({ title, room }) => room?.standing === "member" && title === name);
  });
}

function callOn(client: ChatClient, method: keyof ChatApi, given: readonly unknown[]): Promise<unknown> {
  return (client[method] as (...given: unknown[]) => Promise<unknown>).apply(client, [...given]);
}

class Writer {
  readonly waits: number[] = [];
  readonly #client: ChatClient;
  readonly #room: ConversationId;
  readonly #open = new Map<MessageId, number>();
  readonly #unsubscribe: () => void;
  readonly #timer: ReturnType<typeof setInterval>;
  #count = 0;

  constructor(client: ChatClient, room: ConversationId, everyMs: number) {
    this.#client = client;
    this.#room = room;
    this.#unsubscribe = client.subscribe((event) => {
      if (event.type !== "messages") return;
      for (const { id, state } of event.messages) if (state !== "sending") this.#settle(id);
    });
    this.#timer = setInterval(() => void this.#say(), everyMs);
  }

  async #say(): Promise<void> {
    const id = newMessageId();
    this.#open.set(id, performance.now());
    this.#count += 1;
    await this.#client.sendText(this.#room, `message ${this.#count}`, { id });
  }

  #settle(id: MessageId): void {
    const startedAt = this.#open.get(id);
    if (startedAt === undefined) return;
    this.#open.delete(id);
    this.waits.push(performance.now() - startedAt);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const deadline = performance.now() + patienceMs;
    while (this.#open.size > 0 && performance.now() < deadline) await Bun.sleep(10);
    this.#unsubscribe();
    if (this.#open.size > 0) throw new Error(`${this.#open.size} messages were never taken`);
  }
}

let writers: Writer[] = [];

/** What stores on disk take for each table: sealed records and their keys. The browser's is sealed in the same way. */
async function storedBytes(store: MemoryStore, folder: string): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (const table of ["chains", "keyrings", "profiles", "people", "conversations", "history"]) {
    const path = `${folder}.${table}`;
    const onDisk = await SqliteStore.open(path);
    const records = await store.list(table);
    await onDisk.write(records.map(({ group, key, value }) => ({ kind: "put", place: { table, group, key }, value })));
    await onDisk.close();
    using database = new Database(path);
    const sum = "sum(length(box) + length(table_tag) + length(group_tag) + length(key_tag))";
    sizes[table] = database.query<{ bytes: number | null }, []>(`select ${sum} as bytes from records`).get()?.bytes ?? 0;
  }
  return sizes;
}

async function answer(request: ClientRequest): Promise<ClientAnswer> {
  switch (request.kind) {
    case "register": {
      const client = await open(request.name, request.url, new MemoryStore());
      const email = `${request.name}@bench.example`;
      await client.register({ nickname: request.name, email, password: `a password of ${request.name}` });
      await online(client);
      const session = await client.session();
      if (session.status !== "ready") throw new Error("the client is not ready");
      return { result: session.profile.id satisfies AccountId };
    }
    case "restart": {
      const found = clients.get(request.name);
      if (found === undefined) throw new Error("there is no such client");
      await found.client.close();
      await online(await open(request.name, request.url, found.store));
      return { result: null };
    }
    case "close":
      await clientOf(request.name).close();
      clients.delete(request.name);
      return { result: null };
    case "call":
      return { result: await callOn(clientOf(request.name), request.method, request.given) };
    case "measure": {
      const client = clientOf(request.name);
      return measured(async () => {
        const result = await callOn(client, request.method, request.given);
        if (request.until !== null) await member(client, request.until);
        return result;
      }, request.restMs);
    }
    case "member":
      await member(clientOf(request.name), request.room);
      return { result: null };
    case "write":
      writers = request.names.map((name) => new Writer(clientOf(name), request.room, request.everyMs));
      return { result: null };
    case "stop-writing": {
      const stopped = writers;
      writers = [];
      await Promise.all(stopped.map((writer) => writer.stop()));
      return { result: stopped.flatMap(({ waits }) => waits) satisfies Waits };
    }
    case "stored": {
      const found = clients.get(request.name);
      if (found === undefined) throw new Error("there is no such client");
      return { result: await storedBytes(found.store, request.path) };
    }
  }
}

process.on("message", (request: ClientRequest) => {
  void answer(request)
    .catch(
      (error: unknown): ClientAnswer => ({ refused: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }),
    )
    .then((reply) => process.send?.(reply));
});

process.send?.({ ready: true });

// The real server on a free port, with a clock that tests turn, a bus they listen to, and the password work counted.
import {
  type AccountId,
  apiBase,
  type ConversationId,
  type ServerFrame,
  type SessionId,
  type Tokens,
  type User,
} from "@cychat/protocol";
import type { PasswordGates } from "../auth/password.ts";
import { WorkGate } from "../auth/work-gate.ts";
import { directConversationId } from "../chats/member-states.ts";
import type { Config } from "../config.ts";
import type { Db } from "../database/engine.ts";
import type { MemberState } from "../database/schema.ts";
import { type BusMessage, createMemoryBus } from "../realtime/bus.ts";
import { startTestServer, type TestServer } from "./test-server.ts";
import { openSocket, type TestSocket } from "./test-socket.ts";

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every form
  readonly body: any;
  readonly headers: Headers;
}

export interface TestAccount {
  readonly id: AccountId;
  readonly email: string;
  readonly nickname: string;
  readonly token: string;
  readonly refreshToken: string;
  /** The authentication secret it was registered with. */
  readonly secret: string;
}

export class TestApi implements AsyncDisposable {
  nowMs = 1_795_000_000_000;
  readonly bus: BusMessage[] = [];
  /** Each piece of password work, by kind. */
  readonly work: string[] = [];
  #server!: TestServer;

  static async start(config: Partial<Config> = {}): Promise<TestApi> {
    const test = new TestApi();
    const bus = createMemoryBus();
    bus.subscribe((message) => test.bus.push(message));
    test.#server = await startTestServer({
      config: { rateLimitScale: 0, trustProxy: true, ...config },
      now: () => test.nowMs,
      bus,
      passwordGates: test.#gates(),
    });
    return test;
  }

  get db(): Db {
    return this.#server.core.db;
  }

  get config(): Config {
    return this.#server.core.config;
  }

  /** Every line the server logged. */
  get lines(): readonly string[] {
    return this.#server.logged;
  }

  #gates(): PasswordGates {
    const gate = (kind: string) => {
      const inner = new WorkGate({ maxRunning: 2, maxWaiting: 100 });
      const counting = Object.create(inner) as WorkGate;
      counting.run = (work) => {
        this.work.push(kind);
        return inner.run(work);
      };
      return counting;
    };
    return { verifiers: gate("verifier"), splits: gate("split") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  /** A socket that has been welcomed. */
  async connect(token: string): Promise<TestSocket> {
    const socket = openSocket(`${this.#server.url}${apiBase}/ws`, { authorization: `Bearer ${token}` });
    await socket.next("welcome");
    await socket.settled();
    return socket;
  }

  async call(
    method: string,
    path: string,
    options: { body?: unknown; token?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const { body, token, headers = {} } = options;
    const isRaw = body instanceof Uint8Array || body instanceof URLSearchParams;
    const init: RequestInit = {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined || isRaw ? {} : { "content-type": "application/json" }),
        ...headers,
      },
    };
    if (body !== undefined) init.body = isRaw ? (body as BodyInit) : JSON.stringify(body);
    const response = await fetch(this.#server.url + apiBase + path, init);
    const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false;
    return { status: response.status, body: isJson ? await response.json() : await response.bytes(), headers: response.headers };
  }

  get = (path: string, token?: string) => this.call("GET", path, token === undefined ? {} : { token });
  post = (path: string, body: unknown, token?: string) =>
    this.call("POST", path, token === undefined ? { body } : { body, token });
  put = (path: string, body: unknown, token?: string) => this.call("PUT", path, token === undefined ? { body } : { body, token });
  delete = (path: string, token?: string) => this.call("DELETE", path, token === undefined ? {} : { token });

  /** Registers as our clients do: with an authentication secret. */
  async account(name: string, more: Record<string, unknown> = {}): Promise<TestAccount> {
    const email = `${name.toLowerCase()}@example.org`;
    const secret = newPasswordSecret();
    const body = { nickname: name, email, password: secret, password_salt: newSalt(), ...more };
    const answer = await this.post("/auth/register", body);
    if (answer.status !== 201) throw new Error(`registering failed: ${answer.body.code}`);
    const { user, token } = answer.body as { user: User; token: Tokens };
    return { id: user.id, email, nickname: user.nickname, token: token.access_token, refreshToken: token.refresh_token, secret };
  }

  async login(account: TestAccount): Promise<Tokens> {
    const answer = await this.post("/auth/login", { email: account.email, password: account.secret });
    if (answer.status !== 200) throw new Error(`log-in failed: ${answer.body.code}`);
    return answer.body;
  }

  /** A direct conversation as the chats feature would have made it, without its records. */
  async conversation(
    a: { id: AccountId },
    b: { id: AccountId },
    [stateOfA, stateOfB]: readonly [MemberState, MemberState],
  ): Promise<ConversationId> {
    const id = directConversationId(a.id, b.id);
    const atMs = this.nowMs;
    const row = {
      id,
      kind: "direct" as const,
      created_at_ms: atMs,
      changed_at_ms: atMs,
      last_seq: 1,
      record_index: 0,
      record_hash: new Uint8Array(32),
      epoch: 1,
    };
    await this.db.insertInto("conversations").values(row).execute();
    const member = (account: AccountId, state: MemberState) => ({ conversation: id, account, role: "owner" as const, state });
    await this.db
      .insertInto("members")
      .values([member(a.id, stateOfA), member(b.id, stateOfB)])
      .execute();
    return id;
  }

  conversationId = (a: { id: AccountId }, b: { id: AccountId }): ConversationId => directConversationId(a.id, b.id);

  framesTo(account: AccountId): ServerFrame[] {
    return this.bus.flatMap((message) => (message.kind === "frame" && message.to.includes(account) ? [message.frame] : []));
  }

  revokedSessions(): SessionId[] {
    return this.bus.flatMap((message) => (message.kind === "session-revoked" ? [message.session] : []));
  }
}

export function newSalt(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toBase64({ alphabet: "base64url", omitPadding: true });
}

export function newPasswordSecret(): string {
  return `cychat-auth-v1.password.${newSalt()}`;
}

/** The session an access token belongs to. */
export function sessionOf(accessToken: string): SessionId {
  return JSON.parse(Buffer.from(accessToken.split(".")[1] ?? "", "base64url").toString()).sid;
}

// An account as its client would hold it. Its rows are written straight into the database: registration has its own tests.
import {
  type AccountId,
  apiBase,
  type ConversationId,
  type DeviceId,
  type EndpointAnswer,
  type EndpointInput,
  type EndpointSpec,
  type Entry,
  endpoints,
  fromBase64url,
  type SessionId,
  signedFromJson,
} from "@cychat/protocol";
import { AccessTokens } from "../auth/access-token.ts";
import type { RunningServer } from "../server.ts";
import { genesisOf, TestChat } from "./test-chat.ts";
import { hashOf, TestAccountKeys } from "./test-keys.ts";
import { openSocket, type TestSocket } from "./test-socket.ts";

export interface Answer<B> {
  readonly status: number;
  readonly body: B;
}

/** What a refused call answers. */
export interface RefusalAnswer {
  readonly status_code: number;
  readonly code: string;
  readonly message: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it looks for
  readonly details?: any;
}

export class TestAccount {
  constructor(
    readonly server: RunningServer,
    readonly id: AccountId,
    readonly name: string,
    readonly session: SessionId,
    readonly token: string,
    readonly keys: TestAccountKeys,
  ) {}

  get email(): string {
    return `${this.name}@example.org`;
  }

  get device(): DeviceId {
    return this.keys.deviceId;
  }

  /** Calls an endpoint; throws unless it succeeds. */
  async call<E extends EndpointSpec>(endpoint: E, input: EndpointInput<E>): Promise<EndpointAnswer<E>> {
    const { status, body } = await this.attempt(endpoint, input as Record<string, unknown>);
    if (status !== endpoint.status) throw new Error(`${endpoint.method} ${endpoint.path}: ${status} ${JSON.stringify(body)}`);
    return body as unknown as EndpointAnswer<E>;
  }

  /** Calls an endpoint with input that need not fit it. */
  async attempt(
    endpoint: EndpointSpec,
    input: { params?: unknown; query?: unknown; body?: unknown } = {},
  ): Promise<Answer<RefusalAnswer>> {
    const params = (input.params ?? {}) as Record<string, string>;
    const path = endpoint.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
    const query = new URLSearchParams(
      Object.entries((input.query ?? {}) as Record<string, string>).filter(([, value]) => value !== undefined),
    );
    const response = await fetch(`${this.server.url}${apiBase}${path}${query.size > 0 ? `?${query}` : ""}`, {
      method: endpoint.method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(input.body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
    });
    return { status: response.status, body: (await response.json()) as RefusalAnswer };
  }

  /** A socket that has been welcomed. */
  async connect(): Promise<TestSocket> {
    const socket = openSocket(`${this.server.url}${apiBase}/ws`, { authorization: `Bearer ${this.token}` });
    await socket.next("welcome");
    return socket;
  }

  /** Starts a direct chat: the genesis record, by REST. */
  async startChat(other: TestAccount): Promise<TestChat> {
    const chat = new TestChat(this, other);
    await this.call(endpoints.addRecord, { params: { id: chat.id }, body: genesisOf(chat, this) });
    return chat;
  }

  async entries(conversation: ConversationId, query: Record<string, string> = {}): Promise<Entry[]> {
    return (await this.call(endpoints.entries, { params: { id: conversation }, query })).entries;
  }
}

export async function makeAccount(server: RunningServer, name: string): Promise<TestAccount> {
  const { db, config } = server.core;
  const id = crypto.randomUUID() as AccountId;
  const session = crypto.randomUUID() as SessionId;
  const keys = new TestAccountKeys(id);
  const creation = keys.creation();
  const log = creation.log.map(signedFromJson);
  const nowMs = Date.now();
  await db.transaction().execute(async (trx) => {
    await trx
      .insertInto("accounts")
      .values({
        id,
        email: `${name}@example.org`,
        nickname: name,
        nickname_key: name,
        phone_number: null,
        user_role: "user",
        password_hash: "none",
        password_salt: new Uint8Array(32),
        picture_type: null,
        created_at_ms: nowMs,
        last_seen_ms: null,
      })
      .execute();
    await trx
      .insertInto("sessions")
      .values({
        id: session,
        account: id,
        device_name: "",
        device: keys.deviceId,
        created_at_ms: nowMs,
        last_seen_ms: nowMs,
        revoked_at_ms: null,
      })
      .execute();
    await trx
      .insertInto("account_keys")
      .values({
        account: id,
        wraps_payload: fromBase64url(creation.methods.wraps.payload),
        wraps_signature: fromBase64url(creation.methods.wraps.signature),
        wraps_version: 1,
        identity_box: fromBase64url(creation.identity_box),
        vault_version: 1,
        vault: fromBase64url(creation.vault.ciphertext),
        log_n: log.length - 1,
        log_hash: hashOf(log.at(-1)?.payload ?? new Uint8Array()),
        generation: keys.generation,
      })
      .execute();
    for (const [n, { payload, signature }] of log.entries())
      await trx.insertInto("account_log").values({ account: id, n, payload, signature }).execute();
    await trx
      .insertInto("devices")
      .values({ device: keys.deviceId, account: id, n: log.length - 1, public_key: keys.device.point, state: "active" })
      .execute();
  });
  const token = new AccessTokens(config.jwtSecret, 3_600_000).issue(id, session, nowMs);
  return new TestAccount(server, id, name, session, token, keys);
}

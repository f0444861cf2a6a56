// REST by endpoint descriptor: what goes in and what comes out is typed and checked by the protocol's own schemas.
import { apiBase, type EndpointAnswer, type EndpointInput, type EndpointSpec, endpoints } from "@cychat/protocol";
import { checked } from "../checked.ts";
import { ClientError, hasCode } from "../client-error.ts";
import type { Environment } from "../environment.ts";
import { type SignedOutReason, TokenKeeper, type TokenPair } from "./tokens.ts";

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  /** The raw body of an endpoint of `bodyType: "bytes"`. */
  readonly bytes?: Uint8Array<ArrayBuffer>;
  readonly contentType?: string;
}

export interface SendOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Blob | null;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

type CallArguments<E extends EndpointSpec> =
  unknown extends EndpointInput<E> ? [input?: CallOptions] : [input: EndpointInput<E> & CallOptions];

interface AnyInput extends CallOptions {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
}

const defaultTimeoutMs = 20_000;

export interface HttpHooks {
  saveTokens(tokens: TokenPair): Promise<void>;
  onSignedOut(reason: SignedOutReason): void;
}

export class Http {
  readonly tokens: TokenKeeper;
  readonly #base: string;
  readonly #environment: Environment;

  /** `url`: the server's address, e.g. `https://chat.example.org`; with or without a slash at the end. */
  constructor(url: string, environment: Environment, hooks: HttpHooks) {
    this.#base = url.replace(/\/+$/, "") + apiBase;
    this.#environment = environment;
    this.tokens = new TokenKeeper({
      clock: environment.clock,
      refresh: (refreshToken) => this.call(endpoints.refresh, { body: { refresh_token: refreshToken } }),
      save: hooks.saveTokens,
      onSignedOut: hooks.onSignedOut,
    });
  }

  /** Where people reach this server: for links to it. */
  get origin(): string {
    return new URL(this.#base).origin;
  }

  get socketUrl(): string {
    return `${this.#base.replace(/^http/, "ws")}/ws`;
  }

  /** @example const { user } = await http.call(endpoints.profile); */
  async call<E extends EndpointSpec>(endpoint: E, ...[input]: CallArguments<E>): Promise<EndpointAnswer<E>> {
    const response = await this.#answer(endpoint, (input ?? {}) as AnyInput);
    if (endpoint.response === undefined) return response.bytes as EndpointAnswer<E>;
    const answer = checked(endpoint.response, response.json());
    if (answer === undefined) throw new ClientError("unexpected-answer", undefined, { endpoint: endpoint.path });
    return answer as EndpointAnswer<E>;
  }

  /** For endpoints that answer with raw bytes: those, and their media type. */
  async callBytes<E extends EndpointSpec>(
    endpoint: E,
    ...[input]: CallArguments<E>
  ): Promise<{ bytes: Uint8Array<ArrayBuffer>; type: string }> {
    const { bytes, type } = await this.#answer(endpoint, (input ?? {}) as AnyInput);
    return { bytes, type };
  }

  /**
   * A request of another protocol below the API's address, by whoever is signed in: gives whatever status there is.
   * Throws offline, the signal's reason, and what renewing the token throws.
   */
  send(method: string, path: string, { headers = {}, body = null, ...options }: SendOptions = {}): Promise<RawAnswer> {
    return this.#withToken(async (token) => {
      options.signal?.throwIfAborted();
      const init = { method, headers: { ...headers, authorization: `Bearer ${token}` }, body };
      const answer = await this.#fetch(this.#base + path, init, options).catch((error: unknown) => {
        options.signal?.throwIfAborted();
        throw error;
      });
      if (answer.status !== 401) return answer;
      // The answer to HEAD has no body that could say more.
      throw answer.bytes.length === 0 ? new ClientError("token-expired") : refusalOf(answer.status, answer.bytes);
    });
  }

  /** Below which all addresses of the API are. */
  get base(): string {
    return this.#base;
  }

  #answer(endpoint: EndpointSpec, input: AnyInput): Promise<Answer> {
    if (!endpoint.auth) return this.#exchange(endpoint, input, null);
    return this.#withToken((token) => this.#exchange(endpoint, input, token));
  }

  /** Asks once more, with a new token, where the one that was used has ended. */
  async #withToken<T>(ask: (token: string) => Promise<T>): Promise<T> {
    const token = await this.tokens.accessToken();
    try {
      return await ask(token);
    } catch (error) {
      if (hasCode(error, "token-revoked")) this.tokens.signedOut("revoked");
      if (!hasCode(error, "token-expired", "token-invalid")) throw error;
      return ask(await this.tokens.renew(token));
    }
  }

  async #exchange(endpoint: EndpointSpec, input: AnyInput, token: string | null): Promise<Answer> {
    const init = { method: endpoint.method, headers: headersOf(endpoint, input, token), body: bodyOf(endpoint, input) };
    const { status, headers, bytes } = await this.#fetch(this.#url(endpoint, input), init, input);
    if (status < 200 || status > 299) throw refusalOf(status, bytes);
    return new Answer(bytes, headers.get("content-type") ?? "");
  }

  /** Throws offline, whatever the reason: the network, the time, the signal. */
  async #fetch(
    url: string,
    init: Pick<RequestInit, "method" | "headers" | "body">,
    { signal, timeoutMs = defaultTimeoutMs }: Pick<CallOptions, "signal" | "timeoutMs">,
  ): Promise<RawAnswer> {
    const { clock } = this.#environment;
    const controller = new AbortController();
    const abort = () => controller.abort();
    const timer = clock.setTimeout(abort, timeoutMs);
    signal?.addEventListener("abort", abort);
    if (signal?.aborted === true) abort();
    try {
      const options: RequestInit = { ...init, signal: controller.signal, credentials: "omit", cache: "no-store" };
      const response = await this.#environment.fetch(url, options);
      return { status: response.status, headers: response.headers, bytes: new Uint8Array(await response.arrayBuffer()) };
    } catch {
      throw new ClientError("offline");
    } finally {
      clock.clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  #url(endpoint: EndpointSpec, input: AnyInput): string {
    const path = endpoint.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(input.params?.[name] ?? ""));
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(input.query ?? {})) if (value !== undefined) query.set(name, value);
    return this.#base + path + (query.size > 0 ? `?${query}` : "");
  }
}

class Answer {
  constructor(
    readonly bytes: Uint8Array<ArrayBuffer>,
    readonly type: string,
  ) {}

  json(): unknown {
    return parseJson(this.bytes);
  }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function headersOf(endpoint: EndpointSpec, input: AnyInput, token: string | null): Record<string, string> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (token !== null) headers.authorization = `Bearer ${token}`;
  if (endpoint.bodyType === "bytes") headers["content-type"] = input.contentType ?? "application/octet-stream";
  else if (input.body !== undefined) headers["content-type"] = "application/json";
  return headers;
}

function bodyOf(endpoint: EndpointSpec, input: AnyInput): BodyInit | null {
  if (endpoint.bodyType === "bytes") return input.bytes ?? null;
  return input.body === undefined ? null : JSON.stringify(input.body);
}

/** An error page of something between us and the server carries no code: then the server is out of reach. */
export function refusalOf(status: number, bytes: Uint8Array): ClientError {
  const { code, message, details } = (parseJson(bytes) ?? {}) as { code?: unknown; message?: unknown; details?: unknown };
  if (typeof code === "string" && typeof message === "string") return new ClientError(code, message, details);
  return status >= 500 ? new ClientError("offline") : new ClientError("unexpected-answer", undefined, { status });
}

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
  readonly body?: Blob;
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
  async send(method: string, path: string, options: SendOptions = {}): Promise<RawAnswer> {
    const token = await this.tokens.accessToken();
    const answer = await this.#sendWith(token, method, path, options);
    if (answer.status !== 401) return answer;
    const refusal = refusalOf(answer.status, answer.bytes);
    if (hasCode(refusal, "token-revoked")) this.tokens.signedOut("revoked");
    if (!hasCode(refusal, "token-expired", "token-invalid")) throw refusal;
    return this.#sendWith(await this.tokens.renew(token), method, path, options);
  }

  async #sendWith(token: string, method: string, path: string, options: SendOptions): Promise<RawAnswer> {
    const { clock } = this.#environment;
    const controller = new AbortController();
    const abort = () => controller.abort();
    const timer = clock.setTimeout(abort, options.timeoutMs ?? defaultTimeoutMs);
    options.signal?.addEventListener("abort", abort);
    try {
      options.signal?.throwIfAborted();
      const response = await this.#environment.fetch(this.#base + path, {
        method,
        headers: { ...options.headers, authorization: `Bearer ${token}` },
        body: options.body ?? null,
        signal: controller.signal,
        credentials: "omit",
        cache: "no-store",
      });
      return { status: response.status, headers: response.headers, bytes: new Uint8Array(await response.arrayBuffer()) };
    } catch {
      options.signal?.throwIfAborted();
      throw new ClientError("offline");
    } finally {
      clock.clearTimeout(timer);
      options.signal?.removeEventListener("abort", abort);
    }
  }

  /** Below which all addresses of the API are. */
  get base(): string {
    return this.#base;
  }

  async #answer(endpoint: EndpointSpec, input: AnyInput): Promise<Answer> {
    if (!endpoint.auth) return this.#exchange(endpoint, input, null);
    const token = await this.tokens.accessToken();
    try {
      return await this.#exchange(endpoint, input, token);
    } catch (error) {
      if (hasCode(error, "token-revoked")) this.tokens.signedOut("revoked");
      if (!hasCode(error, "token-expired", "token-invalid")) throw error;
      return this.#exchange(endpoint, input, await this.tokens.renew(token));
    }
  }

  async #exchange(endpoint: EndpointSpec, input: AnyInput, token: string | null): Promise<Answer> {
    const { clock } = this.#environment;
    const controller = new AbortController();
    const abort = () => controller.abort();
    const timer = clock.setTimeout(abort, input.timeoutMs ?? defaultTimeoutMs);
    input.signal?.addEventListener("abort", abort);
    if (input.signal?.aborted === true) abort();
    try {
      const response = await this.#environment.fetch(this.#url(endpoint, input), {
        method: endpoint.method,
        headers: headersOf(endpoint, input, token),
        body: bodyOf(endpoint, input),
        signal: controller.signal,
        credentials: "omit",
        cache: "no-store",
      });
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (response.ok) return new Answer(bytes, response.headers.get("content-type") ?? "");
      throw refusalOf(response.status, bytes);
    } catch (error) {
      if (error instanceof ClientError) throw error;
      throw new ClientError("offline");
    } finally {
      clock.clearTimeout(timer);
      input.signal?.removeEventListener("abort", abort);
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

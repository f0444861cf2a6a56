// Registers endpoints by their descriptors: what a handler receives is validated and authenticated, what it throws
// becomes a refusal.
import { apiBase, type EndpointAnswer, type EndpointRequest, type EndpointSpec, ProtocolError } from "@cychat/protocol";
import { type Context, Hono } from "hono";
import * as v from "valibot";
import type { Log } from "../log.ts";
import { type RawBody, readBody } from "./body.ts";
import type { Principal, VerifyAccessToken } from "./principal.ts";
import { issuePaths, refusalResponse } from "./refusal.ts";

export interface ClientInfo {
  /** The address to limit rates by. Never logged. */
  readonly ip: string;
}

export type HandlerRequest<E extends EndpointSpec> = EndpointRequest<E> & {
  readonly principal: E["auth"] extends true ? Principal : null;
  readonly client: ClientInfo;
  readonly headers: Headers;
} & (E extends { bodyType: "bytes" } ? { readonly body: RawBody } : unknown);

/** Endpoints without a response schema answer with a `Response` of their own. */
export type HandlerAnswer<E extends EndpointSpec> = E extends { readonly response: NonNullable<EndpointSpec["response"]> }
  ? EndpointAnswer<E>
  : Response;

export type Handler<E extends EndpointSpec> = (request: HandlerRequest<E>) => Promise<HandlerAnswer<E>>;

export interface ApiOptions {
  readonly verifyAccessToken: VerifyAccessToken;
  readonly log: Log;
  readonly clientInfo: (request: Request) => ClientInfo;
  /** Checks answers against their schemas too: for tests. */
  readonly checkAnswers: boolean;
  readonly onAnswered?: (status: number) => void;
}

export class Api {
  readonly hono = new Hono();
  readonly #options: ApiOptions;
  readonly #methods = new Map<string, string[]>();

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  route<E extends EndpointSpec>(endpoint: E, handler: Handler<E>): void {
    const path = honoPath(endpoint.path);
    this.#methods.set(path, [...(this.#methods.get(path) ?? []), endpoint.method]);
    this.hono.on(endpoint.method, path, (context) => this.#answer(endpoint, handler, context));
  }

  /** For what speaks a protocol of its own: everything at `path`, and one segment below it. */
  mount(path: string, handler: (request: Request, principal: Principal) => Promise<Response>): void {
    const answer = ({ req: { raw } }: Context) =>
      this.#guard(path, async () => handler(raw, await this.#options.verifyAccessToken(bearerToken(raw))));
    this.hono.all(apiBase + path, answer);
    this.hono.all(`${apiBase}${path}/:id`, answer);
  }

  /** To be called once, after every route: other methods at known addresses, and unknown addresses. */
  finish(): void {
    for (const [path, methods] of this.#methods) {
      const refused = () => refusalResponse(new ProtocolError("method-not-allowed"), { allow: methods.join(", ") });
      this.hono.all(path, refused);
    }
    this.hono.all(`${apiBase}/*`, () => refusalResponse(new ProtocolError("not-found")));
  }

  #answer<E extends EndpointSpec>(endpoint: E, handler: Handler<E>, context: Context): Promise<Response> {
    return this.#guard(`${endpoint.method} ${endpoint.path}`, async () => {
      const request = (await this.#read(endpoint, context)) as HandlerRequest<E>;
      const answer = await handler(request);
      return answer instanceof Response ? answer : this.#json(endpoint, answer);
    });
  }

  /** What is thrown becomes a refusal. */
  async #guard(endpoint: string, answer: () => Promise<Response>): Promise<Response> {
    let response: Response;
    try {
      response = await answer();
    } catch (error) {
      response = refusalResponse(this.#refusal(error, endpoint));
    }
    this.#options.onAnswered?.(response.status);
    return response;
  }

  async #read(endpoint: EndpointSpec, { req }: Context): Promise<unknown> {
    const request = req.raw;
    const principal = endpoint.auth ? await this.#options.verifyAccessToken(bearerToken(request)) : null;
    const params = endpoint.params && check(endpoint.params, req.param(), "params");
    const query = endpoint.query && check(endpoint.query, req.query(), "query");
    const body = await readEndpointBody(endpoint, request);
    return { params, query, body, principal, client: this.#options.clientInfo(request), headers: request.headers };
  }

  #json(endpoint: EndpointSpec, answer: unknown): Response {
    if (this.#options.checkAnswers && endpoint.response) v.parse(endpoint.response, answer);
    return Response.json(answer, { status: endpoint.status, headers: { "cache-control": "no-store" } });
  }

  #refusal(error: unknown, endpoint: string): ProtocolError {
    if (error instanceof ProtocolError) return error;
    this.#options.log.error("request-failed", { endpoint, cause: error });
    return new ProtocolError("internal");
  }
}

export function bearerToken(request: Request): string {
  const match = /^Bearer +([\w.~+/=-]{1,4096})$/i.exec(request.headers.get("authorization") ?? "");
  if (!match?.[1]) throw new ProtocolError("not-authenticated");
  return match[1];
}

function honoPath(path: string): string {
  return apiBase + path.replaceAll(/\{(\w+)\}/g, ":$1");
}

async function readEndpointBody(endpoint: EndpointSpec, request: Request): Promise<unknown> {
  if (endpoint.bodyType === "bytes") return readBody(request, "bytes");
  if (!endpoint.body) return undefined;
  return check(endpoint.body, await readBody(request, endpoint.bodyType ?? "json", endpoint.maxBodyBytes), "body");
}

function check(schema: v.GenericSchema, input: unknown, where: "params" | "query" | "body"): unknown {
  const result = v.safeParse(schema, input);
  if (result.success) return result.output;
  // An id that cannot exist is answered like one that does not.
  if (where === "params") throw new ProtocolError("not-found");
  throw new ProtocolError("malformed-request", undefined, { where, issues: issuePaths(result.issues) });
}

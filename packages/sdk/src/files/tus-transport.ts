// What tus-js-client needs of this client: its requests go the way of all others, with our token and to our server only.
import { uploadsPath } from "@cychat/protocol";
import type { FileReader, HttpRequest, HttpResponse, HttpStack } from "tus-js-client";
import { ClientError } from "../client-error.ts";
import type { Http, RawAnswer } from "../transport/http.ts";
import type { ReadBlob } from "./growing-file.ts";

/** A piece of an upload on a slow line. */
const timeoutMs = 120_000;

export function tusStack(http: Http): HttpStack {
  return { getName: () => "CyChat", createRequest: (method, url) => new Request(http, method, url) };
}

class Request implements HttpRequest {
  readonly #headers: Record<string, string> = {};
  readonly #controller = new AbortController();

  constructor(
    readonly http: Http,
    readonly method: string,
    readonly url: string,
  ) {}

  getMethod = () => this.method;
  getURL = () => this.url;
  setHeader(name: string, value: string): void {
    this.#headers[name] = value;
  }
  getHeader = (name: string) => this.#headers[name];
  /** Pieces are small: what is told is what the server has. */
  setProgressHandler(): void {}
  getUnderlyingObject = () => null;

  async send(body: Blob | null | undefined): Promise<HttpResponse> {
    const { base } = this.http;
    // A server that sends an upload elsewhere is not followed: the token would go there, too.
    if (!`${this.url}/`.startsWith(`${base}${uploadsPath}/`)) throw new ClientError("unexpected-answer");
    const { signal } = this.#controller;
    const options = { headers: this.#headers, signal, timeoutMs, ...(body == null ? {} : { body }) };
    return new Response(await this.http.send(this.method, this.url.slice(base.length), options));
  }

  async abort(): Promise<void> {
    this.#controller.abort();
  }
}

class Response implements HttpResponse {
  constructor(readonly answer: RawAnswer) {}
  getStatus = () => this.answer.status;
  getHeader = (name: string) => this.answer.headers.get(name) ?? undefined;
  getBody = () => new TextDecoder().decode(this.answer.bytes);
  getUnderlyingObject = () => this.answer;
}

/** Reads a blob piece by piece, as it is asked for. */
export function tusReader(size: number, read: ReadBlob): FileReader {
  return {
    openFile: async () => ({
      size,
      slice: async (from, to) => {
        const end = Math.min(to, size);
        const value = await read(from, end);
        if (value.size < end - from) throw new ClientError("file-gone");
        return { value, done: end >= size };
      },
      close: () => {},
    }),
  };
}

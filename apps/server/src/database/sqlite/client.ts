// The main thread's end of the database thread. Transactions are exclusive: what is not part of the open one waits,
// in the order of arrival.
import { DatabaseError } from "../engine.ts";
import type { Answer, CallName, Calls, Request } from "./rpc.ts";

/** Names the holder of a transaction. */
export type Holder = object;

interface Waiting {
  readonly resolve: (output: never) => void;
  readonly reject: (error: Error) => void;
}

/** Envelopes change hands; everything else is small, or belongs to the caller. */
function transferred(input: unknown): Transferable[] {
  return typeof input === "object" && input !== null && "bytes" in input && input.bytes instanceof Uint8Array
    ? [input.bytes.buffer as ArrayBuffer]
    : [];
}

export class SqliteClient {
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url).href, { name: "database" });
  readonly #waiting = new Map<number, Waiting>();
  readonly #gated: (() => void)[] = [];
  #holder: Holder | null = null;
  #lastId = 0;
  #failure: Error | null = null;

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#answered(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new DatabaseError(`the database thread failed: ${event.message}`, "other"));
    };
  }

  /** Runs a call; outside a transaction (`holder` null) it waits until none is open. */
  call<N extends CallName>(call: N, input: Calls[N][0], holder: Holder | null = null): Promise<Calls[N][1]> {
    return new Promise((resolve, reject) => {
      const post = () => this.#post(call, input, { resolve, reject });
      if (this.#holder === null || this.#holder === holder) post();
      else this.#gated.push(post);
    });
  }

  /** Waits for its turn and opens a transaction that `holder` has to {@link release}. */
  begin(holder: Holder): Promise<void> {
    return new Promise((resolve, reject) => {
      const take = () => {
        this.#holder = holder;
        const refused = (error: Error) => {
          this.release(holder);
          reject(error);
        };
        this.#post("query", { sql: "begin immediate", parameters: [] }, { resolve: () => resolve(), reject: refused });
      };
      if (this.#holder === null) take();
      else this.#gated.push(take);
    });
  }

  holds(holder: Holder): boolean {
    return this.#holder === holder;
  }

  release(holder: Holder): void {
    if (this.#holder !== holder) return;
    this.#holder = null;
    while (this.#holder === null) {
      const next = this.#gated.shift();
      if (next === undefined) return;
      next();
    }
  }

  async close(): Promise<void> {
    await this.call("close", null);
    this.#fail(new DatabaseError("the database is closed", "other"));
    this.#worker.terminate();
  }

  #post<N extends CallName>(call: N, input: Calls[N][0], waiting: Waiting): void {
    if (this.#failure) {
      waiting.reject(this.#failure);
      return;
    }
    this.#lastId += 1;
    this.#waiting.set(this.#lastId, waiting);
    const request: Request<N> = { id: this.#lastId, call, nowMs: Date.now(), input };
    this.#worker.postMessage(request, transferred(input));
  }

  #answered(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ("error" in answer) waiting?.reject(new DatabaseError(answer.error.message, answer.error.kind));
    else waiting?.resolve(answer.output as never);
  }

  #fail(error: Error): void {
    this.#failure = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

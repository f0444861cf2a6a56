// Processes with real clients in them, told what to do from here.
import type { AccountId, ConversationId } from "@cychat/protocol";
import type { ChatApi } from "@cychat/sdk";
import { CannotMeasure } from "../measure.ts";
import type { Figures } from "../peers/meter.ts";
import type { ClientAnswer, ClientRequest, Waits } from "../peers/room-clients.ts";
import type { Children } from "../processes/children.ts";

const file = new URL("../peers/room-clients.ts", import.meta.url);

type Given<M extends keyof ChatApi> = Parameters<ChatApi[M]>;
type Result<M extends keyof ChatApi> = Awaited<ReturnType<ChatApi[M]>>;

interface MeasureOptions {
  /** Goes on until the client is a member of the room of this name and can read it. */
  readonly until?: string;
  /** How long what follows in the background counts as CPU time; nothing, if left out. */
  readonly restMs?: number;
}

export class Actors {
  readonly #ask: (request: ClientRequest) => Promise<ClientAnswer>;
  readonly #children: Children;
  readonly #url: string;

  private constructor(children: Children, url: string, ask: (request: ClientRequest) => Promise<ClientAnswer>) {
    this.#children = children;
    this.#url = url;
    this.#ask = ask;
  }

  static async start(children: Children, url: string): Promise<Actors> {
    const { child, next } = await children.startPeer(file, null);
    return new Actors(children, url, async (request) => {
      child.send(request);
      return (await next()) as ClientAnswer;
    });
  }

  async register(name: string): Promise<AccountId> {
    return (await this.#answer({ kind: "register", name, url: this.#url })).result as AccountId;
  }

  async restart(name: string): Promise<void> {
    await this.#answer({ kind: "restart", name, url: this.#url });
  }

  async close(name: string): Promise<void> {
    await this.#answer({ kind: "close", name });
  }

  async call<M extends keyof ChatApi>(name: string, method: M, ...given: Given<M>): Promise<Result<M>> {
    return (await this.#answer({ kind: "call", name, method, given })).result as Result<M>;
  }

  async measure<M extends keyof ChatApi>(
    name: string,
    { until, restMs = 0 }: MeasureOptions,
    method: M,
    ...given: Given<M>
  ): Promise<{ readonly result: Result<M>; readonly figures: Figures }> {
    const { result, figures } = await this.#answer({ kind: "measure", name, method, given, until: until ?? null, restMs });
    if (figures === undefined) throw new CannotMeasure("a client did not measure");
    return { result: result as Result<M>, figures };
  }

  async member(name: string, room: string): Promise<void> {
    await this.#answer({ kind: "member", name, room });
  }

  async write(names: readonly string[], room: ConversationId, everyMs: number): Promise<void> {
    await this.#answer({ kind: "write", names, room, everyMs });
  }

  /** Milliseconds that each message of the writers took from "send" to "the server has it". */
  async stopWriting(): Promise<Waits> {
    return (await this.#answer({ kind: "stop-writing" })).result as Waits;
  }

  /** Bytes that the client's store takes on disk, table by table. */
  async stored(name: string): Promise<Readonly<Record<string, number>>> {
    const path = this.#children.newPath(name);
    return (await this.#answer({ kind: "stored", name, path })).result as Record<string, number>;
  }

  async #answer(request: ClientRequest) {
    const answer = await this.#ask(request);
    if ("refused" in answer) throw new CannotMeasure(`${request.kind}: ${answer.refused}`);
    return answer;
  }
}

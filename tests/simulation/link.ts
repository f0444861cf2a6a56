// The way between one client and the server, in all weathers.
import type { Clock, Fetch, WebSocketLike } from "@cychat/sdk";
import { type Life, never } from "./life.ts";
import type { Traffic } from "./traffic.ts";

/** Probabilities. */
export interface Weather {
  readonly lostRequest: number;
  readonly lostAnswer: number;
  readonly slowAnswer: number;
  readonly lostFrame: number;
  readonly doubledFrame: number;
  readonly slowFrame: number;
}

export const fair: Weather = { lostRequest: 0, lostAnswer: 0, slowAnswer: 0, lostFrame: 0, doubledFrame: 0, slowFrame: 0 };

/** Frames that are only hints. A lost answer to our own frame is told by a dead connection alone, as TCP does. */
const hints = ["entry", "erased", "receipt", "typing", "presence", "changed"];
const slowestMs = 4_000;

export interface LinkOptions {
  readonly clock: Clock;
  readonly life: Life;
  readonly traffic: Traffic;
  readonly random: () => number;
  /** Where the server answers right now; null while it is down. */
  serverUrl(): string | null;
  weather(): Weather;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #sockets = new Set<SimulatedSocket>();
  readonly #listeners = new Set<() => void>();
  #isUp = true;

  constructor(options: LinkOptions) {
    this.#options = options;
    void options.life.end.then(() => {
      for (const socket of this.#sockets) socket.abandon();
    });
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** `silently`: nobody is told; the client finds out when its ping is not answered. */
  cut(silently = false): void {
    this.#isUp = false;
    for (const socket of this.#sockets) {
      if (silently) socket.silence();
      else socket.lose();
    }
  }

  restore(): void {
    this.#isUp = true;
    for (const socket of this.#sockets) socket.lose();
    for (const listener of this.#listeners) listener();
  }

  readonly onOnline = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly fetch: Fetch = (url, init) => this.#options.life.run(() => this.#exchange(url, init));

  async #exchange(url: string, init: RequestInit): Promise<Response> {
    const { clock, life, traffic, random } = this.#options;
    const { lostRequest, lostAnswer, slowAnswer } = this.#options.weather();
    const server = this.#options.serverUrl();
    const isLost = random() < lostRequest;
    if (!this.#isUp || server === null || isLost) throw new TypeError("The request was lost.");
    const isAnswerLost = random() < lostAnswer;
    const delayMs = random() < slowAnswer ? random() * slowestMs : 0;
    const end = traffic.begin();
    let answer: Response;
    try {
      const response = await fetch(server + new URL(url).pathname + new URL(url).search, { ...init, keepalive: false });
      answer = new Response(await response.arrayBuffer(), { status: response.status, headers: response.headers });
    } finally {
      end();
    }
    if (life.isOver) return never;
    if (delayMs > 0) await new Promise<void>((resolve) => clock.setTimeout(resolve, delayMs));
    if (!this.#isUp || isAnswerLost || init.signal?.aborted === true) throw new TypeError("The answer was lost.");
    return answer;
  }

  readonly openSocket = (url: string): WebSocketLike => {
    const server = this.#options.serverUrl();
    if (!this.#isUp || server === null || this.#options.life.isOver) throw new TypeError("There is no network.");
    const socket = new SimulatedSocket(server.replace(/^http/, "ws") + new URL(url).pathname, this.#options, () =>
      this.#sockets.delete(socket),
    );
    this.#sockets.add(socket);
    return socket;
  };
}

type Frame = { readonly type: string; readonly conversation?: string };

class SimulatedSocket implements WebSocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly #real: WebSocket;
  /** What the server owes an answer to. */
  readonly #owed = new Map<string, () => void>();
  #isSilent = false;
  #isOver = false;

  constructor(
    url: string,
    readonly options: LinkOptions,
    readonly onEnd: () => void,
  ) {
    this.#real = new WebSocket(url);
    this.#owe("open");
    this.#real.onopen = () => {
      this.#settle("open");
      if (!this.#isSilent && !this.#isOver) this.onopen?.({} as never);
    };
    this.#real.onmessage = ({ data }) => this.#receive(String(data));
    this.#real.onclose = ({ code }) => this.#end(code);
  }

  send(text: string): void {
    this.options.life.act(() => {
      if (this.#isSilent || this.#isOver || this.#real.readyState !== WebSocket.OPEN) return;
      const { type, conversation } = JSON.parse(text) as Frame;
      if (type === "send") this.#owe(`send ${conversation}`);
      else if (type === "hello" || type === "ping") this.#owe(type);
      this.#real.send(text);
    });
  }

  close(code?: number): void {
    this.#end(code ?? 1000);
    this.#real.close();
  }

  /** The connection breaks, and both sides hear of it. */
  lose(): void {
    this.#real.close();
    this.#end(1006);
  }

  /** From now on nothing comes through, and nobody says so. */
  silence(): void {
    this.#isSilent = true;
    this.#settleAll();
  }

  /** The process is gone: the operating system closes the connection. */
  abandon(): void {
    this.onopen = this.onmessage = this.onclose = this.onerror = null;
    this.lose();
  }

  #receive(text: string): void {
    const { clock, traffic, random } = this.options;
    if (this.#isSilent || this.#isOver) return;
    const frame = JSON.parse(text) as Frame;
    const { lostFrame, doubledFrame, slowFrame } = this.options.weather();
    if (frame.type === "welcome") this.#settle("hello");
    else if (frame.type === "pong") this.#settle("ping");
    else if (frame.type === "ack") this.#settle(`send ${frame.conversation}`);
    else if (frame.type === "refused") this.#settleAll();
    if (hints.includes(frame.type) && random() < lostFrame) return;
    const deliver = () => {
      if (this.#isSilent || this.#isOver) return;
      this.onmessage?.({ data: text });
      traffic.happen();
    };
    if (frame.type !== "welcome" && random() < slowFrame) clock.setTimeout(deliver, random() * slowestMs);
    else deliver();
    if (random() < doubledFrame) clock.setTimeout(deliver, random() * slowestMs);
  }

  #end(code: number): void {
    this.#settleAll();
    if (this.#isOver) return;
    this.#isOver = true;
    this.onEnd();
    if (!this.#isSilent) this.onclose?.({ code });
    this.options.traffic.happen();
  }

  #owe(what: string): void {
    if (!this.#owed.has(what)) this.#owed.set(what, this.options.traffic.begin());
  }

  #settleAll(): void {
    for (const what of [...this.#owed.keys()]) this.#settle(what);
  }

  #settle(what: string): void {
    this.#owed.get(what)?.();
    this.#owed.delete(what);
  }
}

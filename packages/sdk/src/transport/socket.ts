// The one socket of a client: authenticates, stays alive, comes back. What travels on it is checked on arrival.
import { type ClientFrame, closeCodes, heartbeat, ServerFrame } from "@cychat/protocol";
import { checked } from "../checked.ts";
import { hasCode } from "../client-error.ts";
import type { Environment, WebSocketLike } from "../environment.ts";
import { Backoff } from "./backoff.ts";
import type { TokenKeeper } from "./tokens.ts";

export type SocketState =
  | { readonly status: "stopped" }
  | { readonly status: "connecting" }
  | { readonly status: "online" }
  | { readonly status: "waiting"; readonly retryAtMs: number };

type Welcome = Extract<ServerFrame, { type: "welcome" }>;

export interface SocketEvents {
  onState(state: SocketState): void;
  /** Every frame but `welcome`, `pong` and `bye`. */
  onFrame(frame: ServerFrame): void;
  onWelcome(welcome: Welcome): void;
  /** The server's clock, seen just now. */
  onServerTime(atMs: number): void;
}

/** No `welcome` or `pong` for this long: the connection is dead, whatever TCP says. */
const answerTimeoutMs = 12_000;

export class Socket {
  #state: SocketState = { status: "stopped" };
  #socket: WebSocketLike | null = null;
  #retryTimer: unknown = null;
  #pingTimer: unknown = null;
  #deadTimer: unknown = null;
  /** Grows with every attempt, so that events of an abandoned socket are told apart. */
  #attempt = 0;
  #token = "";
  #byeDelayMs: number | null = null;
  readonly #backoff: Backoff;
  readonly #stopListening: () => void;

  constructor(
    readonly url: string,
    readonly environment: Environment,
    readonly tokens: TokenKeeper,
    readonly events: SocketEvents,
  ) {
    this.#backoff = new Backoff(environment.random);
    this.#stopListening = environment.onOnline(() => this.wake());
  }

  get state(): SocketState {
    return this.#state;
  }

  start(): void {
    if (this.#state.status === "stopped") void this.#connect();
  }

  /** The network is back, or the screen is looked at again: tries at once, or finds out whether it is still connected. */
  wake(): void {
    if (this.#state.status === "waiting") void this.#connect();
    else if (this.#state.status === "online") this.#ping();
  }

  stop(): void {
    this.#stopListening();
    this.#drop();
    this.#become({ status: "stopped" });
  }

  /** False when there is no connection; the frame is not kept. */
  send(frame: ClientFrame): boolean {
    if (this.#state.status !== "online" || this.#socket === null) return false;
    this.#write(frame);
    return true;
  }

  async #connect(): Promise<void> {
    this.#drop();
    const attempt = this.#attempt;
    this.#become({ status: "connecting" });
    let token: string;
    try {
      token = await this.tokens.accessToken();
    } catch {
      if (attempt === this.#attempt) this.#retry();
      return;
    }
    if (attempt !== this.#attempt) return;
    this.#token = token;
    this.#byeDelayMs = null;
    let socket: WebSocketLike;
    try {
      socket = this.environment.openSocket(this.url);
    } catch {
      this.#retry();
      return;
    }
    this.#socket = socket;
    socket.onopen = () => {
      if (attempt === this.#attempt) this.#write({ type: "hello", token });
    };
    socket.onmessage = (event) => {
      if (attempt === this.#attempt) this.#receive(event.data);
    };
    socket.onclose = (event) => {
      if (attempt === this.#attempt) this.#closed(event.code);
    };
    socket.onerror = () => {};
    this.#expectAnswer();
  }

  #receive(data: unknown): void {
    this.#clearTimer("dead");
    const frame = checked(ServerFrame, typeof data === "string" ? jsonOrUndefined(data) : undefined);
    // A frame of some newer server, or a broken one: nothing is lost, since reading by cursor repairs what it said.
    if (frame === undefined) return;
    if (frame.type === "welcome") {
      this.#backoff.reset();
      this.events.onServerTime(frame.at_ms);
      this.#become({ status: "online" });
      this.events.onWelcome(frame);
    } else if (frame.type === "pong") this.events.onServerTime(frame.at_ms);
    else if (frame.type === "bye") this.#byeDelayMs = frame.retry_after_ms;
    else this.events.onFrame(frame);
  }

  #closed(code: number): void {
    const token = this.#token;
    this.#drop();
    if (code === closeCodes.sessionRevoked) {
      this.#become({ status: "stopped" });
      this.tokens.signedOut("revoked");
      return;
    }
    this.#retry();
    if (code === closeCodes.notAuthenticated) {
      // The token had ended: a new one, and then at once (not at the first refusal of a fresh one, though).
      this.tokens.renew(token).then(
        () => {
          if (this.#backoff.attempts <= 1) this.wake();
        },
        (error: unknown) => {
          if (hasCode(error, "signed-out")) this.#become({ status: "stopped" });
        },
      );
    }
  }

  #retry(): void {
    if (!this.tokens.present) {
      this.#become({ status: "stopped" });
      return;
    }
    const delayMs = this.#backoff.nextDelayMs() + (this.#byeDelayMs ?? 0);
    this.#byeDelayMs = null;
    this.#retryTimer = this.environment.clock.setTimeout(() => void this.#connect(), delayMs);
    this.#become({ status: "waiting", retryAtMs: this.environment.clock.now() + delayMs });
  }

  #write(frame: ClientFrame): void {
    try {
      this.#socket?.send(JSON.stringify(frame));
    } catch {
      // A socket that is closing throws; its close event follows.
      return;
    }
    this.#clearTimer("ping");
    this.#pingTimer = this.environment.clock.setTimeout(() => this.#ping(), heartbeat.clientPingMs);
  }

  #ping(): void {
    this.#write({ type: "ping" });
    this.#expectAnswer();
  }

  #expectAnswer(): void {
    this.#clearTimer("dead");
    this.#deadTimer = this.environment.clock.setTimeout(() => {
      this.#drop();
      this.#retry();
    }, answerTimeoutMs);
  }

  /** Leaves the present socket, if any; its late events no longer count. */
  #drop(): void {
    this.#attempt += 1;
    this.#clearTimer("retry");
    this.#clearTimer("ping");
    this.#clearTimer("dead");
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    try {
      socket.close();
    } catch {
      // Some sockets refuse to be closed while they open.
    }
  }

  #clearTimer(which: "retry" | "ping" | "dead"): void {
    const { clock } = this.environment;
    if (which === "retry" && this.#retryTimer !== null) {
      clock.clearTimeout(this.#retryTimer);
      this.#retryTimer = null;
    }
    if (which === "ping" && this.#pingTimer !== null) {
      clock.clearTimeout(this.#pingTimer);
      this.#pingTimer = null;
    }
    if (which === "dead" && this.#deadTimer !== null) {
      clock.clearTimeout(this.#deadTimer);
      this.#deadTimer = null;
    }
  }

  #become(state: SocketState): void {
    if (state.status === "stopped" && this.#state.status === "stopped") return;
    this.#state = state;
    this.events.onState(state);
  }
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

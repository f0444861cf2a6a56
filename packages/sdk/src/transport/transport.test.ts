// HTTP and socket against a small real peer that answers as it is told.
import { afterEach, describe, expect, test } from "bun:test";
import { endpoints } from "@cychat/protocol";
import type { Server, ServerWebSocket } from "bun";
import { ClientError } from "../client-error.ts";
import { type Clock, environment, systemClock } from "../environment.ts";
import { Backoff } from "./backoff.ts";
import { Http } from "./http.ts";
import { Socket, type SocketState } from "./socket.ts";
import type { TokenPair } from "./tokens.ts";

const account = "0e4bb9c5-33a5-4d6c-9f1b-2f1f5a1c2d3e";
const user = {
  id: account,
  nickname: "Ada",
  email: "ada@example.org",
  phone_number: null,
  user_role: "user",
  chat_status: "online",
  picture_version: 0,
  has_keys: true,
  created_at_ms: 1,
};

type Answer = (request: Request, path: string) => Response | Promise<Response>;

class Peer {
  readonly asked: string[] = [];
  readonly frames: unknown[] = [];
  readonly opened: ServerWebSocket<unknown>[] = [];
  answer: Answer = () => Response.json({ user, status_code: 200, message: "" });
  onFrame: (socket: ServerWebSocket<unknown>, frame: Record<string, unknown>) => void = (socket, frame) => {
    if (frame.type === "hello") socket.send(JSON.stringify({ type: "welcome", account, device: null, at_ms: 5_000_000 }));
    if (frame.type === "ping") socket.send(JSON.stringify({ type: "pong", at_ms: 6_000_000 }));
  };
  readonly server: Server<unknown>;
  constructor() {
    this.server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request, server) => {
        const path = new URL(request.url).pathname.replace("/api/v1", "");
        this.asked.push(`${request.method} ${path} ${request.headers.get("authorization") ?? "-"}`);
        if (path === "/ws") return server.upgrade(request, { data: undefined }) ? undefined : new Response(null, { status: 400 });
        return this.answer(request, path);
      },
      websocket: {
        open: (socket) => void this.opened.push(socket),
        message: (socket, text) => {
          const frame = JSON.parse(String(text)) as Record<string, unknown>;
          this.frames.push(frame);
          this.onFrame(socket, frame);
        },
      },
    });
  }
  get url(): string {
    return `http://127.0.0.1:${this.server.port}/`;
  }
}

const peers: Peer[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.stop();
  for (const peer of peers.splice(0)) await peer.server.stop(true);
});

function peer(): Peer {
  const made = new Peer();
  peers.push(made);
  return made;
}

function client(url: string, clock: Clock = systemClock) {
  const saved: TokenPair[] = [];
  const signedOut: string[] = [];
  const world = environment({ clock, random: () => 0.5 });
  const http = new Http(url, world, {
    saveTokens: async (tokens) => void saved.push(tokens),
    onSignedOut: (reason) => void signedOut.push(reason),
  });
  http.tokens.set({ accessToken: "first", refreshToken: "refresh-1", expiresAtMs: clock.now() + 900_000 });
  return { http, saved, signedOut, world };
}

const refusal = (code: string, status: number) => Response.json({ status_code: status, code, message: code }, { status });
const renewed = () =>
  Response.json({ access_token: "second", token_type: "bearer", refresh_token: "refresh-2", expires_in: 900 });

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ClientError);
  return (error as ClientError).code;
}

describe("http", () => {
  test("an ended access token is renewed once for all who ask, and kept before it is used", async () => {
    const made = peer();
    made.answer = (request, path) => {
      if (path === "/auth/refresh") return renewed();
      const isOld = request.headers.get("authorization") === "Bearer first";
      return isOld ? refusal("token-expired", 401) : Response.json({ user, status_code: 200, message: "" });
    };
    const { http, saved } = client(made.url);
    const answers = await Promise.all([1, 2, 3].map(() => http.call(endpoints.profile)));
    expect(answers.map((answer) => answer.user.nickname)).toEqual(["Ada", "Ada", "Ada"]);
    expect(made.asked.filter((line) => line.includes("/auth/refresh"))).toHaveLength(1);
    expect(saved.map((tokens) => tokens.refreshToken)).toEqual(["refresh-2"]);
  });

  test("a token that is about to end is renewed before it is used", async () => {
    const made = peer();
    made.answer = (_request, path) =>
      path === "/auth/refresh" ? renewed() : Response.json({ user, status_code: 200, message: "" });
    const { http } = client(made.url);
    http.tokens.set({ accessToken: "first", refreshToken: "refresh-1", expiresAtMs: Date.now() + 1000 });
    await http.call(endpoints.profile);
    expect(made.asked).toEqual(["POST /auth/refresh -", "GET /user/profile Bearer second"]);
  });

  for (const [code, reason] of [
    ["token-revoked", "revoked"],
    ["refresh-token-reused", "revoked"],
    ["token-invalid", "expired"],
    ["token-expired", "expired"],
  ] as const) {
    test(`a refresh that is refused with ${code} signs out (${reason})`, async () => {
      const made = peer();
      made.answer = (_request, path) => refusal(path === "/auth/refresh" ? code : "token-expired", 401);
      const { http, signedOut } = client(made.url);
      expect(await codeOf(http.call(endpoints.profile))).toBe(code);
      expect(signedOut).toEqual([reason]);
      expect(await codeOf(http.call(endpoints.profile))).toBe("signed-out");
    });
  }

  test("a network that fails does not sign out", async () => {
    const made = peer();
    const { http, signedOut } = client(made.url);
    await made.server.stop(true);
    expect(await codeOf(http.call(endpoints.profile))).toBe("offline");
    expect(signedOut).toEqual([]);
    expect(http.tokens.present).toBe(true);
  });

  test("an error page of something in between is `offline`, not an answer", async () => {
    const made = peer();
    made.answer = () => new Response("<h1>Bad gateway</h1>", { status: 502 });
    expect(await codeOf(client(made.url).http.call(endpoints.profile))).toBe("offline");
  });

  test("an answer that does not fit its schema is refused", async () => {
    const made = peer();
    made.answer = () => Response.json({ user: { ...user, id: 7 } });
    expect(await codeOf(client(made.url).http.call(endpoints.profile))).toBe("unexpected-answer");
  });

  test("a refusal carries code, message and details", async () => {
    const made = peer();
    made.answer = () =>
      Response.json({ status_code: 409, code: "version-conflict", message: "later", details: { version: 3 } }, { status: 409 });
    const error = await client(made.url)
      .http.call(endpoints.profile)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "version-conflict", message: "later", details: { version: 3 } });
  });

  test("a call that takes too long, or is aborted, ends as `offline`", async () => {
    const made = peer();
    made.answer = () => new Promise(() => {});
    const { http } = client(made.url);
    expect(await codeOf(http.call(endpoints.profile, { timeoutMs: 20 }))).toBe("offline");
    expect(await codeOf(http.call(endpoints.profile, { signal: AbortSignal.abort() }))).toBe("offline");
  });
});

/** Time that stands still until it is moved; timers fire as it passes them. */
class ManualClock implements Clock {
  #nowMs = 1_000_000;
  readonly #timers = new Map<number, { atMs: number; callback: () => void }>();
  #next = 1;
  now = () => this.#nowMs;
  setTimeout = (callback: () => void, ms: number) => {
    this.#timers.set(this.#next, { atMs: this.#nowMs + ms, callback });
    return this.#next++;
  };
  clearTimeout = (handle: unknown) => void this.#timers.delete(handle as number);
  advance(ms: number): void {
    this.#nowMs += ms;
    for (const [id, timer] of [...this.#timers]) {
      if (timer.atMs > this.#nowMs || !this.#timers.delete(id)) continue;
      timer.callback();
    }
  }
}

interface Watched {
  readonly socket: Socket;
  readonly states: SocketState[];
  readonly serverTimes: number[];
  readonly frames: unknown[];
  readonly signedOut: string[];
  readonly online: () => void;
  until(condition: () => boolean): Promise<void>;
}

function watch(made: Peer, clock: Clock = new ManualClock()): Watched {
  const { http, world, signedOut } = client(made.url, clock);
  const states: SocketState[] = [];
  const serverTimes: number[] = [];
  const frames: unknown[] = [];
  const waiting: (() => void)[] = [];
  const changed = () => {
    for (const look of [...waiting]) look();
  };
  let online = () => {};
  const onOnline = (listener: () => void) => {
    online = listener;
    return () => {};
  };
  const keep =
    <T>(list: T[]) =>
    (item: T) => {
      list.push(item);
      changed();
    };
  const socket = new Socket(http.socketUrl, { ...world, onOnline }, http.tokens, {
    onState: keep(states),
    onFrame: keep(frames),
    onWelcome: () => {},
    onServerTime: keep(serverTimes),
  });
  sockets.push(socket);
  const until = (condition: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!condition()) return;
        waiting.splice(waiting.indexOf(look), 1);
        resolve();
      };
      waiting.push(look);
      look();
    });
  return { socket, states, serverTimes, frames, signedOut, online: () => online(), until };
}

describe("socket", () => {
  test("says hello with its token, and is online once it is welcomed", async () => {
    const made = peer();
    const { socket, states, serverTimes, until } = watch(made);
    socket.start();
    await until(() => states.at(-1)?.status === "online");
    expect(made.frames).toEqual([{ type: "hello", token: "first" }]);
    expect(states.map((state) => state.status)).toEqual(["connecting", "online"]);
    expect(serverTimes).toEqual([5_000_000]);
  });

  test("sends nothing before it is welcomed", async () => {
    const made = peer();
    const { socket } = watch(made);
    expect(socket.send({ type: "ping" })).toBe(false);
  });

  test("pings when it has been silent, and learns the server's time", async () => {
    const made = peer();
    const clock = new ManualClock();
    const { socket, states, serverTimes, until } = watch(made, clock);
    socket.start();
    await until(() => states.at(-1)?.status === "online");
    clock.advance(25_000);
    await until(() => serverTimes.length === 2);
    expect(serverTimes[1]).toBe(6_000_000);
  });

  test("a server that does not answer a ping is left, and tried again with full jitter", async () => {
    const made = peer();
    const clock = new ManualClock();
    const { socket, states, until } = watch(made, clock);
    socket.start();
    await until(() => states.at(-1)?.status === "online");
    made.onFrame = () => {};
    clock.advance(25_000);
    clock.advance(12_000);
    await until(() => states.at(-1)?.status === "waiting");
    expect(states.at(-1)).toEqual({ status: "waiting", retryAtMs: clock.now() + 250 });
    clock.advance(250);
    await until(() => states.at(-1)?.status === "connecting");
  });

  test("the network coming back ends the waiting at once", async () => {
    const made = peer();
    const { socket, states, online, until } = watch(made);
    socket.start();
    await until(() => states.at(-1)?.status === "online");
    made.opened.at(-1)?.close(1012);
    await until(() => states.at(-1)?.status === "waiting");
    online();
    await until(() => states.at(-1)?.status === "online");
  });

  test("`bye` is honoured: as long as the server says, and some more at random", async () => {
    const made = peer();
    const clock = new ManualClock();
    const { socket, states, until } = watch(made, clock);
    socket.start();
    await until(() => states.at(-1)?.status === "online");
    made.opened.at(-1)?.send(JSON.stringify({ type: "bye", code: "shutting-down", retry_after_ms: 5000 }));
    made.opened.at(-1)?.close(1012);
    await until(() => states.at(-1)?.status === "waiting");
    expect(states.at(-1)).toEqual({ status: "waiting", retryAtMs: clock.now() + 5250 });
  });

  test("a token that is refused is renewed, and the next attempt follows at once", async () => {
    const made = peer();
    made.answer = () => renewed();
    made.onFrame = (socket, frame) => {
      if (frame.token === "first") socket.close(4401);
      else socket.send(JSON.stringify({ type: "welcome", account, device: null, at_ms: 1 }));
    };
    const { socket, states, until } = watch(made);
    socket.start();
    await until(() => states.at(-1)?.status === "online");
    expect(made.frames.map((frame) => (frame as { token: string }).token)).toEqual(["first", "second"]);
  });

  test("a session that was revoked signs out and stays away", async () => {
    const made = peer();
    const { socket, states, signedOut, until } = watch(made);
    socket.start();
    await until(() => states.at(-1)?.status === "online");
    made.opened.at(-1)?.close(4404);
    await until(() => states.at(-1)?.status === "stopped");
    expect(signedOut).toEqual(["revoked"]);
  });

  test("frames that are no frames are passed over, the ones after them are taken", async () => {
    const made = peer();
    const { socket, states, frames, until } = watch(made);
    socket.start();
    await until(() => states.at(-1)?.status === "online");
    for (const text of ["no json", '{"type":"typing"}', '{"type":"of the future"}']) made.opened.at(-1)?.send(text);
    const conversation = "A".repeat(43);
    made.opened.at(-1)?.send(JSON.stringify({ type: "typing", conversation, account, active: true }));
    await until(() => frames.length > 0);
    expect(frames).toEqual([{ type: "typing", conversation, account, active: true } as never]);
  });
});

test("back-off doubles up to its ceiling, and jitter takes all of it", () => {
  const all = new Backoff(() => 0.999999, 500, 30_000);
  expect(Array.from({ length: 8 }, () => all.nextDelayMs())).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  const none = new Backoff(() => 0, 500, 30_000);
  expect(none.nextDelayMs()).toBe(0);
  all.reset();
  expect(all.nextDelayMs()).toBe(500);
});

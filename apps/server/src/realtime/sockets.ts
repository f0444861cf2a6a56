// Sockets from the opening request to the last frame: who may open one, authentication, heartbeat, shutdown.
import {
  apiBase,
  type ConversationId,
  closeCodes,
  HelloFrame,
  heartbeat,
  limits,
  ProtocolError,
  type RefusalCode,
} from "@cychat/protocol";
import type { Server, WebSocketHandler } from "bun";
import * as v from "valibot";
import type { Principal, VerifyAccessToken } from "../http/principal.ts";
import { refusalResponse } from "../http/refusal.ts";
import { bearerToken } from "../http/route.ts";
import type { Log } from "../log.ts";
import type { SeedView } from "../messages/service.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { type FrameDeps, takeFrame, takeSeedFrame } from "./client-frames.ts";
import { backpressureBytes, Connection, type Socket } from "./connection.ts";
import { Flush } from "./flush.ts";
import { parseObject } from "./frames.ts";
import type { Hub } from "./hub.ts";
import { ownDialect } from "./own-dialect.ts";
import { SeedDialect } from "./seed-dialect.ts";

export interface SocketTimings {
  readonly helloMs: number;
  readonly silentMs: number;
  readonly reapEveryMs: number;
}

export const defaultTimings: SocketTimings = { helloMs: 5_000, silentMs: heartbeat.serverTimeoutMs, reapEveryMs: 1_000 };

export interface SocketDeps extends FrameDeps {
  readonly hub: Hub;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly verifyAccessToken: VerifyAccessToken;
  readonly mayConnectFrom: (request: Request) => boolean;
  /**
   * The conversation of the seed's path segments; null when `sender` is not the principal, or there is no such pair, or it is
   * not in that room.
   */
  readonly findSeedView: (principal: Principal, target: SeedTarget) => Promise<SeedView | null>;
  readonly timings: SocketTimings;
}

export interface Sockets {
  readonly handler: WebSocketHandler<Connection>;
  /** Undefined once the socket is taken over; null when this is not the address of a socket. */
  open(request: Request, url: URL, server: Server<Connection>): Promise<Response | undefined> | null;
  /** Says goodbye and takes nothing more; {@link closeAll} ends them. */
  sayBye(): void;
  closeAll(): void;
  /** Members of a conversation are others now: the seed's sockets of it show the new ones, and end for those who are gone. */
  refreshSeedViews(conversation: ConversationId): void;
}

export type SeedTarget =
  | { readonly kind: "seed"; readonly sender: string; readonly receiver: string }
  | { readonly kind: "seed-room"; readonly sender: string; readonly room: string };

type Target = { readonly kind: "own" } | SeedTarget;

type Admission =
  | { readonly kind: "admitted"; readonly principal: Principal }
  | { readonly kind: "forbidden" }
  | { readonly kind: "refused"; readonly code: RefusalCode };

type SeedConnection = Connection & { readonly dialect: SeedDialect };

function isSeed(connection: Connection): connection is SeedConnection {
  return connection.dialect instanceof SeedDialect;
}

const ownPath = `${apiBase}/ws`;
const seedPath = new RegExp(`^${apiBase}/ws/chat/([^/]+)/([^/]+)$`);
const seedRoomPath = new RegExp(`^${apiBase}/ws/([^/]+)/([^/]+)$`);
const subprotocol = "cychat";
const retryAfterMs = 1_000;

export function createSockets(deps: SocketDeps): Sockets {
  const { hub, log, metrics, timings } = deps;
  const flush = new Flush();
  const all = new Set<Connection>();
  const seeds = new Set<SeedConnection>();
  /** What the opening request said. */
  const targets = new WeakMap<Connection, Target>();
  /** Of those whose opening request had a token, until the socket is open. */
  const admissions = new WeakMap<Connection, Admission>();
  let isClosing = false;

  const reaper = setInterval(() => {
    const nowMs = Date.now();
    for (const connection of all) {
      const isLate = nowMs - connection.heardAtMs > (connection.state === "open" ? timings.silentMs : timings.helloMs);
      if (!isLate) continue;
      if (connection.state === "open") connection.cutOff();
      else connection.close(closeCodes.notAuthenticated, "no token");
    }
  }, timings.reapEveryMs);

  /** Checks a token. Never rejects. */
  async function check(connection: Connection, target: Target, token: () => string): Promise<Admission> {
    try {
      const principal = await deps.verifyAccessToken(token());
      if (target.kind === "own" || !(connection.dialect instanceof SeedDialect)) return { kind: "admitted", principal };
      connection.dialect.view = await deps.findSeedView(principal, target);
      if (!connection.dialect.view) return { kind: "forbidden" };
      // Again: the session may have been revoked while the database was asked.
      return { kind: "admitted", principal: await deps.verifyAccessToken(token()) };
    } catch (error) {
      if (error instanceof ProtocolError) return { kind: "refused", code: error.code };
      log.error("socket-authentication-failed", { cause: error });
      return { kind: "refused", code: "internal" };
    }
  }

  function conclude(connection: Connection, admission: Admission): void {
    admissions.delete(connection);
    if (connection.socket === null || connection.state === "closed") return;
    switch (admission.kind) {
      case "admitted":
        admit(connection, admission.principal);
        break;
      case "forbidden":
        connection.close(closeCodes.forbidden, "not yours");
        break;
      case "refused":
        connection.writeFrame({ type: "bye", code: admission.code, retry_after_ms: retryAfterMs });
        connection.close(closeCodes.notAuthenticated, admission.code);
    }
  }

  function admit(connection: Connection, principal: Principal): void {
    connection.principal = principal;
    if (!hub.add(principal.account, connection)) {
      connection.principal = null;
      connection.close(closeCodes.tooManyConnections, "too many connections");
      return;
    }
    connection.state = "open";
    connection.heardAtMs = Date.now();
    if (isSeed(connection)) seeds.add(connection);
    connection.writeFrame({ type: "welcome", account: principal.account, device: principal.device, at_ms: Date.now() });
  }

  /** Null: the account is not in it any more. */
  function refresh(connection: SeedConnection): void {
    const { principal } = connection;
    const target = targets.get(connection);
    if (!principal || !target || target.kind === "own") return;
    deps.findSeedView(principal, target).then(
      (view) => {
        if (view) connection.dialect.view = view;
        else connection.close(closeCodes.forbidden, "not yours");
      },
      (error: unknown) => log.error("seed-view-failed", { cause: error }),
    );
  }

  function takeText(connection: Connection, text: string): void {
    const { principal, dialect } = connection;
    if (connection.state !== "open" || principal === null) takeHello(connection, text);
    else if (!(dialect instanceof SeedDialect)) takeFrame(deps, connection, principal, text);
    else if (dialect.view) takeSeedFrame(deps, connection, principal, dialect.view, text);
  }

  function takeHello(connection: Connection, text: string): void {
    const hello = connection.state === "opening" ? v.safeParse(HelloFrame, parseObject(text)) : null;
    const target = targets.get(connection);
    if (!hello?.success || !target) {
      connection.close(closeCodes.notAuthenticated, "hello first");
      return;
    }
    connection.state = "checking";
    void check(connection, target, () => hello.output.token).then((admission) => conclude(connection, admission));
  }

  const handler: WebSocketHandler<Connection> = {
    // Beyond this Bun cuts the connection without a word; up to this we say why.
    maxPayloadLength: 2 * limits.frameBytes,
    backpressureLimit: backpressureBytes,
    closeOnBackpressureLimit: true,
    perMessageDeflate: false,
    sendPings: false,
    // Our own reaper is stricter, and also sees clients that are only ever sent to.
    idleTimeout: 120,
    open(socket: Socket) {
      const connection = socket.data;
      connection.socket = socket;
      all.add(connection);
      metrics.connectionOpened();
      const admission = admissions.get(connection);
      if (admission) conclude(connection, admission);
    },
    message(socket: Socket, message) {
      const connection = socket.data;
      connection.heardAtMs = Date.now();
      try {
        if (isTooLarge(message)) connection.close(closeCodes.tooLarge, "too large");
        else if (typeof message === "string") takeText(connection, message);
        else if (connection.state === "open") connection.refuse(new ProtocolError("malformed-frame"), { frame: null });
        else connection.close(closeCodes.notAuthenticated, "hello first");
      } catch (error) {
        // One boundary for every connection: a bug in one frame takes down nobody.
        log.error("frame-failed", { cause: error });
        connection.refuse(new ProtocolError("internal"), { frame: null });
      }
    },
    close(socket: Socket, code) {
      const connection = socket.data;
      connection.state = "closed";
      connection.socket = null;
      all.delete(connection);
      if (isSeed(connection)) seeds.delete(connection);
      metrics.connectionClosed();
      if (code === closeCodes.tooSlow) metrics.connectionTooSlow();
      if (connection.principal) hub.remove(connection.principal.account, connection);
    },
  };

  async function upgrade(request: Request, target: Target, server: Server<Connection>): Promise<Response | undefined> {
    if (isClosing) return refusalResponse(new ProtocolError("shutting-down"));
    if (!deps.mayConnectFrom(request)) return new Response("This site may not open sockets here.\n", { status: 403 });
    const connection = new Connection(target.kind === "own" ? ownDialect : new SeedDialect(), flush);
    const offered = offeredToken(request);
    // Before the socket is open, so that a client with a token may send at once.
    if (offered.token) admissions.set(connection, await check(connection, target, offered.token));
    targets.set(connection, target);
    const headers: Record<string, string> = offered.isSubprotocol ? { "sec-websocket-protocol": subprotocol } : {};
    if (server.upgrade(request, { data: connection, headers })) return undefined;
    return new Response("This is the address of a WebSocket.\n", {
      status: 426,
      headers: { upgrade: "websocket", connection: "Upgrade" },
    });
  }

  return {
    handler,

    open(request, url, server) {
      const target = targetOf(url.pathname);
      return target && upgrade(request, target, server);
    },

    sayBye() {
      isClosing = true;
      clearInterval(reaper);
      for (const connection of all) connection.writeFrame({ type: "bye", code: "shutting-down", retry_after_ms: retryAfterMs });
      flush.now();
    },

    refreshSeedViews(conversation) {
      for (const connection of seeds) if (connection.dialect.view?.conversation === conversation) refresh(connection);
    },

    closeAll() {
      flush.now();
      for (const connection of [...all]) connection.close(closeCodes.shuttingDown, "restarting");
    },
  };
}

function isTooLarge(message: string | Uint8Array): boolean {
  if (message.length > limits.frameBytes) return true;
  // A character is three bytes of UTF-8 at most.
  return typeof message === "string" && message.length * 3 > limits.frameBytes && Buffer.byteLength(message) > limits.frameBytes;
}

function targetOf(path: string): Target | null {
  if (path === ownPath) return { kind: "own" };
  const chat = segments(seedPath, path);
  if (chat) return { kind: "seed", sender: chat[0], receiver: chat[1] };
  const room = segments(seedRoomPath, path);
  return room && { kind: "seed-room", sender: room[0], room: room[1] };
}

function segments(pattern: RegExp, path: string): [string, string] | null {
  const [, first, second] = pattern.exec(path) ?? [];
  if (first === undefined || second === undefined) return null;
  try {
    return [decodeURIComponent(first), decodeURIComponent(second)];
  } catch {
    return null;
  }
}

interface OfferedToken {
  readonly token: (() => string) | null;
  readonly isSubprotocol: boolean;
}

/** `Sec-WebSocket-Protocol: cychat, <token>` (browsers cannot set `Authorization`), or `Authorization: Bearer <token>`. */
function offeredToken(request: Request): OfferedToken {
  const [first, second] = (request.headers.get("sec-websocket-protocol") ?? "").split(",").map((item) => item.trim());
  const isSubprotocol = first === subprotocol;
  if (isSubprotocol && second) return { token: () => second, isSubprotocol };
  return { token: request.headers.has("authorization") ? () => bearerToken(request) : null, isSubprotocol };
}

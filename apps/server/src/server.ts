// Only wiring: which part is given which.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { apiBase } from "@cychat/protocol";
import type { Server } from "bun";
import { routeAuth } from "./auth/routes.ts";
import { createAuth, createAuthBasis, type PasswordGates } from "./auth/service.ts";
import { routeChats } from "./chats/routes.ts";
import { createChats, createDirectory, createMemberStates } from "./chats/service.ts";
import type { Config } from "./config.ts";
import { routeContacts } from "./contacts/routes.ts";
import { createContacts } from "./contacts/service.ts";
import type { Core } from "./core.ts";
import { openDatabase } from "./database/database.ts";
import { routeFiles } from "./files/routes.ts";
import { createFiles, openBlobStore, type WriteChunk } from "./files/service.ts";
import { createClientAddresses } from "./http/client-address.ts";
import { createOrigins } from "./http/origins.ts";
import { Api } from "./http/route.ts";
import { createSecurityHeaders } from "./http/security-headers.ts";
import { systemRoutes } from "./http/system-routes.ts";
import { routeKeys } from "./keys/routes.ts";
import { createKeys } from "./keys/service.ts";
import { createLog, type Log } from "./log.ts";
import { startRetention } from "./messages/retention.ts";
import { routeMessages } from "./messages/routes.ts";
import { createMessages } from "./messages/service.ts";
import { createMetrics } from "./metrics/metrics.ts";
import { type AskTimings, defaultAskTimings } from "./realtime/asking.ts";
import { type Bus, createMemoryBus } from "./realtime/bus.ts";
import type { Connection } from "./realtime/connection.ts";
import { createEvents } from "./realtime/events.ts";
import { createPresence } from "./realtime/presence.ts";
import { createRealtime } from "./realtime/service.ts";
import { defaultTimings, type SocketTimings } from "./realtime/sockets.ts";
import { routeRooms } from "./rooms/routes.ts";
import { createRooms } from "./rooms/service.ts";
import { routeUsers } from "./users/routes.ts";
import { createUsers } from "./users/service.ts";
import { createStaticFiles } from "./web/static-files.ts";

export interface ServerOptions {
  readonly config: Config;
  readonly log?: Log;
  readonly now?: () => number;
  /** What the nodes tell each other by; this process alone when left out. */
  readonly bus?: Bus;
  /** How much password work may run and wait. */
  readonly passwordGates?: PasswordGates;
  readonly timings?: Partial<SocketTimings & AskTimings> & { readonly presenceGraceMs?: number };
  /** Checks answers against their schemas too: for tests. */
  readonly checkAnswers?: boolean;
  /** How what is uploaded is written to the disk: for tests of one that is full. */
  readonly writeChunk?: WriteChunk;
  /** The built web app. */
  readonly webFolder?: string;
}

export interface RunningServer extends AsyncDisposable {
  /** Where it answers, without a slash at the end. */
  readonly url: string;
  /** For tests and for commands that run in the same process. */
  readonly core: Core;
  /** Says goodbye, writes down what was accepted, closes. Resolves when all is done; a second call waits for the first. */
  stop(): Promise<void>;
}

const builtWebApp = join(import.meta.dir, "../../web/dist");
const defaultGraceMs = 2_000;

export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const {
    config,
    log = createLog("info"),
    now = Date.now,
    timings = {},
    checkAnswers = false,
    webFolder = builtWebApp,
  } = options;
  const { bus = createMemoryBus(), passwordGates, writeChunk } = options;
  for (const folder of [config.dataDir, config.uploadDir]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const blobs = await openBlobStore(config, log, writeChunk);
  const engine = await openDatabase({ type: "sqlite", path: join(config.dataDir, "cychat.db") });
  const db = engine.kysely;

  const events = createEvents(bus);
  const metrics = createMetrics();
  const presence = createPresence({ db, bus, events, log, graceMs: timings.presenceGraceMs ?? defaultGraceMs });
  const core: Core = { config, db, engine, events, presence, memberStates: createMemberStates(events), blobs, log };
  const directory = createDirectory(db, bus, (cause) => log.error("members-failed", { cause }));

  const authBasis = createAuthBasis(core, now, passwordGates);
  const { sessions } = authBasis;
  sessions.follow(bus);
  const keys = createKeys(core, sessions, authBasis.logins);
  const auth = createAuth(core, authBasis, keys, now);
  const users = createUsers(core, now);
  const contacts = createContacts(core, now);
  const chats = createChats({ core, bus, directory, now });
  const rooms = createRooms({ core, bus, chats, now });
  const files = createFiles({ core, chats, now });
  const messages = createMessages({ engine, directory, bus, log, metrics, messagesPerSecond: config.messagesPerSecond });

  const addresses = createClientAddresses(() => server, config.trustProxy);
  const origins = createOrigins(config);
  const security = createSecurityHeaders(config.publicUrl);
  const verifyAccessToken = (token: string) => sessions.verifyAccessToken(token);
  const api = new Api({ verifyAccessToken, log, clientInfo: addresses.infoOf, checkAnswers, onAnswered: metrics.answered });
  routeAuth(api, auth, sessions);
  routeUsers(api, users);
  routeContacts(api, contacts);
  routeKeys(api, keys);
  routeChats(api, chats);
  routeMessages(api, chats, messages);
  routeRooms(api, rooms, chats, messages);
  routeFiles(api, files);
  api.finish();

  const { sockets, receipts, asking } = createRealtime({
    core,
    bus,
    directory,
    messages,
    presence,
    metrics,
    verifyAccessToken,
    mayConnectFrom: origins.mayConnectFrom,
    seedRoomView: (account, room) => rooms.seedView(account, room),
    timings: { ...defaultTimings, ...defaultAskTimings, ...timings },
  });
  await chats.finishDeletions();

  const { messageRetentionDays: days } = config;
  const retention = days === null ? null : startRetention({ chats, log, days, now });
  let stopping: Promise<void> | null = null;
  const system = systemRoutes({ config, db, metrics, addresses, isStopping: () => stopping !== null });
  const webApp = createStaticFiles(webFolder);

  async function answerApi(request: Request): Promise<Response> {
    const response = origins.preflight(request) ?? (await api.hono.fetch(request));
    origins.allow(response, request);
    return security.add(response);
  }

  async function answerPage(request: Request, path: string): Promise<Response> {
    const isRead = request.method === "GET" || request.method === "HEAD";
    const found = isRead ? ((await system.get(path)?.(request)) ?? webApp.answer(request, path)) : null;
    const response =
      found ??
      new Response("There is nothing here.\n", { status: 404, headers: { "content-type": "text/plain; charset=utf-8" } });
    return security.add(response, request.headers.get("host") ?? "");
  }

  async function fetch(request: Request, bunServer: Server<Connection>): Promise<Response | undefined> {
    const url = new URL(request.url);
    const socket = sockets.open(request, url, bunServer);
    if (socket) return socket;
    return url.pathname.startsWith(`${apiBase}/`) ? answerApi(request) : answerPage(request, url.pathname);
  }

  const server = Bun.serve({
    hostname: config.host,
    port: config.port,
    fetch,
    websocket: sockets.handler,
    // Larger ones are refused in our own words before they are read (http/body.ts); this is the last line of defence. An upload
    // may come in one request, and is never in memory as a whole.
    maxRequestBodySize: Math.max(16 * 1024 * 1024, config.maxUploadBytes),
    error(error) {
      log.error("request-failed", { cause: error });
      return new Response("Something went wrong on the server.\n", { status: 500 });
    },
  });

  async function shutDown(): Promise<void> {
    sockets.sayBye();
    asking.stop();
    // Takes no new connections; what is under way goes on.
    const drained = server.stop(false);
    await messages.drain();
    await receipts.drain();
    await retention?.stop();
    await files.stop();
    sockets.closeAll();
    await Promise.race([drained, Bun.sleep(drainMs)]);
    await server.stop(true);
    await presence.close();
    metrics.close();
    await engine.close();
  }

  function stop(): Promise<void> {
    stopping ??= shutDown();
    return stopping;
  }

  return { url: server.url.origin, core, stop, [Symbol.asyncDispose]: stop };
}

/** How long requests that are under way may take to end. */
const drainMs = 3_000;

// Wires the sockets together: hub, presence, receipts, typing, asking.
import { AccountId, normalEmail, ProtocolError } from "@cychat/protocol";
import * as v from "valibot";
import { type Directory, directConversationId } from "../chats/service.ts";
import type { Core } from "../core.ts";
import type { Db } from "../database/engine.ts";
import type { Principal, VerifyAccessToken } from "../http/principal.ts";
import type { MessageService, SeedPerson, SeedView } from "../messages/service.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { type Asking, type AskTimings, createAsking } from "./asking.ts";
import type { Bus } from "./bus.ts";
import { Hub } from "./hub.ts";
import type { PresenceService } from "./presence.ts";
import { createReceipts, type Receipts } from "./receipts.ts";
import { createSockets, type Sockets, type SocketTimings } from "./sockets.ts";
import { createTyping } from "./typing.ts";

export interface RealtimeDeps {
  readonly core: Core;
  readonly bus: Bus;
  readonly directory: Directory;
  readonly messages: MessageService;
  readonly presence: PresenceService;
  readonly metrics: Metrics;
  readonly verifyAccessToken: VerifyAccessToken;
  readonly mayConnectFrom: (request: Request) => boolean;
  /** A room as one of its members sees it; rejects with `not-found` for everybody else. */
  readonly seedRoomView: (account: AccountId, room: string) => Promise<SeedView>;
  readonly timings: SocketTimings & AskTimings;
}

export interface Realtime {
  readonly asking: Asking;
  readonly sockets: Sockets;
  readonly receipts: Receipts;
}

export function createRealtime({
  core,
  bus,
  directory,
  messages,
  presence,
  metrics,
  verifyAccessToken,
  mayConnectFrom,
  seedRoomView,
  timings,
}: RealtimeDeps): Realtime {
  const { db, engine, events, log } = core;
  const receipts = createReceipts(engine, directory, events, log);
  const hub = new Hub(bus, {
    onFirst: (account) => presence.connected(account),
    onLast: (account) => presence.disconnected(account),
    onReady: (account) => asking.ready(account),
  });
  const connectionOf = (account: AccountId) => hub.readyConnection(account);
  const asking = createAsking({ db, bus, directory, log, timings, connectionOf });
  const sockets = createSockets({
    hub,
    log,
    metrics,
    verifyAccessToken,
    mayConnectFrom,
    messages,
    receipts,
    typing: createTyping(directory, events),
    findSeedView: (principal, target) =>
      target.kind === "seed"
        ? findSeedView(db, principal, target.sender, target.receiver)
        : findSeedRoom(db, principal, target.sender, (account) => seedRoomView(account, target.room)),
    timings,
  });
  bus.subscribe((message) => {
    if (message.kind === "members-changed") sockets.refreshSeedViews(message.conversation);
  });
  return { sockets, receipts, asking };
}

async function findSeedRoom(
  db: Db,
  principal: Principal,
  sender: string,
  view: (account: AccountId) => Promise<SeedView>,
): Promise<SeedView | null> {
  const self = await findPerson(db, sender);
  if (self?.id !== principal.account) return null;
  try {
    return await view(self.id);
  } catch (error) {
    if (error instanceof ProtocolError && error.code === "not-found") return null;
    throw error;
  }
}

/** The seed names both sides in the address; the sender has to be whoever the token says. */
async function findSeedView(db: Db, principal: Principal, sender: string, receiver: string): Promise<SeedView | null> {
  const [self, other] = await Promise.all([findPerson(db, sender), findPerson(db, receiver)]);
  if (!self || !other || self.id !== principal.account || other.id === self.id) return null;
  const people = new Map([self, other].map((person) => [person.id, person]));
  return { conversation: directConversationId(self.id, other.id), self: self.id, people };
}

async function findPerson(db: Db, idOrEmail: string): Promise<SeedPerson | undefined> {
  const query = db.selectFrom("accounts").select(["id", "nickname", "email"]);
  if (idOrEmail.includes("@")) return query.where("email", "=", normalEmail(idOrEmail)).executeTakeFirst();
  const id = v.safeParse(AccountId, idOrEmail);
  return id.success ? query.where("id", "=", id.output).executeTakeFirst() : undefined;
}

// Wires the sockets together: hub, presence, receipts, typing.
import { AccountId, normalEmail } from "@cychat/protocol";
import * as v from "valibot";
import { type Directory, directConversationId } from "../chats/service.ts";
import type { Core } from "../core.ts";
import type { Db } from "../database/engine.ts";
import type { Principal, VerifyAccessToken } from "../http/principal.ts";
import type { MessageService, SeedPerson, SeedView } from "../messages/service.ts";
import type { Metrics } from "../metrics/metrics.ts";
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
  readonly timings: SocketTimings;
}

export interface Realtime {
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
  timings,
}: RealtimeDeps): Realtime {
  const { db, engine, events, log } = core;
  const receipts = createReceipts(engine, directory, events, log);
  const hub = new Hub(bus, {
    onFirst: (account) => presence.connected(account),
    onLast: (account) => presence.disconnected(account),
  });
  const sockets = createSockets({
    hub,
    log,
    metrics,
    verifyAccessToken,
    mayConnectFrom,
    messages,
    receipts,
    typing: createTyping(directory, events),
    findSeedView: (principal, sender, receiver) => findSeedView(db, principal, sender, receiver),
    timings,
  });
  return { sockets, receipts };
}

/** The seed names both sides in the address; the sender has to be whoever the token says. */
async function findSeedView(db: Db, principal: Principal, sender: string, receiver: string): Promise<SeedView | null> {
  const [self, other] = await Promise.all([findPerson(db, sender), findPerson(db, receiver)]);
  if (!self || !other || self.id !== principal.account || other.id === self.id) return null;
  return { conversation: directConversationId(self.id, other.id), self, other };
}

async function findPerson(db: Db, idOrEmail: string): Promise<SeedPerson | undefined> {
  const query = db.selectFrom("accounts").select(["id", "nickname", "email"]);
  if (idOrEmail.includes("@")) return query.where("email", "=", normalEmail(idOrEmail)).executeTakeFirst();
  const id = v.safeParse(AccountId, idOrEmail);
  return id.success ? query.where("id", "=", id.output).executeTakeFirst() : undefined;
}

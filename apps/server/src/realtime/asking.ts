// Asks one online member after another for what somebody waits for: to be let into an open room, or for lost keys again.
// Whoever cannot or may not does not answer, and the next one is asked. The requests are in the database, so nothing is lost
// when nobody is online, or when the server starts again.
import {
  type AccountId,
  askTimeoutMs,
  type ConversationId,
  type ServerFrame,
  type SignedJson,
  signedToJson,
} from "@cychat/protocol";
import type { Directory, Members } from "../chats/service.ts";
import type { Db } from "../database/engine.ts";
import type { Log } from "../log.ts";
import type { Bus } from "./bus.ts";
import type { Connection } from "./connection.ts";

export interface AskTimings {
  /** How long one member has. */
  readonly askTimeoutMs: number;
  /** When all were asked in vain, how long until the first one is asked again. */
  readonly askAgainMs: number;
}

export const defaultAskTimings: AskTimings = { askTimeoutMs, askAgainMs: 60_000 };

export interface Asking {
  /** An account can be asked from now on: its first connection with a device. */
  ready(account: AccountId): void;
  stop(): void;
}

export interface AskingDeps {
  readonly db: Db;
  readonly bus: Bus;
  readonly directory: Directory;
  readonly log: Log;
  readonly timings: AskTimings;
  /** A connection of ours of this account, with a device. */
  readonly connectionOf: (account: AccountId) => Connection | null;
}

type Kind = "admit" | "seals";

interface OpenRequest {
  readonly conversation: ConversationId;
  readonly kind: Kind;
  readonly account: AccountId;
  readonly request: SignedJson;
}

interface Ask {
  readonly open: OpenRequest;
  /** In this round. */
  readonly asked: Set<AccountId>;
  /** Running while somebody has time to answer, or until the next round; null when there was nobody to ask. */
  timer: Timer | null;
}

/** Of how many requests it is known who was asked last; the oldest are forgotten. */
const maxLastAsked = 10_000;

export function createAsking({ db, bus, directory, log, timings, connectionOf }: AskingDeps): Asking {
  const asks = new Map<string, Ask>();
  /** Outlives its request: a bad answer ends one, and the next one begins with somebody else. */
  const lastAsked = new Map<string, AccountId>();
  /** One look at the database at a time for each conversation, in order. */
  const turns = new Map<ConversationId, Promise<void>>();
  let isStopped = false;

  bus.subscribe((message) => {
    if (message.kind === "requests-changed") look(message.conversation);
  });

  function look(conversation: ConversationId): void {
    if (isStopped) return;
    const turn = (turns.get(conversation) ?? Promise.resolve())
      .then(async () => settle(conversation, await openRequests(db, conversation)))
      .catch((error: unknown) => log.error("asking-failed", { cause: error }))
      .finally(() => {
        if (turns.get(conversation) === turn) turns.delete(conversation);
      });
    turns.set(conversation, turn);
  }

  /** Ends what nobody waits for any more, and begins what is new. */
  function settle(conversation: ConversationId, open: readonly OpenRequest[]): void {
    if (isStopped) return;
    const wanted = new Map(open.map((request) => [keyOf(request), request]));
    for (const [key, ask] of asks) {
      if (ask.open.conversation !== conversation) continue;
      if (wanted.get(key)?.request.payload !== ask.open.request.payload) end(key, ask);
    }
    for (const [key, request] of wanted) {
      const known = asks.get(key);
      if (!known) begin(key, request);
      // Idle: the members may be others than before.
      else if (known.timer === null) askNext(known);
    }
  }

  function begin(key: string, open: OpenRequest): void {
    const ask: Ask = { open, asked: new Set(), timer: null };
    asks.set(key, ask);
    askNext(ask);
  }

  function end(key: string, { timer }: Ask): void {
    if (timer !== null) clearTimeout(timer);
    asks.delete(key);
  }

  function askNext(ask: Ask): void {
    const { open } = ask;
    directory.withMembers(open.conversation, (members) => {
      if (isStopped || asks.get(keyOf(open)) !== ask) return;
      if (ask.timer !== null) clearTimeout(ask.timer);
      ask.timer = null;
      const found = members && firstOnline(members, ask);
      if (found) {
        ask.asked.add(found.account);
        remember(keyOf(open), found.account);
        found.connection.writeFrame(frameOf(open));
        ask.timer = setTimeout(() => askNext(ask), timings.askTimeoutMs);
      } else if (ask.asked.size > 0) {
        ask.asked.clear();
        ask.timer = setTimeout(() => askNext(ask), timings.askAgainMs);
      }
    });
  }

  function remember(key: string, account: AccountId): void {
    lastAsked.delete(key);
    lastAsked.set(key, account);
    if (lastAsked.size > maxLastAsked) lastAsked.delete(lastAsked.keys().next().value as string);
  }

  /** By account, from the one after who was asked last. Only those who have taken the room on: the others do not answer. */
  function firstOnline({ states }: Members, { open, asked }: Ask): { account: AccountId; connection: Connection } | null {
    const last = lastAsked.get(keyOf(open)) ?? "";
    const active = [...states].flatMap(([account, state]) => (state === "active" ? [account] : []));
    const inTurn = [...active.filter((account) => account > last), ...active.filter((account) => account <= last)];
    for (const account of inTurn) {
      if (account === open.account || asked.has(account)) continue;
      const connection = connectionOf(account);
      if (connection) return { account, connection };
    }
    return null;
  }

  /** Asks whoever has just come, where nobody else is being asked. */
  async function welcome(account: AccountId): Promise<void> {
    const conversations = await conversationsWithRequests(db, account);
    for (const conversation of conversations) {
      for (const ask of asks.values()) {
        // Between two rounds: this one has not been asked yet.
        if (ask.open.conversation === conversation && ask.timer !== null && ask.asked.size === 0) askNext(ask);
      }
      look(conversation);
    }
  }

  return {
    ready(account) {
      if (isStopped) return;
      welcome(account).catch((error: unknown) => {
        if (!isStopped) log.error("asking-failed", { cause: error });
      });
    },
    stop() {
      isStopped = true;
      for (const [key, ask] of asks) end(key, ask);
    },
  };
}

function keyOf({ kind, conversation, account }: OpenRequest): string {
  return `${kind}${conversation}${account}`;
}

function frameOf({ conversation, kind, account, request }: OpenRequest): ServerFrame {
  return { type: "ask", conversation, kind, account, request };
}

/** Of rooms with approval an admin decides by hand. */
async function openRequests(db: Db, conversation: ConversationId): Promise<OpenRequest[]> {
  const [joins, seals] = await Promise.all([
    db
      .selectFrom("join_requests")
      .innerJoin("conversations", "conversations.id", "join_requests.conversation")
      .select(["account", "payload", "signature"])
      .where("conversation", "=", conversation)
      .where("join_policy", "=", "open")
      .where("payload", "is not", null)
      .orderBy("at_ms")
      .execute(),
    db
      .selectFrom("seal_requests")
      .select(["account", "payload", "signature"])
      .where("conversation", "=", conversation)
      .orderBy("at_ms")
      .execute(),
  ]);
  const open = (kind: Kind) => (row: (typeof joins)[number]) => {
    const { account, payload, signature } = row;
    return payload && signature ? [{ conversation, kind, account, request: signedToJson({ payload, signature }) }] : [];
  };
  return [...joins.flatMap(open("admit")), ...seals.flatMap(open("seals"))];
}

/** Where the account is a member and somebody waits for something. */
async function conversationsWithRequests(db: Db, account: AccountId): Promise<ConversationId[]> {
  const rows = await db
    .selectFrom("members")
    .select("conversation")
    .where("account", "=", account)
    .where("until_seq", "is", null)
    .where((eb) =>
      eb.or([
        eb.exists(
          eb
            .selectFrom("join_requests")
            .select("join_requests.account")
            .whereRef("join_requests.conversation", "=", "members.conversation")
            .where("join_requests.payload", "is not", null),
        ),
        eb.exists(
          eb
            .selectFrom("seal_requests")
            .select("seal_requests.account")
            .whereRef("seal_requests.conversation", "=", "members.conversation"),
        ),
      ]),
    )
    .execute();
  return rows.map(({ conversation }) => conversation);
}

// Who is online, as others may see it: told to people who have each other as contacts.
import type { AccountId, ChatStatus, PresenceStatus } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import type { Log } from "../log.ts";
import type { Bus } from "./bus.ts";
import type { Events } from "./events.ts";

export interface Presence {
  /** `offline` also for those who hide. Only tell it to mutual contacts, and in a room to its members. */
  statusOf(account: AccountId): PresenceStatus;
}

export interface PresenceService extends Presence {
  connected(account: AccountId): void;
  disconnected(account: AccountId): void;
  /** Writes down when those who are online now were last seen. */
  close(): Promise<void>;
}

export interface PresenceDeps {
  readonly db: Db;
  readonly bus: Bus;
  readonly events: Events;
  readonly log: Log;
  /** A connection that comes back within this time was never away: reloads and short losses make no noise. */
  readonly graceMs: number;
}

interface Person {
  isConnected: boolean;
  /** What the person says; null until it is read. */
  status: ChatStatus | null;
  /** What was told last. */
  told: PresenceStatus;
  leaving: Timer | null;
  /** One change at a time for each person, in order. */
  turn: Promise<void>;
}

export function createPresence({ db, bus, events, log, graceMs }: PresenceDeps): PresenceService {
  const people = new Map<AccountId, Person>();

  bus.subscribe((message) => {
    const person = message.kind === "chat-status" ? people.get(message.account) : undefined;
    if (message.kind !== "chat-status" || !person) return;
    person.status = message.status;
    update(message.account, person);
  });

  function update(account: AccountId, person: Person): void {
    person.turn = person.turn
      .then(() => tell(account, person))
      .catch((error: unknown) => log.error("presence-failed", { cause: error }));
  }

  async function tell(account: AccountId, person: Person): Promise<void> {
    person.status ??= await readStatus(db, account);
    const next = visible(person);
    if (next !== person.told) {
      if (next === "offline") await writeLastSeen(db, [account], Date.now());
      person.told = next;
      const [to, lastSeenMs] = await Promise.all([mutualContacts(db, account), readLastSeen(db, account)]);
      if (to.length > 0)
        events.announce({
          to,
          frame: { type: "presence", account, presence: next, last_seen_ms: isHiding(person) ? null : lastSeenMs },
        });
    }
    if (!person.isConnected && person.leaving === null && people.get(account) === person) people.delete(account);
  }

  return {
    statusOf(account) {
      const person = people.get(account);
      return person ? visible(person) : "offline";
    },

    connected(account) {
      const person = people.get(account) ?? newcomer();
      people.set(account, person);
      if (person.leaving !== null) clearTimeout(person.leaving);
      person.leaving = null;
      person.isConnected = true;
      update(account, person);
    },

    disconnected(account) {
      const person = people.get(account);
      if (!person) return;
      person.leaving = setTimeout(() => {
        person.leaving = null;
        person.isConnected = false;
        update(account, person);
      }, graceMs);
    },

    async close() {
      const seen: AccountId[] = [];
      for (const [account, person] of people) {
        if (person.leaving !== null) clearTimeout(person.leaving);
        if (person.isConnected && person.status !== "offline") seen.push(account);
      }
      people.clear();
      await writeLastSeen(db, seen, Date.now());
    },
  };
}

function visible({ isConnected, status }: Person): PresenceStatus {
  return isConnected && status !== null ? status : "offline";
}

function newcomer(): Person {
  return { isConnected: true, status: null, told: "offline", leaving: null, turn: Promise.resolve() };
}

/** Who hides is not seen leaving either, nor when they were last there. */
function isHiding({ status }: Person): boolean {
  return status === "offline";
}

async function readStatus(db: Db, account: AccountId): Promise<ChatStatus> {
  const row = await db.selectFrom("accounts").select("chat_status").where("id", "=", account).executeTakeFirst();
  return row?.chat_status ?? "offline";
}

async function readLastSeen(db: Db, account: AccountId): Promise<number | null> {
  const row = await db.selectFrom("accounts").select("last_seen_ms").where("id", "=", account).executeTakeFirst();
  return row?.last_seen_ms ?? null;
}

/** Statements stay below every engine's limit of parameters. */
const accountsPerStatement = 500;

async function writeLastSeen(db: Db, accounts: readonly AccountId[], atMs: number): Promise<void> {
  for (let next = 0; next < accounts.length; next += accountsPerStatement) {
    const some = accounts.slice(next, next + accountsPerStatement);
    await db.updateTable("accounts").set({ last_seen_ms: atMs }).where("id", "in", some).execute();
  }
}

/** Those who have the account as a contact and are its contact, where neither has blocked the other. */
async function mutualContacts(db: Db, account: AccountId): Promise<AccountId[]> {
  const rows = await db
    .selectFrom("contacts as mine")
    .innerJoin("contacts as theirs", (join) =>
      join.onRef("theirs.account", "=", "mine.contact").onRef("theirs.contact", "=", "mine.account"),
    )
    .leftJoin("blocks as my_block", (join) =>
      join.onRef("my_block.account", "=", "mine.account").onRef("my_block.blocked", "=", "mine.contact"),
    )
    .leftJoin("blocks as their_block", (join) =>
      join.onRef("their_block.account", "=", "mine.contact").onRef("their_block.blocked", "=", "mine.account"),
    )
    .select("mine.contact")
    .where("mine.account", "=", account)
    .where("my_block.account", "is", null)
    .where("their_block.account", "is", null)
    .execute();
  return rows.map(({ contact }) => contact);
}

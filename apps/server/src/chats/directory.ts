// Who is in a conversation, for the fan-out: kept in memory, forgotten when it changes.
import { type AccountId, type ConversationId, limits } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import type { MemberState } from "../database/schema.ts";
import type { Bus } from "../realtime/events.ts";

export interface Members {
  readonly kind: "direct" | "room";
  /** Whoever is a member now, by account. */
  readonly states: ReadonlyMap<AccountId, MemberState>;
  /** Those who are sent what others write: not who blocked a direct chat, nor who set a room aside. */
  readonly readers: readonly AccountId[];
}

/** Whether everybody hears how far the others have read, and who is typing. */
export function isSmall({ kind, states }: Members): boolean {
  return kind === "direct" || states.size <= limits.smallRoomMembers;
}

/** The readers, and the author's own devices in any case. */
export function readersOf({ readers, states }: Members, author: AccountId | null): readonly AccountId[] {
  const isLeftOut = author !== null && states.has(author) && readers.length < states.size && !readers.includes(author);
  return isLeftOut ? [...readers, author] : readers;
}

export interface Directory {
  /** Calls back at once where the conversation is known, later where it has to be read. Null: there is no such conversation. */
  withMembers(conversation: ConversationId, callback: (members: Members | null) => void): void;
}

const maxKept = 50_000;

export function createDirectory(db: Db, bus: Bus, onFailure: (error: unknown) => void): Directory {
  const kept = new Map<ConversationId, Members>();
  const loading = new Map<ConversationId, ((members: Members | null) => void)[]>();

  bus.subscribe((message) => {
    if (message.kind !== "members-changed") return;
    kept.delete(message.conversation);
    // Whoever waits for the old list gets it; it is not kept.
    loading.delete(message.conversation);
  });

  async function load(conversation: ConversationId, waiting: ((members: Members | null) => void)[]): Promise<void> {
    let members: Members | null = null;
    try {
      members = await readMembers(db, conversation);
    } catch (error) {
      onFailure(error);
    }
    if (loading.get(conversation) === waiting) {
      loading.delete(conversation);
      if (members) keep(conversation, members);
    }
    for (const callback of waiting) callback(members);
  }

  function keep(conversation: ConversationId, members: Members): void {
    kept.set(conversation, members);
    if (kept.size > maxKept) kept.delete(kept.keys().next().value as ConversationId);
  }

  return {
    withMembers(conversation, callback) {
      const members = kept.get(conversation);
      if (members) return callback(members);
      const waiting = loading.get(conversation);
      if (waiting) return void waiting.push(callback);
      const first = [callback];
      loading.set(conversation, first);
      void load(conversation, first);
    },
  };
}

async function readMembers(db: Db, conversation: ConversationId): Promise<Members | null> {
  const rows = await db
    .selectFrom("members")
    .innerJoin("conversations", "conversations.id", "members.conversation")
    .select(["account", "state", "kind"])
    .where("conversation", "=", conversation)
    .where("until_seq", "is", null)
    .orderBy("account")
    .execute();
  const [first] = rows;
  if (!first) return null;
  const { kind } = first;
  const aside = kind === "direct" ? "blocked" : "ignored";
  return {
    kind,
    states: new Map(rows.map(({ account, state }) => [account, state])),
    readers: rows.flatMap(({ account, state }) => (state === aside ? [] : [account])),
  };
}

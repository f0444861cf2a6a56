// Conversations as their members see them: members, receipts, unread, the newest message.
import type { AccountId, Conversation, ConversationId, Person } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import type { MemberState } from "../database/schema.ts";
import { messageOf } from "./entries.ts";
import type { Membership } from "./membership.ts";

export interface ListFilter {
  readonly changedSinceMs?: number | undefined;
  readonly state?: MemberState | undefined;
}

const listedStates: readonly MemberState[] = ["active", "request"];

/** Newest change first. */
export async function listConversations(
  db: Db,
  account: AccountId,
  { changedSinceMs, state }: ListFilter,
): Promise<Conversation[]> {
  let query = db
    .selectFrom("members")
    .innerJoin("conversations", "conversations.id", "members.conversation")
    .select("members.conversation")
    .where("members.account", "=", account)
    .where("members.state", "in", state ? [state] : listedStates);
  if (changedSinceMs !== undefined) query = query.where("conversations.changed_at_ms", ">=", changedSinceMs);
  const rows = await query.execute();
  const found: Conversation[] = [];
  for (const some of chunks(rows.map(({ conversation }) => conversation))) found.push(...(await describe(db, account, some)));
  return found.sort((a, b) => b.changed_at_ms - a.changed_at_ms);
}

export async function readConversation(db: Db, { account, conversation }: Membership): Promise<Conversation | undefined> {
  const [found] = await describe(db, account, [conversation]);
  return found;
}

/** Statements stay below every engine's limit of parameters. */
const idsPerStatement = 400;

function chunks<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / idsPerStatement) }, (_, index) =>
    items.slice(index * idsPerStatement, (index + 1) * idsPerStatement),
  );
}

async function describe(db: Db, account: AccountId, ids: readonly ConversationId[]): Promise<Conversation[]> {
  const [conversations, members, unread, newest, keyrings] = await Promise.all([
    db.selectFrom("conversations").selectAll().where("id", "in", ids).execute(),
    readMembers(db, ids),
    countUnread(db, account, ids),
    readNewest(db, ids),
    db
      .selectFrom("keyrings")
      .select(["conversation", "version"])
      .where("account", "=", account)
      .where("conversation", "in", ids)
      .execute(),
  ]);
  const membersOf = Map.groupBy(members, ({ conversation }) => conversation);
  const unreadOf = new Map(unread.map(({ conversation, count }) => [conversation, Number(count)]));
  const newestOf = new Map(newest.map((row) => [row.conversation, row]));
  const keyringOf = new Map(keyrings.map(({ conversation, version }) => [conversation, version]));

  return conversations.flatMap((row): Conversation[] => {
    const all = membersOf.get(row.id) ?? [];
    const own = all.find((member) => member.id === account);
    if (!own) return [];
    const last = newestOf.get(row.id);
    return [
      {
        id: row.id,
        kind: row.kind,
        state: own.state,
        members: all.map(personOf),
        last_seq: row.last_seq,
        record_index: row.record_index,
        epoch: row.epoch,
        // Who stands aside does not show how far they have read.
        receipts: all
          .filter((member) => member === own || member.state === "active")
          .map(({ id, delivered_seq, read_seq }) => ({ account: id, delivered_seq, read_seq })),
        unread: unreadOf.get(row.id) ?? 0,
        last_message: last ? messageOf(last) : null,
        keyring_version: keyringOf.get(row.id) ?? 0,
        changed_at_ms: row.changed_at_ms,
      },
    ];
  });
}

function readMembers(db: Db, ids: readonly ConversationId[]) {
  return db
    .selectFrom("members")
    .innerJoin("accounts", "accounts.id", "members.account")
    .leftJoin("account_keys", "account_keys.account", "accounts.id")
    .select(["members.conversation", "members.state", "members.delivered_seq", "members.read_seq"])
    .select(["accounts.id", "accounts.nickname", "accounts.email", "accounts.picture_version", "account_keys.log_n"])
    .where("members.conversation", "in", ids)
    .orderBy("members.account")
    .execute();
}

type MemberRow = Awaited<ReturnType<typeof readMembers>>[number];

function personOf({ id, nickname, email, picture_version, log_n }: MemberRow): Person {
  return { id, nickname, email, picture_version, has_keys: log_n !== null };
}

function countUnread(db: Db, account: AccountId, ids: readonly ConversationId[]) {
  return db
    .selectFrom("members")
    .innerJoin("entries", (join) =>
      join.onRef("entries.conversation", "=", "members.conversation").onRef("entries.seq", ">", "members.read_seq"),
    )
    .select((eb) => ["members.conversation", eb.fn.countAll<number | bigint>().as("count")])
    .where("members.account", "=", account)
    .where("members.conversation", "in", ids)
    .where("entries.kind", "=", "message")
    .where("entries.sender", "<>", account)
    .groupBy("members.conversation")
    .execute();
}

function readNewest(db: Db, ids: readonly ConversationId[]) {
  return db
    .selectFrom("conversations")
    .innerJoin("entries", (join) =>
      join.onRef("entries.conversation", "=", "conversations.id").onRef("entries.seq", "=", "conversations.last_message_seq"),
    )
    .selectAll("entries")
    .where("conversations.id", "in", ids)
    .execute();
}

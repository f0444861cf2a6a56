// Conversations as their members see them: members, receipts, unread, the newest message.
import { type AccountId, type Conversation, type ConversationId, limits, type Person } from "@cychat/protocol";
import type { Selectable } from "kysely";
import type { Db } from "../database/engine.ts";
import type { MemberState, MembersTable } from "../database/schema.ts";
import { messageOf } from "./entries.ts";
import type { Membership } from "./membership.ts";
import type { ConversationRow } from "./room-state.ts";
import { inChunks } from "./statements.ts";

export interface ListFilter {
  readonly changedSinceMs?: number | undefined;
  readonly state?: MemberState | undefined;
}

const listedStates: readonly MemberState[] = ["active", "request", "former"];

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
    .where("members.is_forgotten", "=", 0)
    .where("members.state", "in", state ? [state] : listedStates);
  if (changedSinceMs !== undefined) {
    query = query.where((eb) =>
      eb.or([
        eb.and([eb("members.until_seq", "is", null), eb("conversations.changed_at_ms", ">=", changedSinceMs)]),
        eb("members.former_changed_at_ms", ">=", changedSinceMs),
      ]),
    );
  }
  const rows = await query.execute();
  const found = await inChunks(
    rows.map(({ conversation }) => conversation),
    (some) => describe(db, account, some),
  );
  return found.sort((a, b) => b.changed_at_ms - a.changed_at_ms);
}

export async function readConversation(db: Db, { account, conversation }: Membership): Promise<Conversation | undefined> {
  const [found] = await describe(db, account, [conversation]);
  return found;
}

type OwnRow = Selectable<MembersTable>;

async function describe(db: Db, account: AccountId, ids: readonly ConversationId[]): Promise<Conversation[]> {
  const [conversations, ownRows] = await Promise.all([
    db.selectFrom("conversations").selectAll().where("id", "in", ids).execute(),
    db
      .selectFrom("members")
      .selectAll()
      .where("account", "=", account)
      .where("conversation", "in", ids)
      .where("is_forgotten", "=", 0)
      .execute(),
  ]);
  const ownOf = new Map(ownRows.map((row) => [row.conversation, row]));
  const idsOf = (fits: (row: ConversationRow) => boolean) => conversations.filter(fits).map(({ id }) => id);
  const direct = idsOf(({ kind }) => kind === "direct");
  const small = idsOf(({ kind, member_count }) => kind === "room" && member_count <= limits.smallRoomMembers);
  const rooms = idsOf(({ kind }) => kind === "room");
  const [people, roomReceipts, joins, unread, newest, keyrings, former] = await Promise.all([
    readPeople(db, direct),
    readRoomReceipts(db, small),
    countJoins(db, rooms),
    countUnread(db, account, ids),
    readNewest(db, ids),
    db
      .selectFrom("keyrings")
      .select(["conversation", "version"])
      .where("account", "=", account)
      .where("conversation", "in", ids)
      .execute(),
    readEnds(db, ownRows),
  ]);
  const peopleOf = Map.groupBy(people, ({ conversation }) => conversation);
  const receiptsOf = Map.groupBy([...people, ...roomReceipts], ({ conversation }) => conversation);
  const joinsOf = new Map(joins.map(({ conversation, count }) => [conversation, Number(count)]));
  const unreadOf = new Map(unread.map(({ conversation, count }) => [conversation, Number(count)]));
  const newestOf = new Map(newest.map((row) => [row.conversation, row]));
  const keyringOf = new Map(keyrings.map(({ conversation, version }) => [conversation, version]));

  return conversations.flatMap((row): Conversation[] => {
    const own = ownOf.get(row.id);
    if (!own) return [];
    const end = former.get(row.id) ?? null;
    const newestHere = newestOf.get(row.id);
    const last = end ? end.last : newestHere && newestHere.seq >= own.first_seq ? newestHere : null;
    const others = end ? [] : (receiptsOf.get(row.id) ?? []);
    return [
      {
        id: row.id,
        kind: row.kind,
        state: own.state,
        members: (peopleOf.get(row.id) ?? []).map(personOf),
        room: row.kind === "direct" ? null : roomFacts(row, own, joinsOf.get(row.id) ?? 0),
        last_seq: own.until_seq ?? row.last_seq,
        record_index: own.until_index ?? row.record_index,
        epoch: end ? end.epoch : row.epoch,
        // Who stands aside does not show how far they have read.
        receipts: [own, ...others.filter((other) => other.account !== account && other.state === "active")].map(
          ({ account: id, delivered_seq, read_seq }) => ({ account: id, delivered_seq, read_seq }),
        ),
        unread: unreadOf.get(row.id) ?? 0,
        last_message: last ? messageOf(last) : null,
        keyring_version: keyringOf.get(row.id) ?? 0,
        changed_at_ms: own.former_changed_at_ms ?? row.changed_at_ms,
      },
    ];
  });
}

/** A former member is told nothing of what came after. */
function roomFacts(row: ConversationRow, own: OwnRow, joins: number): Conversation["room"] {
  const isFormer = own.until_seq !== null;
  const mayAdmit = row.join_policy === "open" || own.role !== "member";
  return {
    handle: isFormer ? null : row.handle,
    member_count: isFormer ? 0 : row.member_count,
    pending_joins: !isFormer && mayAdmit ? joins : 0,
    first_seq: own.first_seq,
    until_seq: own.until_seq,
  };
}

function readPeople(db: Db, ids: readonly ConversationId[]) {
  return db
    .selectFrom("members")
    .innerJoin("accounts", "accounts.id", "members.account")
    .leftJoin("account_keys", "account_keys.account", "accounts.id")
    .select(["members.conversation", "members.account", "members.state", "members.delivered_seq", "members.read_seq"])
    .select(["accounts.nickname", "accounts.email", "accounts.picture_version", "account_keys.log_n"])
    .where("members.conversation", "in", ids)
    .orderBy("members.account")
    .execute();
}

type PersonRow = Awaited<ReturnType<typeof readPeople>>[number];

function personOf({ account: id, nickname, email, picture_version, log_n }: PersonRow): Person {
  return { id, nickname, email, picture_version, has_keys: log_n !== null };
}

function readRoomReceipts(db: Db, ids: readonly ConversationId[]) {
  return db
    .selectFrom("members")
    .select(["conversation", "account", "state", "delivered_seq", "read_seq"])
    .where("conversation", "in", ids)
    .where("until_seq", "is", null)
    .orderBy("account")
    .execute();
}

function countJoins(db: Db, ids: readonly ConversationId[]) {
  return db
    .selectFrom("join_requests")
    .select((eb) => ["conversation", eb.fn.countAll<number | bigint>().as("count")])
    .where("conversation", "in", ids)
    .where("payload", "is not", null)
    .groupBy("conversation")
    .execute();
}

function countUnread(db: Db, account: AccountId, ids: readonly ConversationId[]) {
  return db
    .selectFrom("members")
    .innerJoin("entries", (join) =>
      join
        .onRef("entries.conversation", "=", "members.conversation")
        .onRef("entries.seq", ">", "members.read_seq")
        .onRef("entries.seq", ">=", "members.first_seq"),
    )
    .select((eb) => ["members.conversation", eb.fn.countAll<number | bigint>().as("count")])
    .where("members.account", "=", account)
    .where("members.conversation", "in", ids)
    .where("entries.kind", "=", "message")
    .where("entries.sender", "<>", account)
    .where((eb) => eb.or([eb("members.until_seq", "is", null), eb("entries.seq", "<=", eb.ref("members.until_seq"))]))
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

/** Of former memberships: the epoch that was open at their end, and the newest message until then. */
async function readEnds(db: Db, rows: readonly OwnRow[]) {
  const ends = new Map<ConversationId, { epoch: number; last: Awaited<ReturnType<typeof readNewest>>[number] | null }>();
  for (const { conversation, first_seq, until_seq, until_index } of rows) {
    if (until_seq === null || until_index === null) continue;
    const { epoch } = await db
      .selectFrom("records")
      .select("epoch")
      .where("conversation", "=", conversation)
      .where("idx", "=", until_index)
      .executeTakeFirstOrThrow();
    const last = await db
      .selectFrom("entries")
      .selectAll()
      .where("conversation", "=", conversation)
      .where("seq", ">=", first_seq)
      .where("seq", "<", until_seq)
      .where("kind", "<>", "record")
      .orderBy("seq", "desc")
      .limit(1)
      .executeTakeFirst();
    ends.set(conversation, { epoch, last: last ?? null });
  }
  return ends;
}

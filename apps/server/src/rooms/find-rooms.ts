// Rooms as they are listed: one's own, those one wants into, and those that anybody can find.
import { type AccountId, type ConversationId, type JoinPolicy, type RoomSummary, toBase64url } from "@cychat/protocol";
import { inChunks } from "../chats/service.ts";
import type { Db } from "../database/engine.ts";
import { matches } from "../database/like.ts";
import type { Bytes, MembersTable } from "../database/schema.ts";

/** Found rooms; one's own are all listed. */
const foundRooms = 50;

interface Row {
  readonly id: ConversationId;
  readonly handle: string | null;
  readonly description: string | null;
  readonly member_count: number;
  readonly join_policy: JoinPolicy | null;
  readonly record_hash: Bytes;
  readonly created_at_ms: number;
}

const columns = ["id", "handle", "description", "member_count", "join_policy", "record_hash", "created_at_ms"] as const;

export interface Search {
  /** What it is as a handle, folded. */
  readonly key: string;
  /** For `like`, with `!` in front of what is meant literally. */
  readonly pattern: string;
}

/** One's own first, the newest first; then the found ones: the one of that very name, then the largest. Null: one's own only. */
export async function findRooms(db: Db, account: AccountId, search: Search | null): Promise<RoomSummary[]> {
  const own = await ownRooms(db, account);
  const found = search === null ? [] : await searchRooms(db, search);
  const seen = new Set(own.map(({ id }) => id));
  const rows = [...own, ...found.filter(({ id }) => !seen.has(id))];
  const waiting = await waitingRooms(db, account, search);
  return [...(await summaries(db, account, rows)), ...waiting];
}

/** Null: there is no such room. Does not ask whether the account may know of it: the caller has. */
export async function summaryOf(db: Db, account: AccountId, conversation: ConversationId): Promise<RoomSummary | null> {
  const row = await db.selectFrom("conversations").select(columns).where("id", "=", conversation).executeTakeFirst();
  const [summary] = row ? await summaries(db, account, [row]) : [];
  return summary ?? null;
}

function ownRooms(db: Db, account: AccountId): Promise<Row[]> {
  return db
    .selectFrom("conversations")
    .select(columns)
    .where("kind", "=", "room")
    .where("is_deleted", "=", 0)
    .where((eb) =>
      eb.or([
        eb(
          "id",
          "in",
          eb.selectFrom("members").select("conversation").where("account", "=", account).where("until_seq", "is", null),
        ),
        eb("id", "in", eb.selectFrom("join_requests").select("conversation").where("account", "=", account)),
      ]),
    )
    .orderBy("created_at_ms", "desc")
    .execute();
}

function searchRooms(db: Db, { key, pattern }: Search): Promise<Row[]> {
  return db
    .selectFrom("conversations")
    .select(columns)
    .where("kind", "=", "room")
    .where("is_deleted", "=", 0)
    .where("join_policy", "in", ["open", "approval"])
    .where((eb) => matches(eb.ref("search_key"), pattern))
    .orderBy((eb) => eb.case().when("handle_key", "=", key).then(0).else(1).end())
    .orderBy("member_count", "desc")
    .orderBy("id")
    .limit(foundRooms)
    .execute();
}

async function summaries(db: Db, account: AccountId, rows: readonly Row[]): Promise<RoomSummary[]> {
  const ids = rows.map(({ id }) => id);
  const members = await inChunks(ids, (some) =>
    db
      .selectFrom("members")
      .select(["conversation", "role"])
      .where("account", "=", account)
      .where("until_seq", "is", null)
      .where("conversation", "in", some)
      .execute(),
  );
  const requests = await inChunks(ids, (some) =>
    db
      .selectFrom("join_requests")
      .select(["conversation", "payload"])
      .where("account", "=", account)
      .where("conversation", "in", some)
      .execute(),
  );
  const roles = new Map(members.map(({ conversation, role }) => [conversation, role]));
  const pending = new Map(requests.map(({ conversation, payload }) => [conversation, payload ? "waiting" : "unsigned"] as const));
  return rows.map((row) => summary(row, roles.get(row.id) ?? null, pending.get(row.id) ?? "no"));
}

function summary(row: Row, role: MembersTable["role"] | null, pending: RoomSummary["pending"]): RoomSummary {
  return {
    id: row.id,
    room_name: row.handle,
    description: row.description,
    member_role: role,
    member_count: row.member_count,
    join: row.join_policy ?? "invitation",
    pending,
    record_hash: toBase64url(row.record_hash),
    creation_date: new Date(row.created_at_ms).toISOString(),
  };
}

/** One's own, those that one wants into, and those that are found. */
async function waitingRooms(db: Db, account: AccountId, search: Search | null): Promise<RoomSummary[]> {
  const rows = await db
    .selectFrom("waiting_rooms")
    .leftJoin("join_wishes", (join) =>
      join.onRef("join_wishes.handle_key", "=", "waiting_rooms.handle_key").on("join_wishes.account", "=", account),
    )
    .select(["handle", "description", "owner", "created_at_ms", "join_wishes.account as wish"])
    .where((eb) =>
      eb.or([
        eb("owner", "=", account),
        eb("join_wishes.account", "is not", null),
        ...(search === null ? [] : [matches(eb.ref("search_key"), search.pattern)]),
      ]),
    )
    .orderBy((eb) =>
      eb
        .case()
        .when("waiting_rooms.handle_key", "=", search?.key ?? "")
        .then(0)
        .else(1)
        .end(),
    )
    .orderBy("created_at_ms", "desc")
    .limit(2 * foundRooms)
    .execute();
  return rows.map(({ wish, ...row }) => waitingSummary(row, account, wish !== null));
}

export interface WaitingRow {
  readonly handle: string;
  readonly description: string | null;
  readonly owner: AccountId;
  readonly created_at_ms: number;
}

export function waitingSummary(row: WaitingRow, account: AccountId, isWished: boolean): RoomSummary {
  return {
    id: null,
    room_name: row.handle,
    description: row.description,
    member_role: row.owner === account ? "owner" : null,
    member_count: 1,
    join: "open",
    pending: isWished ? "unsigned" : "no",
    record_hash: null,
    creation_date: new Date(row.created_at_ms).toISOString(),
  };
}

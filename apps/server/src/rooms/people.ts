// Who is in a room, and whom one may know the name of.
import type { AccountId, ConversationId, PresenceStatus, RoomMember, RoomPerson } from "@cychat/protocol";
import { inChunks } from "../chats/service.ts";
import type { Db } from "../database/engine.ts";

interface NameRow {
  readonly id: AccountId;
  readonly nickname: string;
  readonly picture_version: number;
  readonly log_n: number | null;
}

function personOf({ id, nickname, picture_version, log_n }: NameRow): RoomPerson {
  return { id, nickname, picture_version, has_keys: log_n !== null };
}

/**
 * Presence is shown to everybody in the room, except by those who have not accepted it, stand aside, or blocked the viewer;
 * and those do not show how far they have read.
 */
export async function roomMembers(
  db: Db,
  viewer: AccountId,
  conversation: ConversationId,
  statusOf: (account: AccountId) => PresenceStatus,
): Promise<RoomMember[]> {
  const [rows, blocks] = await Promise.all([
    db
      .selectFrom("members")
      .innerJoin("accounts", "accounts.id", "members.account")
      .leftJoin("account_keys", "account_keys.account", "accounts.id")
      .select(["accounts.id", "nickname", "picture_version", "log_n", "role", "state", "delivered_seq", "read_seq"])
      .where("conversation", "=", conversation)
      .where("until_seq", "is", null)
      .orderBy("nickname_key")
      .orderBy("accounts.id")
      .execute(),
    db.selectFrom("blocks").select("account").where("blocked", "=", viewer).execute(),
  ]);
  const blockers = new Set(blocks.map(({ account }) => account));
  return rows.map(({ role, state, delivered_seq, read_seq, ...person }) => {
    const isShown = person.id === viewer || (state === "active" && !blockers.has(person.id));
    const presence = isShown ? statusOf(person.id) : "offline";
    const receipt = isShown ? { delivered_seq, read_seq } : { delivered_seq: 0, read_seq: 0 };
    return { ...personOf(person), role, presence, ...receipt };
  });
}

export async function bannedFrom(db: Db, conversation: ConversationId): Promise<RoomPerson[]> {
  const rows = await db
    .selectFrom("room_bans")
    .innerJoin("accounts", "accounts.id", "room_bans.account")
    .leftJoin("account_keys", "account_keys.account", "accounts.id")
    .select(["accounts.id", "nickname", "picture_version", "log_n"])
    .where("conversation", "=", conversation)
    .orderBy("nickname_key")
    .execute();
  return rows.map(personOf);
}

/** Those of `accounts` that share, or once shared, what the viewer may read; and the viewer. Others are left out. */
export async function knownPeople(db: Db, viewer: AccountId, accounts: readonly AccountId[]): Promise<RoomPerson[]> {
  const rows = await inChunks([...new Set(accounts)], (some) =>
    db
      .selectFrom("accounts")
      .leftJoin("account_keys", "account_keys.account", "accounts.id")
      .select(["accounts.id", "nickname", "picture_version", "log_n"])
      .where("accounts.id", "in", some)
      .where((eb) =>
        eb.or([
          eb("accounts.id", "=", viewer),
          eb.exists(
            eb
              .selectFrom("members as theirs")
              .innerJoin("members as ours", "ours.conversation", "theirs.conversation")
              .select("theirs.account")
              .whereRef("theirs.account", "=", "accounts.id")
              .where("ours.account", "=", viewer)
              .where("ours.is_forgotten", "=", 0)
              .where((sub) =>
                sub.and([
                  sub.or([sub("ours.until_seq", "is", null), sub("theirs.since_seq", "<=", sub.ref("ours.until_seq"))]),
                  sub.or([sub("theirs.until_seq", "is", null), sub("theirs.until_seq", ">=", sub.ref("ours.first_seq"))]),
                ]),
              ),
          ),
        ]),
      )
      .execute(),
  );
  return rows.map(personOf);
}

export interface MemberKeysRow {
  readonly account: AccountId;
  readonly log_n: number;
  readonly generation: number;
}

/** How far the account logs of a room's members go, of those that grew since. */
export function memberKeys(db: Db, conversation: ConversationId, sinceMs: number): Promise<MemberKeysRow[]> {
  return db
    .selectFrom("members")
    .innerJoin("account_keys", "account_keys.account", "members.account")
    .select(["members.account", "account_keys.log_n", "account_keys.generation"])
    .where("conversation", "=", conversation)
    .where("until_seq", "is", null)
    .where("account_keys.changed_at_ms", ">=", sinceMs)
    .orderBy("members.account")
    .execute();
}

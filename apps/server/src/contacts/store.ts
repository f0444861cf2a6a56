import type { AccountId, ConversationId } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";

export interface ContactRow {
  readonly id: AccountId;
  readonly nickname: string;
  readonly nickname_key: string;
  readonly email: string;
  readonly phone_number: string | null;
  readonly user_role: "user" | "admin";
  readonly picture_version: number;
  readonly has_keys: boolean;
  readonly added_at_ms: number;
  readonly last_seen_ms: number | null;
  readonly chat_status: "online" | "offline" | "busy" | "dnd";
  /** Both have each other as contacts, and neither has blocked the other. */
  readonly is_mutual: boolean;
}

/** All of an account's contacts, by name; or one of them. */
export async function contactsOf(db: Db, account: AccountId, only?: AccountId): Promise<ContactRow[]> {
  const rows = await db
    .selectFrom("contacts as mine")
    .innerJoin("accounts as person", "person.id", "mine.contact")
    .leftJoin("account_keys as keys", "keys.account", "person.id")
    .leftJoin("contacts as theirs", (join) =>
      join.onRef("theirs.account", "=", "mine.contact").onRef("theirs.contact", "=", "mine.account"),
    )
    .leftJoin("blocks as my_block", (join) =>
      join.onRef("my_block.account", "=", "mine.account").onRef("my_block.blocked", "=", "mine.contact"),
    )
    .leftJoin("blocks as their_block", (join) =>
      join.onRef("their_block.account", "=", "mine.contact").onRef("their_block.blocked", "=", "mine.account"),
    )
    .select([
      "person.id",
      "person.nickname",
      "person.nickname_key",
      "person.email",
      "person.phone_number",
      "person.user_role",
      "person.picture_version",
      "person.last_seen_ms",
      "person.chat_status",
      "mine.added_at_ms",
      "keys.account as keys_of",
      "theirs.account as follows_back",
      "my_block.account as i_blocked",
      "their_block.account as they_blocked",
    ])
    .where("mine.account", "=", account)
    .$if(only !== undefined, (query) => query.where("mine.contact", "=", only as AccountId))
    .orderBy("person.nickname_key")
    .orderBy("person.email")
    .execute();
  return rows.map(({ keys_of, follows_back, i_blocked, they_blocked, ...row }) => ({
    ...row,
    has_keys: keys_of !== null,
    is_mutual: follows_back !== null && i_blocked === null && they_blocked === null,
  }));
}

export async function accountsByEmail(db: Db, email: string): Promise<AccountId[]> {
  const rows = await db.selectFrom("accounts").select("id").where("email", "=", email).execute();
  return rows.map(({ id }) => id);
}

export async function accountsByNickname(db: Db, key: string): Promise<AccountId[]> {
  const rows = await db.selectFrom("accounts").select("id").where("nickname_key", "=", key).execute();
  return rows.map(({ id }) => id);
}

export async function accountExists(db: Db, account: AccountId): Promise<boolean> {
  return (await db.selectFrom("accounts").select("id").where("id", "=", account).executeTakeFirst()) !== undefined;
}

export async function isContact(db: Db, account: AccountId, contact: AccountId): Promise<boolean> {
  const row = await db
    .selectFrom("contacts")
    .select("contact")
    .where("account", "=", account)
    .where("contact", "=", contact)
    .executeTakeFirst();
  return row !== undefined;
}

export async function insertContact(trx: Db, account: AccountId, contact: AccountId, nowMs: number): Promise<void> {
  await trx.insertInto("contacts").values({ account, contact, added_at_ms: nowMs }).execute();
}

/** False when there was none. */
export async function deleteContact(trx: Db, account: AccountId, contact: AccountId): Promise<boolean> {
  const { numDeletedRows } = await trx
    .deleteFrom("contacts")
    .where("account", "=", account)
    .where("contact", "=", contact)
    .executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

export interface PersonRow {
  readonly id: AccountId;
  readonly nickname: string;
  readonly email: string;
  readonly picture_version: number;
  readonly has_keys: boolean;
}

interface RequestRow {
  readonly conversation: ConversationId;
  readonly at_ms: number;
  readonly sender: PersonRow;
}

/** Direct conversations that wait for an answer, newest first. */
export async function requestsOf(db: Db, account: AccountId): Promise<RequestRow[]> {
  const rows = await db
    .selectFrom("members as mine")
    .innerJoin("conversations as conversation", "conversation.id", "mine.conversation")
    .innerJoin("members as theirs", "theirs.conversation", "mine.conversation")
    .innerJoin("accounts as person", "person.id", "theirs.account")
    .leftJoin("account_keys as keys", "keys.account", "person.id")
    .select([
      "mine.conversation",
      "conversation.created_at_ms as at_ms",
      "person.id",
      "person.nickname",
      "person.email",
      "person.picture_version",
      "keys.account as keys_of",
    ])
    .where("mine.account", "=", account)
    .where("mine.state", "=", "request")
    .where("conversation.kind", "=", "direct")
    .whereRef("theirs.account", "<>", "mine.account")
    .orderBy("conversation.created_at_ms", "desc")
    .execute();
  return rows.map(({ conversation, at_ms, keys_of, ...person }) => ({
    conversation,
    at_ms,
    sender: { ...person, has_keys: keys_of !== null },
  }));
}

export async function isRoom(db: Db, conversation: ConversationId): Promise<boolean> {
  const row = await db.selectFrom("conversations").select("kind").where("id", "=", conversation).executeTakeFirst();
  return row?.kind === "room";
}

/** The other one of a direct conversation in which `account` has one of these states. */
export async function otherInRequest(
  trx: Db,
  account: AccountId,
  conversation: ConversationId,
  states: readonly ("request" | "ignored")[],
): Promise<AccountId | null> {
  const row = await trx
    .selectFrom("members as mine")
    .innerJoin("conversations", "conversations.id", "mine.conversation")
    .innerJoin("members as theirs", "theirs.conversation", "mine.conversation")
    .select("theirs.account")
    .where("mine.conversation", "=", conversation)
    .where("mine.account", "=", account)
    .where("mine.state", "in", states)
    .where("conversations.kind", "=", "direct")
    .whereRef("theirs.account", "<>", "mine.account")
    .executeTakeFirst();
  return row?.account ?? null;
}

export async function isBlocked(trx: Db, account: AccountId, blocked: AccountId): Promise<boolean> {
  const row = await trx
    .selectFrom("blocks")
    .select("blocked")
    .where("account", "=", account)
    .where("blocked", "=", blocked)
    .executeTakeFirst();
  return row !== undefined;
}

export async function insertBlock(trx: Db, account: AccountId, blocked: AccountId, nowMs: number): Promise<void> {
  await trx.insertInto("blocks").values({ account, blocked, at_ms: nowMs }).execute();
}

/** False when there was none. */
export async function deleteBlock(trx: Db, account: AccountId, blocked: AccountId): Promise<boolean> {
  const { numDeletedRows } = await trx
    .deleteFrom("blocks")
    .where("account", "=", account)
    .where("blocked", "=", blocked)
    .executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

export async function blockedBy(db: Db, account: AccountId): Promise<PersonRow[]> {
  const rows = await db
    .selectFrom("blocks")
    .innerJoin("accounts as person", "person.id", "blocks.blocked")
    .leftJoin("account_keys as keys", "keys.account", "person.id")
    .select(["person.id", "person.nickname", "person.email", "person.picture_version", "keys.account as keys_of"])
    .where("blocks.account", "=", account)
    .orderBy("person.nickname_key")
    .execute();
  return rows.map(({ keys_of, ...person }) => ({ ...person, has_keys: keys_of !== null }));
}

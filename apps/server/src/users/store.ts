import type { AccountId, ChatStatus, User } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";

export async function userById(db: Db, account: AccountId): Promise<User | null> {
  const row = await db
    .selectFrom("accounts")
    .leftJoin("account_keys", "account_keys.account", "accounts.id")
    .select([
      "accounts.id",
      "nickname",
      "email",
      "phone_number",
      "user_role",
      "chat_status",
      "picture_version",
      "created_at_ms",
      "account_keys.account as keys_of",
    ])
    .where("accounts.id", "=", account)
    .executeTakeFirst();
  if (!row) return null;
  const { keys_of, ...user } = row;
  return { ...user, has_keys: keys_of !== null };
}

export interface ProfileChange {
  readonly nickname?: string;
  readonly nickname_key?: string;
  readonly phone_number?: string | null;
  readonly chat_status?: ChatStatus;
}

export async function updateAccount(db: Db, account: AccountId, change: ProfileChange): Promise<void> {
  if (Object.keys(change).length === 0) return;
  await db.updateTable("accounts").set(change).where("id", "=", account).execute();
}

export interface PictureRow {
  readonly version: number;
  /** Null without a picture. */
  readonly type: string | null;
}

export async function pictureOf(db: Db, account: AccountId): Promise<PictureRow | null> {
  const row = await db
    .selectFrom("accounts")
    .select(["picture_version as version", "picture_type as type"])
    .where("id", "=", account)
    .executeTakeFirst();
  return row ?? null;
}

/** False when the stored version is no longer `from`. */
export async function setPicture(db: Db, account: AccountId, from: number, to: PictureRow): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("accounts")
    .set({ picture_version: to.version, picture_type: to.type })
    .where("id", "=", account)
    .where("picture_version", "=", from)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** Whether `viewer` has to do with `account`: is it, has it as a contact or is one of its, or shares a conversation. */
export async function isAcquainted(db: Db, viewer: AccountId, account: AccountId): Promise<boolean> {
  if (viewer === account) return true;
  const contact = await db
    .selectFrom("contacts")
    .select("account")
    .where((eb) =>
      eb.or([
        eb.and([eb("account", "=", viewer), eb("contact", "=", account)]),
        eb.and([eb("account", "=", account), eb("contact", "=", viewer)]),
      ]),
    )
    .executeTakeFirst();
  if (contact) return true;
  const shared = await db
    .selectFrom("members as theirs")
    .innerJoin("members as ours", "ours.conversation", "theirs.conversation")
    .select("theirs.conversation")
    .where("ours.account", "=", viewer)
    .where("theirs.account", "=", account)
    .where("ours.until_seq", "is", null)
    .where("theirs.until_seq", "is", null)
    .executeTakeFirst();
  return shared !== undefined;
}

/** Whoever has `account` as a contact, and everybody it shares a conversation with: those who show its name and keys. */
export async function acquaintancesOf(db: Db, account: AccountId): Promise<AccountId[]> {
  const followers = await db.selectFrom("contacts").select("account").where("contact", "=", account).execute();
  const members = await db
    .selectFrom("members")
    .select("account")
    .distinct()
    .where("until_seq", "is", null)
    .where("conversation", "in", (eb) =>
      eb.selectFrom("members").select("conversation").where("account", "=", account).where("until_seq", "is", null),
    )
    .execute();
  const found = new Set([...followers, ...members].map((row) => row.account));
  found.delete(account);
  return [...found];
}

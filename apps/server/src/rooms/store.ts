// Rooms by name, profiles, and memberships that are forgotten.
import { type AccountId, ConversationId, type RoomProfileBox, toBase64url } from "@cychat/protocol";
import * as v from "valibot";
import { handleKey, type Membership } from "../chats/service.ts";
import type { Db } from "../database/engine.ts";
import type { SeedPerson } from "../messages/service.ts";

/** A room that the account is in, by its name or id; null for all others. */
export async function ownRoom(db: Db, account: AccountId, nameOrId: string): Promise<ConversationId | null> {
  const row = await db
    .selectFrom("conversations")
    .innerJoin("members", "members.conversation", "conversations.id")
    .select("conversations.id")
    .where("kind", "=", "room")
    .where("members.account", "=", account)
    .where("members.until_seq", "is", null)
    .where((eb) =>
      eb.or([eb("handle_key", "=", handleKey(nameOrId.trim())), eb("conversations.id", "=", nameOrId as ConversationId)]),
    )
    .orderBy((eb) =>
      eb
        .case()
        .when("conversations.id", "=", nameOrId as ConversationId)
        .then(0)
        .else(1)
        .end(),
    )
    .executeTakeFirst();
  return row && v.is(ConversationId, row.id) ? row.id : null;
}

/** The newest one; `untilIndex`: of a former member, who must not see a later one. */
export async function profileOf(db: Db, conversation: ConversationId, untilIndex: number | null): Promise<RoomProfileBox | null> {
  const row = await db
    .selectFrom("room_profiles")
    .select(["epoch", "record_index", "ciphertext"])
    .where("conversation", "=", conversation)
    .executeTakeFirst();
  if (!row || (untilIndex !== null && row.record_index > untilIndex)) return null;
  return { epoch: row.epoch, ciphertext: toBase64url(row.ciphertext) };
}

/**
 * Takes a room off a former member's list. The row itself stays, unseen, because others still show the name; and the keyring,
 * because whoever comes in again goes on with its version: a device that was away meanwhile would see a rollback.
 */
export async function forget(db: Db, { conversation, account }: Membership): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await trx
      .updateTable("members")
      .set({ is_forgotten: 1 })
      .where("conversation", "=", conversation)
      .where("account", "=", account)
      .where("until_seq", "is not", null)
      .execute();
    await trx.deleteFrom("seal_requests").where("conversation", "=", conversation).where("account", "=", account).execute();
    for (const table of ["seals", "history_letters"] as const)
      await trx.deleteFrom(table).where("conversation", "=", conversation).where("recipient", "=", account).execute();
  });
}

/** Everybody who ever was in it. Addresses are not shared in rooms: only one's own is there. */
export async function seedPeople(db: Db, account: AccountId, conversation: ConversationId): Promise<SeedPerson[]> {
  const rows = await db
    .selectFrom("members")
    .innerJoin("accounts", "accounts.id", "members.account")
    .select(["accounts.id", "nickname", "email"])
    .where("conversation", "=", conversation)
    .execute();
  return rows.map(({ id, nickname, email }) => ({ id, nickname, email: id === account ? email : "" }));
}

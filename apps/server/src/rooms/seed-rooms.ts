// The seed's `POST /room`: a room by its name, without keys. Making one reserves the name until its owner's first client with
// keys makes the room; joining one says so to the newcomer's own clients, which then ask in due form.
import { type AccountId, type ConversationId, ProtocolError } from "@cychat/protocol";
import { handleKey, isBanned, searchKey } from "../chats/service.ts";
import { type Db, isUniqueViolation } from "../database/engine.ts";

export interface NamedRoom {
  readonly handle: string;
  readonly description: string | null;
}

/** Of one owner; a client with keys opens them, so that more wait only where there is none. */
const maxWaitingRooms = 20;

/** Throws `room-exists`, or `rate-limited` while too many rooms of the owner wait. */
export async function makeWaitingRoom(db: Db, owner: AccountId, { handle, description }: NamedRoom, atMs: number): Promise<void> {
  const key = handleKey(handle);
  const row = { handle_key: key, handle, description, search_key: searchKey(handle, description), owner, created_at_ms: atMs };
  try {
    await db.transaction().execute(async (trx) => {
      const taken = await trx.selectFrom("conversations").select("id").where("handle_key", "=", key).executeTakeFirst();
      if (taken) throw new ProtocolError("room-exists");
      const waiting = await trx.selectFrom("waiting_rooms").select("handle_key").where("owner", "=", owner).execute();
      if (waiting.length >= maxWaitingRooms)
        throw new ProtocolError("rate-limited", "Too many of your rooms wait: open them with a client that has your keys.");
      await trx.insertInto("waiting_rooms").values(row).execute();
    });
  } catch (error) {
    if (isUniqueViolation(error)) throw new ProtocolError("room-exists");
    throw error;
  }
}

/**
 * Answers the room that was asked for; null: it waits for its owner still. Asking twice is asking once. Throws
 * `room-unknown`, also for rooms that nobody joins by name, `room-joined` or `banned`.
 */
export async function wishToJoin(db: Db, account: AccountId, handle: string, atMs: number): Promise<ConversationId | null> {
  const key = handleKey(handle);
  return db.transaction().execute(async (trx) => {
    const room = await trx
      .selectFrom("conversations")
      .leftJoin("members", (join) =>
        join
          .onRef("members.conversation", "=", "conversations.id")
          .on("members.account", "=", account)
          .on("members.until_seq", "is", null),
      )
      .select(["conversations.id", "join_policy", "members.account as member"])
      .where("handle_key", "=", key)
      .executeTakeFirst();
    if (!room) {
      await wishForWaiting(trx, account, key, atMs);
      return null;
    }
    if (room.member !== null) throw new ProtocolError("room-joined");
    if (room.join_policy === "invitation") throw new ProtocolError("room-unknown");
    if (await isBanned(trx, room.id, account)) throw new ProtocolError("banned");
    const pending = await trx
      .selectFrom("join_requests")
      .select("account")
      .where("conversation", "=", room.id)
      .where("account", "=", account)
      .executeTakeFirst();
    if (!pending) {
      const row = { conversation: room.id, account, payload: null, signature: null, at_ms: atMs };
      await trx.insertInto("join_requests").values(row).execute();
    }
    return room.id;
  });
}

async function wishForWaiting(trx: Db, account: AccountId, key: string, atMs: number): Promise<void> {
  const room = await trx.selectFrom("waiting_rooms").select("owner").where("handle_key", "=", key).executeTakeFirst();
  if (!room) throw new ProtocolError("room-unknown");
  if (room.owner === account) throw new ProtocolError("room-joined");
  const wish = await trx
    .selectFrom("join_wishes")
    .select("account")
    .where("handle_key", "=", key)
    .where("account", "=", account)
    .executeTakeFirst();
  if (!wish) await trx.insertInto("join_wishes").values({ handle_key: key, account, at_ms: atMs }).execute();
}

export function waitingRoomOf(db: Db, handle: string) {
  return db.selectFrom("waiting_rooms").selectAll().where("handle_key", "=", handleKey(handle)).executeTakeFirst();
}

// Who may let somebody into a room, and therefore hears of those who wait.
import { type AccountId, type ConversationId, limits } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";

/** In large open rooms, where everybody may, admins and owners: one member after another is asked there anyway. */
export async function admittersOf(db: Db, conversation: ConversationId): Promise<AccountId[]> {
  const rows = await db
    .selectFrom("members")
    .innerJoin("conversations", "conversations.id", "members.conversation")
    .select(["members.account", "members.role", "conversations.join_policy", "conversations.member_count"])
    .where("members.conversation", "=", conversation)
    .where("members.until_seq", "is", null)
    .execute();
  return rows.flatMap(({ account, role, join_policy, member_count }) => {
    const isToldToAll = join_policy === "open" && member_count <= limits.smallRoomMembers;
    return isToldToAll || role !== "member" ? [account] : [];
  });
}

// Rooms that this account took off its list: the vault says so to all of its devices, so that none of them takes a room that
// is gone by their own wish for one that the server hides.
import type { ConversationId } from "@cychat/protocol";
import type { Conversation } from "../conversations/conversation.ts";

/** The newest number of a room when one of our devices took it off the list: what is not newer is to go everywhere. */
export const leftSetting = (id: ConversationId): string => `left:${id}`;

export function isLeft({ core, id, record }: Pick<Conversation, "core" | "id" | "record">): boolean {
  const leftAt = core.vault.setting(leftSetting(id));
  return typeof leftAt === "number" && record.lastSeq <= leftAt && record.state !== "pending";
}

/** Another device may have done so just now, and this one has not read the vault since. Throws as `VaultKeeper.refresh`. */
export async function isLeftByNow(conversation: Conversation): Promise<boolean> {
  if (!isLeft(conversation) && conversation.record.state !== "pending") await conversation.core.vault.refresh();
  return isLeft(conversation);
}

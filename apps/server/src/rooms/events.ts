import type { AccountId, ConversationId } from "@cychat/protocol";
import { admittersOf } from "../chats/service.ts";
import type { Core } from "../core.ts";

/** After the commit: to those who may let somebody in, and to the one it is about. */
export async function announceJoins({ db, events }: Core, conversation: ConversationId, account: AccountId): Promise<void> {
  const to = new Set([account, ...(await admittersOf(db, conversation))]);
  events.announce({ to, frame: { type: "changed", what: "joins", conversation } });
  events.requestsChanged(conversation);
}

/** After the commit: somebody's lost keys have been written again. */
export function announceLetter({ events }: Core, conversation: ConversationId, recipient: AccountId): void {
  events.announce({ to: [recipient], frame: { type: "changed", what: "seals", conversation } });
  events.requestsChanged(conversation);
}

/** After the commit: an account's own list of rooms. */
export function announceOwnRooms({ events }: Core, account: AccountId, conversation?: ConversationId): void {
  const frame = { type: "changed", what: "conversations" } as const;
  events.announce({ to: [account], frame: conversation === undefined ? frame : { ...frame, conversation } });
}

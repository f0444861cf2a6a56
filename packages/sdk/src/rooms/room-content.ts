// What a screen shows of a room beside its messages, from what is stored here.
import { type ConversationId, equalBytes } from "@cychat/protocol";
import type { MessageView, RoomPicture } from "../client-api.ts";
import type { Directory } from "../conversations/directory.ts";
import type { StoredMessage } from "../store/tables.ts";

export async function pictureOf(directory: Directory, id: ConversationId): Promise<RoomPicture | null> {
  const conversation = directory.room(id);
  return conversation.run(async () => conversation.profile.profile?.picture ?? null);
}

/** Exactly the envelopes that were pinned: an id alone can be used by anybody. */
export async function pinnedIn(directory: Directory, id: ConversationId): Promise<MessageView[]> {
  const conversation = directory.room(id);
  const pins = await conversation.run(async () => conversation.chain.state?.room?.pins ?? []);
  const { fromSeq, toSeq } = conversation.record;
  const found = [];
  for (const { messageId, envelopeHash } of pins) {
    const isPinned = (message: StoredMessage) =>
      message.kind !== "control" && message.envelopeHash !== null && equalBytes(message.envelopeHash, envelopeHash);
    const message = await conversation.history.find(messageId, fromSeq, toSeq, isPinned);
    if (message !== undefined) found.push(message);
  }
  return directory.messageViews(conversation, found);
}

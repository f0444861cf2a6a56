// What a screen shows of a room beside its messages, from what is stored here.
import type { ConversationId } from "@cychat/protocol";
import type { MessageView, RoomPicture } from "../client-api.ts";
import type { Directory } from "../conversations/directory.ts";

export async function pictureOf(directory: Directory, id: ConversationId): Promise<RoomPicture | null> {
  const conversation = directory.room(id);
  return conversation.run(async () => conversation.profile.profile?.picture ?? null);
}

export async function pinnedIn(directory: Directory, id: ConversationId): Promise<MessageView[]> {
  const conversation = directory.room(id);
  const { fromSeq, toSeq, room } = conversation.record;
  const found = [];
  for (const messageId of room?.pinned ?? []) {
    const message = await conversation.history.find(messageId, fromSeq, toSeq);
    if (message !== undefined && message.kind !== "control") found.push(message);
  }
  return directory.messageViews(conversation, found);
}

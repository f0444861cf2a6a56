// What everything that a user does with rooms works with.
import type { ConversationId } from "@cychat/protocol";
import { ClientError } from "../client-error.ts";
import type { Contacts } from "../contacts/contacts.ts";
import type { Directory } from "../conversations/directory.ts";
import type { Core } from "../core.ts";
import { changeRoomBy, type MakeChange } from "./change-room.ts";
import type { Names } from "./names.ts";

export interface RoomParts {
  readonly core: Core;
  readonly directory: Directory;
  readonly contacts: Contacts;
  readonly names: Names;
  /** Where people reach this server, without a slash at the end. */
  readonly origin: string;
  /** Reads a conversation's state again, and what is missing in it. */
  read(id: ConversationId): Promise<void>;
}

export async function changeRoomOf({ directory }: RoomParts, id: ConversationId, make: MakeChange): Promise<void> {
  const conversation = directory.room(id);
  if (!conversation.record.created || conversation.record.state === "pending") throw new ClientError("not-found");
  await changeRoomBy(conversation, make);
}

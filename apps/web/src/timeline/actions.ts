// What one can do with a message.
import type { ConversationView, MessageView } from "@cychat/sdk";
import Copy from "@lucide/svelte/icons/copy";
import Pencil from "@lucide/svelte/icons/pencil";
import Pin from "@lucide/svelte/icons/pin";
import PinOff from "@lucide/svelte/icons/pin-off";
import RotateCcw from "@lucide/svelte/icons/rotate-ccw";
import Trash from "@lucide/svelte/icons/trash-2";
import { chat } from "../state/chat.svelte.ts";
import { copyText } from "../state/clipboard.ts";
import { attempt, dialogs } from "../state/dialogs.svelte.ts";
import { explain } from "../state/failure.ts";
import { isRoom, type RoomConversation } from "../state/kinds.ts";
import { timeline as text } from "../strings/chat.ts";
import { rooms } from "../strings/rooms.ts";
import type { MenuItem } from "../ui/menu.ts";

type OnEdit = (message: MessageView) => void;

export function messageMenu(view: ConversationView, message: MessageView, onedit?: OnEdit): readonly MenuItem[] {
  if (message.kind !== "text" && message.kind !== "files") return [];
  const items: MenuItem[] = [];
  if (message.text !== "")
    items.push({ label: text.copy, icon: Copy, testid: "message-copy", act: () => void copyText(message.text) });
  if (isRoom(view) && message.seq !== null) items.push(...roomItems(view, message, onedit));
  if (message.seq !== null) {
    // A deletion is a message, too.
    const mayDelete = isRoom(view) ? view.room.rights.moderate || (message.mine && view.room.rights.post) : message.mine;
    if (mayDelete)
      items.push({
        label: text.delete,
        icon: Trash,
        danger: true,
        testid: "message-delete",
        act: () => void remove(view, message),
      });
  } else if (message.mine) {
    const discard = () => void attempt(() => chat.client.discard(message.id), explain);
    if (message.state === "failed")
      items.push({ label: text.retry, icon: RotateCcw, act: () => void attempt(() => chat.client.retry(message.id), explain) });
    items.push({
      label: message.state === "failed" ? text.discard : text.cancelSending,
      icon: Trash,
      danger: true,
      act: discard,
    });
  }
  return items;
}

/** Whether one may change the text of this message here. */
export const isEditable = (view: RoomConversation, message: MessageView) =>
  message.mine && message.kind === "text" && message.seq !== null && view.room.rights.post;

function roomItems(view: RoomConversation, message: MessageView, onedit?: OnEdit): MenuItem[] {
  const items: MenuItem[] = [];
  if (onedit && isEditable(view, message))
    items.push({ label: rooms.edit, icon: Pencil, testid: "message-edit", act: () => onedit(message) });
  if (view.room.rights.pin) {
    const isPinned = view.room.pinned.includes(message.id);
    items.push({
      label: isPinned ? rooms.unpin : rooms.pin,
      icon: isPinned ? PinOff : Pin,
      testid: isPinned ? "message-unpin" : "message-pin",
      act: () => void attempt(() => chat.client.setPinned(view.id, message.id, !isPinned), explain),
    });
  }
  return items;
}

async function remove(view: ConversationView, message: MessageView): Promise<void> {
  const words = view.peer ? text.deleteText(view.peer.nickname) : rooms.deleteText(view.title);
  const sure = { title: text.deleteTitle, text: words, confirm: text.deleteAction, danger: true };
  if (await dialogs.ask(sure)) await attempt(() => chat.client.deleteMessages(view.id, [message.id]), explain);
}

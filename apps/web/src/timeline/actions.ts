// What one can do with a message.
import type { ConversationView, MessageView } from "@cychat/sdk";
import Copy from "@lucide/svelte/icons/copy";
import RotateCcw from "@lucide/svelte/icons/rotate-ccw";
import Trash from "@lucide/svelte/icons/trash-2";
import { chat } from "../state/chat.svelte.ts";
import { copyText } from "../state/clipboard.ts";
import { attempt, dialogs } from "../state/dialogs.svelte.ts";
import { explain } from "../state/failure.ts";
import { timeline as text } from "../strings/chat.ts";
import type { MenuItem } from "../ui/menu.ts";

export function messageMenu(view: ConversationView, message: MessageView): readonly MenuItem[] {
  if (message.kind !== "text") return [];
  const items: MenuItem[] = [{ label: text.copy, icon: Copy, testid: "message-copy", act: () => void copyText(message.text) }];
  if (!message.mine) return items;
  if (message.seq !== null)
    items.push({
      label: text.delete,
      icon: Trash,
      danger: true,
      testid: "message-delete",
      act: () => void remove(view, message),
    });
  else {
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

async function remove(view: ConversationView, message: MessageView): Promise<void> {
  const sure = { title: text.deleteTitle, text: text.deleteText(view.peer.nickname), confirm: text.deleteAction, danger: true };
  if (await dialogs.ask(sure)) await attempt(() => chat.client.deleteMessages(view.id, [message.id]), explain);
}

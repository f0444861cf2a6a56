import type { MessageView } from "@cychat/sdk";
import { chat } from "./chat.svelte.ts";

/** Calls once the files of a message are not to be looked at any more: it was deleted. Until the returned function is called. */
export function whenGone(message: MessageView, call: () => void): () => void {
  return chat.onMessages(message.conversation, ({ messages, removed }) => {
    const isGone = messages.some(({ id, kind }) => id === message.id && kind !== "files") || removed.includes(message.id);
    if (isGone) call();
  });
}

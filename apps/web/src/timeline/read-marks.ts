import type { MessageView } from "@cychat/sdk";
import type { MessageId } from "../state/types.ts";

/** Below which of one's own messages it says how many have read so far: the newest one of each number. */
export function readMarks(messages: readonly MessageView[]): ReadonlyMap<MessageId, number> {
  const marks = new Map<MessageId, number>();
  let said = 0;
  for (let index = messages.length - 1; index >= 0; index--) {
    const message = messages[index] as MessageView;
    const isShown = message.kind === "text" || message.kind === "files";
    if (!message.mine || !isShown || message.readBy === null || message.readBy <= said) continue;
    said = message.readBy;
    marks.set(message.id, said);
  }
  return marks;
}

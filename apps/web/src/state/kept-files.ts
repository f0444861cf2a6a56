// What a session holds of files: those that were picked and are not sent yet, and those that were opened.
import { chat } from "./chat.svelte.ts";
import { OpenedFiles } from "./opened-files.ts";
import { Tray } from "./tray.svelte.ts";
import type { ConversationId } from "./types.ts";

const trays = new Map<ConversationId, Tray>();
export const openedFiles = new OpenedFiles();

/** What was picked for a conversation; kept while the app is open. */
export function trayOf(id: ConversationId): Tray {
  const tray = trays.get(id) ?? new Tray(chat.timeline(id));
  trays.set(id, tray);
  return tray;
}

chat.onOtherAccount(() => {
  for (const tray of trays.values()) tray.clear();
  trays.clear();
  openedFiles.clear();
});

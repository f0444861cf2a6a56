// What one can do with a chat in the list; the same for people and rooms.
import type { ConversationView } from "@cychat/sdk";
import Archive from "@lucide/svelte/icons/archive";
import ArchiveRestore from "@lucide/svelte/icons/archive-restore";
import Bell from "@lucide/svelte/icons/bell";
import BellOff from "@lucide/svelte/icons/bell-off";
import Star from "@lucide/svelte/icons/star";
import StarOff from "@lucide/svelte/icons/star-off";
import { chat } from "../state/chat.svelte.ts";
import { attempt } from "../state/dialogs.svelte.ts";
import { explain } from "../state/failure.ts";
import { conversation as text } from "../strings/chat.ts";
import { rooms } from "../strings/rooms.ts";
import type { MenuItem } from "../ui/menu.ts";

export function listMenu({ id, state, muted, favourite, archived }: ConversationView): readonly MenuItem[] {
  if (state === "request" || state === "pending") return [];
  const { client } = chat;
  const items: MenuItem[] = [
    {
      label: favourite ? rooms.unfavourite : rooms.favourite,
      icon: favourite ? StarOff : Star,
      testid: favourite ? "unfavourite" : "favourite",
      act: () => void attempt(() => client.setFavourite(id, !favourite), explain),
    },
    {
      label: archived ? rooms.unarchive : rooms.archive,
      icon: archived ? ArchiveRestore : Archive,
      testid: archived ? "unarchive" : "archive",
      act: () => void attempt(() => client.setArchived(id, !archived), explain),
    },
  ];
  if (state === "active")
    items.unshift({
      label: muted ? text.unmute : text.mute,
      icon: muted ? Bell : BellOff,
      testid: muted ? "unmute" : "mute",
      act: () => void attempt(() => client.setMuted(id, !muted), explain),
    });
  return items;
}

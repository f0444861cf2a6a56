import { openContacts } from "../contacts/open-contacts.ts";
import { hasGallery } from "../gallery/open-gallery.ts";
import { openCreateRoom, openJoinRoom } from "../rooms/open-rooms.ts";
import { chat } from "../state/chat.svelte.ts";
import { dialogs } from "../state/dialogs.svelte.ts";
import { chatPath, type Panel, panelPath, router } from "../state/router.svelte.ts";
import { openShortcuts } from "./open-shortcuts.ts";
import { openSwitcher } from "./open-switcher.ts";
import { isApple } from "./platform.ts";

export function handleShortcut(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  const mod = isApple ? event.metaKey : event.ctrlKey;
  const writing = isWriting(event.target);
  const inDialog = dialogs.open.length > 0 || dialogs.question !== null;

  if (mod && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") void openSwitcher();
  else if (inDialog) return;
  else if (event.altKey && !mod && (event.key === "ArrowDown" || event.key === "ArrowUp"))
    step(event.key === "ArrowDown" ? 1 : -1, event.shiftKey);
  else if (event.key === "Escape" && !event.repeat) stepBack(writing);
  else if (!writing && !mod && !event.altKey && event.key === "?") void openShortcuts();
  else if (writing || mod || event.altKey || event.shiftKey || !onLetter(event.key.toLowerCase())) return;
  event.preventDefault();
}

/** Single letters, for who is not writing. */
function onLetter(key: string): boolean {
  if (key === "c") void openContacts();
  else if (key === "r") void openCreateRoom();
  else if (key === "j") void openJoinRoom();
  else if (key === "m") return togglePanel("members");
  else if (key === "f") return togglePanel("files");
  else return false;
  return true;
}

function togglePanel(panel: Panel): boolean {
  const { route } = router;
  const view = route.page === "chat" && route.conversation ? chat.conversation(route.conversation) : null;
  if (route.page !== "chat" || !view || (panel === "members" ? view.room === null : !hasGallery(view))) return false;
  if (route.panel === panel) router.back(chatPath(view.id));
  else router.go(panelPath(view.id, panel), { replace: route.panel !== null });
  return true;
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable]");
}

/** To the next or previous chat in the list, or to the next unread one. */
function step(direction: 1 | -1, unreadOnly: boolean): void {
  const { route } = router;
  const current = route.page === "chat" ? route.conversation : null;
  const list = unreadOnly ? chat.inOrder.filter((item) => item.unread > 0 || item.id === current) : chat.inOrder;
  if (list.length === 0) return;
  const index = list.findIndex((item) => item.id === current);
  const next = list.at(index < 0 ? (direction > 0 ? 0 : -1) : (index + direction) % list.length);
  if (next) router.go(chatPath(next.id));
}

function stepBack(writing: boolean): void {
  const { route } = router;
  if (route.page === "profile" || route.page === "join") router.go("/chat");
  else if (route.page === "chat" && route.conversation && route.panel) router.back(chatPath(route.conversation));
  else if (writing && document.activeElement instanceof HTMLElement) document.activeElement.blur();
  else if (route.page === "chat" && route.conversation) router.go("/chat");
}

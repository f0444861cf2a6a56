import { openContacts } from "../contacts/open-contacts.ts";
import { chat } from "../state/chat.svelte.ts";
import { dialogs } from "../state/dialogs.svelte.ts";
import { chatPath, router } from "../state/router.svelte.ts";
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
  else if (!writing && !mod && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "c") void openContacts();
  else return;
  event.preventDefault();
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable]");
}

/** To the next or previous chat in the list, or to the next unread one. */
function step(direction: 1 | -1, unreadOnly: boolean): void {
  const { route } = router;
  const current = route.page === "chat" ? route.conversation : null;
  const list = unreadOnly ? chat.active.filter((item) => item.unread > 0 || item.id === current) : chat.active;
  if (list.length === 0) return;
  const index = list.findIndex((item) => item.id === current);
  const next = list.at(index < 0 ? (direction > 0 ? 0 : -1) : (index + direction) % list.length);
  if (next) router.go(chatPath(next.id));
}

function stepBack(writing: boolean): void {
  const { route } = router;
  if (route.page === "profile") router.go("/chat");
  else if (writing && document.activeElement instanceof HTMLElement) document.activeElement.blur();
  else if (route.page === "chat" && route.conversation) router.go("/chat");
}

// Unread count in the title and on the app's icon; desktop notifications that name who wrote, never what.
import type { MessageView } from "@cychat/sdk";
import { notifications as text } from "../strings/chat.ts";
import { common } from "../strings/common.ts";
import { rooms } from "../strings/rooms.ts";
import { chat } from "./chat.svelte.ts";
import { chatPath, router } from "./router.svelte.ts";
import type { ConversationId } from "./types.ts";

const key = "cychat-notify";
const lookingLock = "cychat-looking";

export const notificationsSupported = "Notification" in window;

class NotificationChoice {
  wanted = $state(notificationsSupported && Notification.permission === "granted" && localStorage.getItem(key) === "yes");

  /** `false` where the browser refuses. */
  async set(wanted: boolean): Promise<boolean> {
    const allowed = !wanted || (await Notification.requestPermission()) === "granted";
    this.wanted = wanted && allowed;
    if (this.wanted) localStorage.setItem(key, "yes");
    else localStorage.removeItem(key);
    return allowed;
  }
}

export const notificationChoice = new NotificationChoice();

export function startNotifications(): void {
  chat.onRing((conversation, message) => void notify(conversation, message));
  holdLockWhileLooking();
}

async function notify(conversation: ConversationId, message: MessageView): Promise<void> {
  if (!notificationChoice.wanted || (await somebodyLooks())) return;
  const view = chat.conversation(conversation);
  if (view === null) return;
  const name = message.senderName || rooms.somebody;
  const inRoom = message.mentionsMe ? rooms.notificationMention(name) : rooms.notificationFrom(name);
  const [title, body] = view.room ? [view.title, inRoom] : [common.product, text.from(view.title)];
  // The tag lets several tabs replace one another's notification instead of stacking them.
  const notification = new Notification(title, { body, tag: conversation, icon: "/icon-192.png" });
  notification.onclick = () => {
    window.focus();
    router.go(chatPath(conversation));
    notification.close();
  };
}

// A tab in front of somebody's eyes holds a lock that the others can see.
function holdLockWhileLooking(): void {
  let release: (() => void) | null = null;
  const update = () => {
    const looking = document.visibilityState === "visible" && document.hasFocus();
    if (looking && !release) {
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      void navigator.locks.request(lookingLock, { mode: "shared" }, () => held);
    } else if (!looking) {
      release?.();
      release = null;
    }
  };
  addEventListener("focus", update);
  addEventListener("blur", update);
  document.addEventListener("visibilitychange", update);
  update();
}

async function somebodyLooks(): Promise<boolean> {
  const { held } = await navigator.locks.query();
  return held?.some((lock) => lock.name === lookingLock) ?? false;
}

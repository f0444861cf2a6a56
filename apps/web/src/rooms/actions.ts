// What one can do with a room, from its menu, its bars and its panel.
import Images from "@lucide/svelte/icons/images";
import Link from "@lucide/svelte/icons/link";
import LogOut from "@lucide/svelte/icons/log-out";
import Settings from "@lucide/svelte/icons/settings-2";
import Trash from "@lucide/svelte/icons/trash-2";
import UserPlus from "@lucide/svelte/icons/user-plus";
import Users from "@lucide/svelte/icons/users";
import { hasGallery, openGallery } from "../gallery/open-gallery.ts";
import { listMenu } from "../sidebar/actions.ts";
import { chat } from "../state/chat.svelte.ts";
import { attempt, dialogs } from "../state/dialogs.svelte.ts";
import type { RoomConversation } from "../state/kinds.ts";
import { panelPath, router } from "../state/router.svelte.ts";
import { conversation as conversationText } from "../strings/chat.ts";
import { gallery } from "../strings/gallery.ts";
import { roomPane, roomMenu as text } from "../strings/room-dialogs.ts";
import type { MenuItem } from "../ui/menu.ts";
import { explainRoom } from "./explain-room.ts";
import { openAddPeople, openInvites, openRoomSettings } from "./open-rooms.ts";

export async function leaveRoom(view: RoomConversation): Promise<void> {
  const { memberCount, myRole } = view.room;
  const words = memberCount === 1 ? text.leaveLastText : myRole === "owner" ? text.leaveOwnerText : text.leaveText;
  const sure = { title: text.leaveTitle(view.title), text: words, confirm: text.leave, danger: true };
  if (!(await dialogs.ask(sure))) return;
  if (await attempt(() => chat.client.leaveRoom(view.id), explainRoom)) router.go("/chat", { replace: true });
}

export async function forgetRoom(view: RoomConversation): Promise<void> {
  const sure = {
    title: roomPane.forgetTitle(view.title),
    text: roomPane.forgetText,
    confirm: roomPane.forget,
    danger: true,
  };
  if (!(await dialogs.ask(sure))) return;
  if (await attempt(() => chat.client.forgetRoom(view.id), explainRoom)) router.go("/chat", { replace: true });
}

export async function deleteRoom(view: RoomConversation): Promise<void> {
  const sure = {
    title: text.deleteTitle(view.title),
    text: text.deleteText(view.room.memberCount),
    confirm: text.delete,
    danger: true,
  };
  if (await dialogs.ask(sure)) await attempt(() => chat.client.deleteRoom(view.id), explainRoom);
}

async function deleteMine(view: RoomConversation): Promise<void> {
  const sure = {
    title: text.deleteMineTitle,
    text: text.deleteMineText(view.title),
    confirm: conversationText.deleteMine,
    danger: true,
  };
  if (await dialogs.ask(sure)) await attempt(() => chat.client.deleteAllMyMessages(view.id), explainRoom);
}

export function roomMenu(view: RoomConversation): readonly MenuItem[] {
  const { id, room, state } = view;
  const isMember = room.standing === "member" && state !== "former";
  const items: MenuItem[] = [
    { label: text.members, icon: Users, testid: "open-members", act: () => router.go(panelPath(id, "members")) },
  ];
  if (hasGallery(view)) items.push({ label: gallery.open, icon: Images, testid: "open-gallery", act: () => openGallery(view) });
  if (isMember)
    items.push({ label: text.settings, icon: Settings, testid: "room-settings", act: () => void openRoomSettings(id) });
  if (isMember && room.rights.invite)
    items.push(
      { label: text.addPeople, icon: UserPlus, testid: "add-people", act: () => void openAddPeople(id) },
      { label: text.inviteLinks, icon: Link, testid: "invite-links", act: () => void openInvites(id) },
    );
  items.push(...listMenu(view));
  if (isMember)
    items.push({
      label: conversationText.deleteMine,
      icon: Trash,
      danger: true,
      testid: "delete-my-messages",
      act: () => void deleteMine(view),
    });
  if (isMember || room.standing === "keys")
    items.push({ label: text.leave, icon: LogOut, danger: true, testid: "leave-room", act: () => void leaveRoom(view) });
  if (isMember && room.rights.delete)
    items.push({ label: text.delete, icon: Trash, danger: true, testid: "delete-room", act: () => void deleteRoom(view) });
  if (state === "former")
    items.push({ label: roomPane.forget, icon: Trash, danger: true, testid: "forget-room", act: () => void forgetRoom(view) });
  return items;
}

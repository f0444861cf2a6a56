// What one can do with a conversation, from its menu and from the dialog about the person.
import Ban from "@lucide/svelte/icons/ban";
import Bell from "@lucide/svelte/icons/bell";
import BellOff from "@lucide/svelte/icons/bell-off";
import Images from "@lucide/svelte/icons/images";
import Info from "@lucide/svelte/icons/info";
import ShieldCheck from "@lucide/svelte/icons/shield-check";
import Trash from "@lucide/svelte/icons/trash-2";
import UserMinus from "@lucide/svelte/icons/user-minus";
import UserPlus from "@lucide/svelte/icons/user-plus";
import { openGallery } from "../gallery/open-gallery.ts";
import { chat } from "../state/chat.svelte.ts";
import { attempt, dialogs } from "../state/dialogs.svelte.ts";
import { explain } from "../state/failure.ts";
import type { DirectConversation } from "../state/kinds.ts";
import type { ConversationId } from "../state/types.ts";
import { conversation as text } from "../strings/chat.ts";
import { gallery } from "../strings/gallery.ts";
import { openSafetyNumber } from "../trust/open-trust.ts";
import type { MenuItem } from "../ui/menu.ts";
import { addContact } from "./add-contact.ts";

export const openPersonDialog = (id: ConversationId) => dialogs.show(() => import("./PersonDialog.svelte"), { id });

export const unblock = (view: DirectConversation) => attempt(() => chat.client.unblock(view.peer.id), explain);

const mute = (view: DirectConversation, muted: boolean) => attempt(() => chat.client.setMuted(view.id, muted), explain);

async function deleteMine(view: DirectConversation): Promise<void> {
  const { nickname } = view.peer;
  const sure = { title: text.deleteMineTitle, text: text.deleteMineText(nickname), confirm: text.deleteMine, danger: true };
  if (await dialogs.ask(sure)) await attempt(() => chat.client.deleteAllMyMessages(view.id), explain);
}

async function removeContact(view: DirectConversation): Promise<void> {
  const { id, nickname } = view.peer;
  const sure = { title: text.removeTitle(nickname), text: text.removeText, confirm: text.removeContact, danger: true };
  if (await dialogs.ask(sure)) await attempt(() => chat.client.removeContact(id), explain);
}

async function block(view: DirectConversation): Promise<void> {
  const { id, nickname } = view.peer;
  const sure = { title: text.blockTitle(nickname), text: text.blockText, confirm: text.block, danger: true };
  if (await dialogs.ask(sure)) await attempt(() => chat.client.block(id), explain);
}

export function conversationMenu(view: DirectConversation): readonly MenuItem[] {
  const items: MenuItem[] = [
    { label: text.about, icon: Info, act: () => void openPersonDialog(view.id) },
    { label: gallery.open, icon: Images, testid: "open-gallery", act: () => openGallery(view) },
    { label: text.safetyNumber, icon: ShieldCheck, testid: "open-safety-number", act: () => void openSafetyNumber(view.id) },
    view.muted
      ? { label: text.unmute, icon: Bell, testid: "unmute", act: () => void mute(view, false) }
      : { label: text.mute, icon: BellOff, testid: "mute", act: () => void mute(view, true) },
    { label: text.deleteMine, icon: Trash, danger: true, testid: "delete-my-messages", act: () => void deleteMine(view) },
  ];
  if (view.isContact)
    items.push({
      label: text.removeContact,
      icon: UserMinus,
      danger: true,
      testid: "remove-contact",
      act: () => void removeContact(view),
    });
  else items.splice(1, 0, { label: text.addContact, icon: UserPlus, act: () => void addContact(view) });
  if (view.state === "blocked") items.push({ label: text.unblock, icon: Ban, act: () => void unblock(view) });
  else items.push({ label: text.block, icon: Ban, danger: true, testid: "block", act: () => void block(view) });
  return items;
}

// What one may do with a member of a room, as the client says.
import type { RoomMemberView } from "@cychat/sdk";
import Ban from "@lucide/svelte/icons/ban";
import Crown from "@lucide/svelte/icons/crown";
import MessageCircle from "@lucide/svelte/icons/message-circle";
import Shield from "@lucide/svelte/icons/shield";
import ShieldOff from "@lucide/svelte/icons/shield-off";
import UserMinus from "@lucide/svelte/icons/user-minus";
import { openPerson } from "../contacts/open-person.ts";
import { chat } from "../state/chat.svelte.ts";
import { attempt, dialogs } from "../state/dialogs.svelte.ts";
import type { RoomConversation } from "../state/kinds.ts";
import type { Role } from "../state/types.ts";
import { memberPanel as text } from "../strings/room-dialogs.ts";
import { rooms } from "../strings/rooms.ts";
import type { MenuItem } from "../ui/menu.ts";
import { explainRoom } from "./explain-room.ts";

export const memberName = ({ nickname }: { nickname: string }) => nickname || rooms.somebody;

export function memberMenu({ id: room }: RoomConversation, member: RoomMemberView): readonly MenuItem[] {
  const { id, may, role, isContact, isMe } = member;
  const name = memberName(member);
  const items: MenuItem[] = [];
  const setRole = (wanted: Role) => void attempt(() => chat.client.setRole(room, id, wanted), explainRoom);
  const sure = async (title: string, words: string, confirm: string, work: () => Promise<void>) => {
    if (await dialogs.ask({ title, text: words, confirm, danger: true })) await attempt(work, explainRoom);
  };

  if (isContact && !isMe)
    items.push({ label: text.message, icon: MessageCircle, testid: "member-message", act: () => void openPerson(id) });
  if (may.roles.includes("admin"))
    items.push({
      label: role === "owner" ? text.makeAdminAgain : text.makeAdmin,
      icon: Shield,
      testid: "make-admin",
      act: () => setRole("admin"),
    });
  if (may.roles.includes("member") && role === "admin")
    items.push({ label: text.removeAdmin, icon: ShieldOff, testid: "remove-admin", act: () => setRole("member") });
  if (may.roles.includes("owner") && !isMe)
    items.push({
      label: text.handOver,
      icon: Crown,
      testid: "hand-over",
      act: () => void sure(text.handOverTitle(name), text.handOverText, text.handOver, () => chat.client.handOver(room, id)),
    });
  if (may.remove)
    items.push({
      label: text.remove,
      icon: UserMinus,
      danger: true,
      testid: "remove-member",
      act: () => void sure(text.removeTitle(name), text.removeText, text.remove, () => chat.client.removeFromRoom(room, id)),
    });
  if (may.ban)
    items.push({
      label: text.ban,
      icon: Ban,
      danger: true,
      testid: "ban-member",
      act: () =>
        void sure(text.banTitle(name), text.banText, text.ban, () => chat.client.removeFromRoom(room, id, { ban: true })),
    });
  return items;
}

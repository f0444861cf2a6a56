// Every dialog of rooms is loaded when it is first asked for.
import { dialogs } from "../state/dialogs.svelte.ts";
import type { ConversationId } from "../state/types.ts";

export const openCreateRoom = () => dialogs.show(() => import("./CreateRoomDialog.svelte"), {});
export const openJoinRoom = () => dialogs.show(() => import("./JoinRoomDialog.svelte"), {});
export const openRoomSettings = (id: ConversationId) => dialogs.show(() => import("./RoomSettingsDialog.svelte"), { id });
export const openAddPeople = (id: ConversationId) => dialogs.show(() => import("./AddPeopleDialog.svelte"), { id });
export const openInvites = (id: ConversationId) => dialogs.show(() => import("./InvitesDialog.svelte"), { id });

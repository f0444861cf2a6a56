// The two kinds of conversations, told apart by what they carry.
import type { ConversationView, PersonView, RoomView } from "@cychat/sdk";

export type DirectConversation = ConversationView & { readonly peer: PersonView };
export type RoomConversation = ConversationView & { readonly room: RoomView };

export const isDirect = (view: ConversationView): view is DirectConversation => view.peer !== null;
export const isRoom = (view: ConversationView): view is RoomConversation => view.room !== null;

// The ids and words of the protocol, as the SDK's views carry them.
import type { ConversationView, InviteView, MessageView, Profile, RoomMemberView, RoomView } from "@cychat/sdk";

export type AccountId = Profile["id"];
export type ConversationId = ConversationView["id"];
export type MessageId = MessageView["id"];
export type InviteId = InviteView["id"];
export type Role = RoomMemberView["role"];
export type JoinPolicy = RoomView["join"];
export type HistoryPolicy = RoomView["history"];
export type Right = RoomView["settings"]["post"];

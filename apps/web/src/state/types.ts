// The ids of the protocol, as the SDK's views carry them.
import type { ConversationView, MessageView, Profile } from "@cychat/sdk";

export type AccountId = Profile["id"];
export type ConversationId = ConversationView["id"];
export type MessageId = MessageView["id"];

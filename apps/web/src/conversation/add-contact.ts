import type { ConversationView } from "@cychat/sdk";
import { chat } from "../state/chat.svelte.ts";
import { attempt } from "../state/dialogs.svelte.ts";
import { explain } from "../state/failure.ts";

export const addContact = (view: ConversationView) => attempt(() => chat.client.addContact({ email: view.peer.email }), explain);

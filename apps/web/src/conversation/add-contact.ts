import { chat } from "../state/chat.svelte.ts";
import { attempt } from "../state/dialogs.svelte.ts";
import { explain } from "../state/failure.ts";
import type { DirectConversation } from "../state/kinds.ts";

export const addContact = (view: DirectConversation) =>
  attempt(() => chat.client.addContact({ email: view.peer.email }), explain);

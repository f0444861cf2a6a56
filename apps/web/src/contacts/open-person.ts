import { chat } from "../state/chat.svelte.ts";
import { attempt } from "../state/dialogs.svelte.ts";
import { explain } from "../state/failure.ts";
import { chatPath, router } from "../state/router.svelte.ts";
import type { AccountId } from "../state/types.ts";

/** Shows the direct chat with somebody. */
export const openPerson = (account: AccountId) =>
  attempt(async () => {
    const conversation = await chat.openDirect(account);
    router.go(chatPath(conversation.id));
  }, explain);

import { dialogs } from "../state/dialogs.svelte.ts";
import type { ConversationId } from "../state/types.ts";

export const openSafetyNumber = (id: ConversationId) => dialogs.show(() => import("./SafetyNumberDialog.svelte"), { id });
export const openIdentityChange = (id: ConversationId) => dialogs.show(() => import("./IdentityChangeDialog.svelte"), { id });

import { dialogs } from "../state/dialogs.svelte.ts";

export const openRecovery = () => dialogs.show(() => import("./RecoveryDialog.svelte"), {});

import { dialogs } from "../state/dialogs.svelte.ts";

export const openContacts = () => dialogs.show(() => import("./ContactsDialog.svelte"), {});

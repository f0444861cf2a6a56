import { dialogs } from "../state/dialogs.svelte.ts";

export const openShortcuts = () => dialogs.show(() => import("./ShortcutsDialog.svelte"), {});

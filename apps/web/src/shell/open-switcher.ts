import { dialogs } from "../state/dialogs.svelte.ts";

export const openSwitcher = () => dialogs.show(() => import("./Switcher.svelte"), {});

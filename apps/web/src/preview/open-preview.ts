import type { MessageView } from "@cychat/sdk";
import { dialogs } from "../state/dialogs.svelte.ts";

/** `index`: of the file among the message's files. */
export const openPreview = (message: MessageView, index: number) =>
  dialogs.show(() => import("./PreviewDialog.svelte"), { message, index });

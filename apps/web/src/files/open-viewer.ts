import type { MessageView } from "@cychat/sdk";
import { dialogs } from "../state/dialogs.svelte.ts";

/** `index`: of the picture among the message's files. */
export const openViewer = (message: MessageView, index: number) =>
  dialogs.show(() => import("./PictureViewer.svelte"), { message, index });

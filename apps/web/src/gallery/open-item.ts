// What a press on a file of the gallery does.
import { isPicture, isVoice, playedAs } from "../files/kinds.ts";
import { openViewer } from "../files/open-viewer.ts";
import { previewOf } from "../preview/kinds.ts";
import { openPreview } from "../preview/open-preview.ts";
import { dialogs } from "../state/dialogs.svelte.ts";
import type { Item } from "./months.ts";

export const fileOf = ({ message, index }: Item) => message.files[index];

/** Whether there is something to look at; everything else is downloaded. */
export function canOpen(item: Item): boolean {
  const file = fileOf(item);
  return file !== undefined && (isPicture(file) || playedAs(file) !== null || previewOf(file) !== null);
}

export function openItem({ message, index }: Item): Promise<void> | undefined {
  const file = message.files[index];
  if (!file) return;
  if (isPicture(file)) return openViewer(message, index);
  if (playedAs(file) !== null || isVoice(file)) return dialogs.show(() => import("./PlayerDialog.svelte"), { message, index });
  return previewOf(file) ? openPreview(message, index) : undefined;
}

import { common } from "../strings/common.ts";
import { toasts } from "./toasts.svelte.ts";

export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toasts.show(common.copied);
  } catch {
    toasts.show(common.copyFailed, "danger");
  }
}

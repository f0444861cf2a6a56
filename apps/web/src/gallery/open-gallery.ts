import type { ConversationView } from "@cychat/sdk";
import { tick } from "svelte";
import { chatPath, panelPath, router } from "../state/router.svelte.ts";

/** Who waits to be let in has nothing to look at yet. */
export const hasGallery = ({ state }: ConversationView) => state !== "pending";

export function openGallery({ id }: ConversationView): void {
  const { route } = router;
  router.go(panelPath(id, "files"), { replace: route.page === "chat" && route.panel !== null });
}

/** On a small screen the gallery stands over the conversation: it makes way for what is shown there. */
export async function uncover({ id }: ConversationView): Promise<void> {
  if (!matchMedia("(max-width: 70rem)").matches) return;
  router.go(chatPath(id), { replace: true });
  await tick();
}

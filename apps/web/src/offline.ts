import { toasts } from "./state/toasts.svelte.ts";
import { common } from "./strings/common.ts";
import { workerAddress, workersAllowed } from "./trusted.ts";

/** Keeps the app itself on this device, so that it starts without a network; and says when a part of it is outdated. */
export function keepOffline(): void {
  // A page from before an update may ask for a file that is gone. It is never reloaded under somebody's hands.
  addEventListener("vite:preloadError", () => toasts.show(common.updateReady, "danger"));
  if (!import.meta.env.PROD || !workersAllowed || !("serviceWorker" in navigator)) return;
  addEventListener("load", () => {
    navigator.serviceWorker.register(workerAddress("/service-worker.js"), { updateViaCache: "none" }).catch(console.error);
  });
}

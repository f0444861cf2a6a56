// Whether the service worker that is in charge of this page answers at /stream/. There may be none (a first visit, a policy
// that allows none), or one from before it could, whose pages are still open.
import type { WorkerQuestion } from "./messages.ts";

/** A stopped worker needs to start first. */
const answerMs = 3_000;
const known = new WeakSet<ServiceWorker>();
const question: WorkerQuestion = { kind: "streams?" };

const controller = () =>
  typeof navigator !== "undefined" && "serviceWorker" in navigator ? navigator.serviceWorker.controller : null;

export async function workerStreams(): Promise<boolean> {
  const worker = controller();
  if (worker === null) return false;
  if (known.has(worker)) return true;
  const { port1, port2 } = new MessageChannel();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), answerMs);
  port1.onmessage = () => resolve(true);
  worker.postMessage(question, [port2]);
  const streams = await promise;
  clearTimeout(timer);
  port1.close();
  if (streams) known.add(worker);
  return streams;
}

/** A browser stops a worker that nobody asks anything, also while it passes on bytes. */
export const keepAwake = () => controller()?.postMessage(question);

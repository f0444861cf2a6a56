// Keeps the app itself (no message, no key, no answer of the API) in a cache, so that it starts without a network.
// The build fills in its files and their version. And it answers for files that a page decrypts while they are played or saved.
import { answerStream, streamId } from "./src/streaming/answer.ts";

const files = __FILES__;
const cacheName = `cychat-app-${__VERSION__}`;
const patienceMs = 3000;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll(["/chat", ...files])));
});

// Older caches stay until the pages that were made from them are closed: only then does a new worker become active.
self.addEventListener("activate", (event) => {
  const removeOld = async () => {
    const names = await caches.keys();
    await Promise.all(
      names.filter((name) => name.startsWith("cychat-app-") && name !== cacheName).map((name) => caches.delete(name)),
    );
  };
  // The first page there is was opened before this worker: it is in charge of that one, too. No page of an older one is left.
  event.waitUntil(Promise.all([removeOld(), self.clients.claim()]));
});

// Pages ask whether files can be played and saved through this worker; or, without a port, that it stays while one is saved.
// A page in the background may ask no more than once a minute.
const awakeMs = 70_000;
self.addEventListener("message", (event) => {
  const [port] = event.ports;
  if (port) port.postMessage("yes");
  else event.waitUntil(new Promise((resolve) => setTimeout(resolve, awakeMs)));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  const stream = streamId(pathname);
  if (stream !== null) {
    event.respondWith(pages().then((open) => answerStream(request, stream, open)));
    return;
  }
  if (request.mode === "navigate" && /^\/(?:login|register|chat|profile|join)?(?:\/|$)/.test(pathname))
    event.respondWith(page(request));
  else if (files.includes(pathname)) event.respondWith(kept(request));
});

/** The server's page where it answers in time, so that an update arrives with the next start; else the kept one. */
async function page(request) {
  try {
    return await Promise.race([fetch(request), refusal(patienceMs)]);
  } catch {
    return (await caches.match("/chat", { cacheName })) ?? Response.error();
  }
}

const refusal = (ms) => new Promise((_, reject) => setTimeout(() => reject(new Error("slow")), ms));

const pages = () => self.clients.matchAll({ type: "window", includeUncontrolled: true });

/** Built files carry their hash in their name and never change. */
const kept = async (request) => (await caches.match(request, { cacheName })) ?? fetch(request);

// Keeps the app itself (no message, no key, no answer of the API) in a cache, so that it starts without a network.
// The build fills in its files and their version.
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
  event.waitUntil(removeOld());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
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

/** Built files carry their hash in their name and never change. */
const kept = async (request) => (await caches.match(request, { cacheName })) ?? fetch(request);

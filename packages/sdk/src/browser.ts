// The client of a browser: one for all its tabs, its state encrypted in IndexedDB under keys that cannot be extracted.
import type { Argon2id } from "@cychat/crypto";
import { openClient } from "./client.ts";
import type { ChatClient } from "./client-api.ts";
import { ClientError } from "./client-error.ts";
import { type Environment, environment } from "./environment.ts";
import { IndexedDbStore } from "./store/indexeddb-store.ts";
import type { Channel, Locks } from "./tabs/channel.ts";
import { connectTab } from "./tabs/tab-client.ts";

export * from "./index.ts";
export { IndexedDbStore } from "./store/indexeddb-store.ts";

export interface ConnectClientOptions {
  /** The server's address; where this page came from unless given. */
  readonly url?: string;
  /** Runs Argon2id off the main thread (about a second and 64 MiB); without it, it runs here. */
  readonly argon2id?: Argon2id;
  /** Shown in the list of sessions, e.g. "Firefox on Linux"; made from the user agent unless given. */
  readonly deviceName?: string;
  /** Bugs and failing stores: for the console. Never carries content or keys. */
  readonly report?: (error: unknown) => void;
  readonly environment?: Partial<Environment>;
}

/**
 * Resolves once the client is there: opened in this tab, or owned by another tab of this browser. It shows what is
 * stored at once, also offline.
 * @example
 * const client = await connectClient({ argon2id });
 * client.subscribe((event) => show(event));
 */
export async function connectClient(options: ConnectClientOptions = {}): Promise<ChatClient> {
  if (!globalThis.isSecureContext) throw new ClientError("insecure-context");
  const url = options.url ?? location.origin;
  const name = `cychat ${url}`;
  const world = environment({
    onOnline: listenForReturn,
    ...(options.argon2id === undefined ? {} : { argon2id: options.argon2id }),
    ...options.environment,
  });
  return connectTab({
    name,
    tab: crypto.randomUUID(),
    clock: world.clock,
    locks: navigator.locks as Locks,
    openChannel: (channel) => new BroadcastChannel(channel) as Channel,
    async openClient() {
      return openClient({
        url,
        store: await IndexedDbStore.open({ name }),
        environment: world,
        deviceName: options.deviceName ?? describeBrowser(navigator.userAgent),
        ...(options.report === undefined ? {} : { report: options.report }),
      });
    },
  });
}

/** The network is back, or somebody looks at the page again: after a sleep the connection may be dead without a word. */
function listenForReturn(listener: () => void): () => void {
  const whenVisible = () => {
    if (document.visibilityState === "visible") listener();
  };
  const page = typeof document === "undefined" ? null : document;
  addEventListener("online", listener);
  page?.addEventListener("visibilitychange", whenVisible);
  return () => {
    removeEventListener("online", listener);
    page?.removeEventListener("visibilitychange", whenVisible);
  };
}

/** "Firefox on Linux": enough to recognise one's own session by. */
function describeBrowser(userAgent: string): string {
  const browsers = [
    ["Edg/", "Edge"],
    ["OPR/", "Opera"],
    ["Firefox/", "Firefox"],
    ["Chrome/", "Chrome"],
    ["Safari/", "Safari"],
  ] as const;
  const systems = [
    ["Android", "Android"],
    ["iPhone", "iPhone"],
    ["iPad", "iPad"],
    ["Windows", "Windows"],
    ["Mac OS X", "macOS"],
    ["CrOS", "ChromeOS"],
    ["Linux", "Linux"],
  ] as const;
  const found = (names: readonly (readonly [string, string])[]) => names.find(([mark]) => userAgent.includes(mark))?.[1];
  return `${found(browsers) ?? "Browser"} on ${found(systems) ?? "an unknown system"}`;
}

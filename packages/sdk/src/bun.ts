// Clients for programs on Bun: bots, tests, simulations, load.

import type { NewFileHasher } from "@cychat/crypto";
import { openClient } from "./client.ts";
import type { ChatClient } from "./client-api.ts";
import { type Environment, environment } from "./environment.ts";
import { exportableKeys } from "./exportable-keys.ts";
import { MemoryStore } from "./store/memory-store.ts";
import { SqliteStore } from "./store/sqlite-store.ts";
import type { Store } from "./store/store.ts";

export { exportableKeys } from "./exportable-keys.ts";
export * from "./index.ts";
export { SqliteStore } from "./store/sqlite-store.ts";

export interface CreateClientOptions {
  /** The server's address, e.g. `http://localhost:8000`. */
  readonly url: string;
  /**
   * A file (made when missing, with `<file>.key` beside it: both hold secrets and are readable by their owner only), or
   * a store. Without one, everything is in memory and gone with the process.
   */
  readonly store?: string | Store;
  readonly deviceName?: string;
  readonly report?: (error: unknown) => void;
  /** For tests and simulations: another network, clock, chance, or quicker Argon2. */
  readonly environment?: Partial<Environment>;
}

/** Uses the processor's own instructions, where WebAssembly cannot. */
const nativeFileHasher: NewFileHasher = async () => {
  const hasher = new Bun.CryptoHasher("sha256");
  return { update: (bytes) => hasher.update(bytes), digest: () => new Uint8Array(hasher.digest()) };
};

/**
 * @example
 * const client = await createClient({ url: "http://localhost:8000", store: "./bot.db" });
 * await client.logIn({ email, password });
 */
export async function createClient(options: CreateClientOptions): Promise<ChatClient> {
  const store = typeof options.store === "string" ? await SqliteStore.open(options.store) : (options.store ?? new MemoryStore());
  return openClient({
    url: options.url,
    store,
    deviceName: options.deviceName ?? "A program",
    environment: environment({ keys: exportableKeys, newFileHasher: nativeFileHasher, ...options.environment }),
    ...(options.report === undefined ? {} : { report: options.report }),
  });
}

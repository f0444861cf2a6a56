// The client without a screen. Platforms: "@cychat/sdk/browser" (connectClient), "@cychat/sdk/bun" (createClient).

export { type ClientOptions, openClient } from "./client.ts";
export * from "./client-api.ts";
export { ClientError, clientRefusals } from "./client-error.ts";
export {
  type Clock,
  type Environment,
  environment,
  type Fetch,
  type KeyFactory,
  nonExtractableKeys,
  systemClock,
  type WebSocketLike,
} from "./environment.ts";
export { MemoryStore } from "./store/memory-store.ts";
export type { Place, Store, StoredRecord, Write } from "./store/store.ts";

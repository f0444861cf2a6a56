// What every part of a signed-in client works with.
import type { Device } from "@cychat/crypto";
import type { AccountId } from "@cychat/protocol";
import type { Environment } from "./environment.ts";
import type { EventHub } from "./event-hub.ts";
import type { AccountDirectory } from "./keys/account-directory.ts";
import type { VaultKeeper } from "./keys/vault-keeper.ts";
import type { ServerTime } from "./server-time.ts";
import type { Store } from "./store/store.ts";
import type { Http } from "./transport/http.ts";

export interface Core {
  readonly environment: Environment;
  readonly store: Store;
  readonly http: Http;
  readonly events: EventHub;
  readonly time: ServerTime;
  readonly me: { readonly account: AccountId; readonly device: Device };
  readonly vault: VaultKeeper;
  readonly accounts: AccountDirectory;
  /** Lets whatever waits go first: between slices of long work. */
  pause(): Promise<void>;
  /** A bug, or a store that fails: nothing that a user did. */
  report(error: unknown): void;
}

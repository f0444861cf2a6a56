// What every feature is given.
import type { MemberStates } from "./chats/service.ts";
import type { Config } from "./config.ts";
import type { Db, Engine } from "./database/engine.ts";
import type { BlobStore } from "./files/service.ts";
import type { Log } from "./log.ts";
import type { Events } from "./realtime/events.ts";
import type { Presence } from "./realtime/presence.ts";

export interface Core {
  readonly config: Config;
  readonly db: Db;
  readonly engine: Engine;
  readonly events: Events;
  readonly presence: Presence;
  readonly memberStates: MemberStates;
  readonly blobs: BlobStore;
  readonly log: Log;
}

// What appending a record needs, and what it leaves to be announced.
import type { AccountId, RecordEntry } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import type { Principal } from "../http/principal.ts";
import type { KeptRooms } from "./room-state.ts";

export interface AddedRecord {
  readonly entry: RecordEntry;
  readonly kind: "direct" | "room";
  readonly isNew: boolean;
  /** Whose membership begins or ends with it. */
  readonly newcomers: readonly AccountId[];
  readonly gone: readonly AccountId[];
  /** Those whose join requests are answered, moved or void now. */
  readonly askers: readonly AccountId[];
  readonly isDeleted: boolean;
}

export interface RecordContext {
  readonly db: Db;
  readonly kept: KeptRooms;
  readonly principal: Principal;
  /** The server's clock, for invites. */
  readonly nowMs: number;
}

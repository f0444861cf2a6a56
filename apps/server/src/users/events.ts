import type { AccountId, ServerFrame } from "@cychat/protocol";
import type { Core } from "../core.ts";
import { acquaintancesOf } from "./store.ts";

/** After the commit: a hint to read profile or keys again, for the account itself and for whoever shows them. */
export async function announceToAcquaintances(
  { db, events }: Pick<Core, "db" | "events">,
  account: AccountId,
  what: "profile" | "keys",
): Promise<void> {
  const frame: ServerFrame = { type: "changed", what, account };
  events.announce({ to: [account, ...(await acquaintancesOf(db, account))], frame });
}

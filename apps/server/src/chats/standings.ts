// How a member stands to a conversation that somebody else brought them into; the other one is not told.
import type { AccountId } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import { inChunks } from "./statements.ts";

export type Standing = "contact" | "blocked" | "stranger";

/** How each of `accounts` stands to `author`: blocking counts more than being a contact. */
export async function standingsTo(
  trx: Db,
  author: AccountId,
  accounts: readonly AccountId[],
): Promise<(account: AccountId) => Standing> {
  const contacts = await inChunks(accounts, (some) =>
    trx.selectFrom("contacts").select("account").where("contact", "=", author).where("account", "in", some).execute(),
  );
  const blocks = await inChunks(accounts, (some) =>
    trx.selectFrom("blocks").select("account").where("blocked", "=", author).where("account", "in", some).execute(),
  );
  const followers = new Set(contacts.map(({ account }) => account));
  const blockers = new Set(blocks.map(({ account }) => account));
  return (account) => (blockers.has(account) ? "blocked" : followers.has(account) ? "contact" : "stranger");
}

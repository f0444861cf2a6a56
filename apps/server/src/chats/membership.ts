// Permission as a value: whoever wants to read or change a conversation holds a Membership, and only a look-up makes one.
import { type AccountId, type ConversationId, ProtocolError } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import type { MemberState } from "../database/schema.ts";

declare const checked: unique symbol;

export interface Membership {
  readonly [checked]: true;
  readonly conversation: ConversationId;
  readonly account: AccountId;
  readonly role: "member" | "admin" | "owner";
  readonly state: MemberState;
}

/** Throws `not-found` for conversations of others as for those that do not exist. */
export async function requireMembership(db: Db, account: AccountId, conversation: ConversationId): Promise<Membership> {
  const membership = await findMembership(db, account, conversation);
  if (!membership) throw new ProtocolError("not-found");
  return membership;
}

export async function findMembership(db: Db, account: AccountId, conversation: ConversationId): Promise<Membership | null> {
  const row = await db
    .selectFrom("members")
    .select(["role", "state"])
    .where("conversation", "=", conversation)
    .where("account", "=", account)
    .executeTakeFirst();
  return row ? ({ conversation, account, ...row } as Membership) : null;
}

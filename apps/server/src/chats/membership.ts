// Permission as a value: whoever wants to read or change a conversation holds a Membership, and only a look-up makes one.
import { type AccountId, type ConversationId, ProtocolError } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import type { MemberState } from "../database/schema.ts";

declare const checked: unique symbol;

export interface Membership {
  readonly [checked]: true;
  readonly conversation: ConversationId;
  readonly account: AccountId;
  readonly kind: "direct" | "room";
  readonly role: "member" | "admin" | "owner";
  readonly state: MemberState;
  /** From where on this account may read. */
  readonly firstSeq: number;
  /** Of a former member: the number and the index of the record that ended it, the last ones to be read. */
  readonly until: { readonly seq: number; readonly index: number } | null;
}

/** A membership that lasts. */
export interface CurrentMembership extends Membership {
  readonly until: null;
}

/** Also of former members. Throws `not-found` for conversations of others as for those that do not exist. */
export async function requireMembership(db: Db, account: AccountId, conversation: ConversationId): Promise<Membership> {
  const membership = await findMembership(db, account, conversation);
  if (!membership) throw new ProtocolError("not-found");
  return membership;
}

/** Throws `not-found`, for former members too. */
export async function requireCurrent(db: Db, account: AccountId, conversation: ConversationId): Promise<CurrentMembership> {
  const membership = await requireMembership(db, account, conversation);
  if (!isCurrent(membership)) throw new ProtocolError("not-found");
  return membership;
}

/** Throws `not-found`, or `not-allowed` where only admins and owners write. */
export async function requireWriter(db: Db, account: AccountId, conversation: ConversationId): Promise<CurrentMembership> {
  const membership = await requireCurrent(db, account, conversation);
  if (membership.role !== "member") return membership;
  const row = await db.selectFrom("conversations").select("post").where("id", "=", conversation).executeTakeFirst();
  if (row?.post === "admin") throw new ProtocolError("not-allowed");
  return membership;
}

function isCurrent(membership: Membership): membership is CurrentMembership {
  return membership.until === null;
}

export async function findMembership(db: Db, account: AccountId, conversation: ConversationId): Promise<Membership | null> {
  const row = await db
    .selectFrom("members")
    .innerJoin("conversations", "conversations.id", "members.conversation")
    .select(["conversations.kind", "role", "state", "first_seq", "until_seq", "until_index"])
    .where("members.conversation", "=", conversation)
    .where("members.account", "=", account)
    .where("is_forgotten", "=", 0)
    .executeTakeFirst();
  if (!row) return null;
  const { kind, role, state, first_seq: firstSeq, until_seq, until_index } = row;
  const until = until_seq === null || until_index === null ? null : { seq: until_seq, index: until_index };
  return { conversation, account, kind, role, state, firstSeq, until } as Membership;
}

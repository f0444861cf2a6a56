// How a member stands to a conversation: active, request, ignored, blocked. The contacts feature changes it.
import { createHash } from "node:crypto";
import { type AccountId, type ConversationId, directConversationPreimage, toBase64url } from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import type { MemberState } from "../database/schema.ts";
import type { Events } from "../realtime/events.ts";

export function directConversationId(a: AccountId, b: AccountId): ConversationId {
  return toBase64url(createHash("sha256").update(directConversationPreimage(a, b)).digest()) as ConversationId;
}

export interface StateChange {
  readonly account: AccountId;
  readonly conversation: ConversationId;
}

export interface MemberStates {
  /**
   * Sets one member's state inside the caller's transaction; null when it is no member, or its state is none of `from`.
   * Hand the result to {@link announce} after the commit.
   */
  set(trx: Db, member: StateChange, state: MemberState, from?: readonly MemberState[]): Promise<StateChange | null>;
  /** The same for `account`'s side of its direct chat with `other`; null when they have none. */
  setDirect(
    trx: Db,
    account: AccountId,
    other: AccountId,
    state: MemberState,
    from?: readonly MemberState[],
  ): Promise<StateChange | null>;
  /** Inside the transaction that gives the account a newer encryption key: its rooms need one, too, before the next message. */
  oweRotation(trx: Db, account: AccountId): Promise<void>;
  /** After the commit: tells the account's own connections, and the fan-out. */
  announce(change: StateChange | null): void;
}

export function createMemberStates(events: Events): MemberStates {
  const set: MemberStates["set"] = async (trx, { account, conversation }, state, from) => {
    const { numUpdatedRows } = await trx
      .updateTable("members")
      .set({ state })
      .where("conversation", "=", conversation)
      .where("account", "=", account)
      .where("until_seq", "is", null)
      .where("state", "<>", state)
      .$if(from !== undefined, (query) => query.where("state", "in", from ?? []))
      .executeTakeFirstOrThrow();
    if (numUpdatedRows === 0n) return null;
    await touch(trx, conversation);
    return { account, conversation };
  };
  return {
    set,
    setDirect: (trx, account, other, state, from) =>
      set(trx, { account, conversation: directConversationId(account, other) }, state, from),
    async oweRotation(trx, account) {
      await trx
        .updateTable("conversations")
        .set({ rotation_owed: 1 })
        .where("kind", "=", "room")
        .where("id", "in", (eb) =>
          eb.selectFrom("members").select("conversation").where("account", "=", account).where("until_seq", "is", null),
        )
        .execute();
    },
    announce(change) {
      if (!change) return;
      events.membersChanged(change.conversation);
      events.announce({
        to: [change.account],
        frame: { type: "changed", what: "conversations", conversation: change.conversation },
      });
      // Who takes a room on can be asked from now on.
      events.requestsChanged(change.conversation);
    },
  };
}

/** Moves a conversation to the top of `changed_since_ms`; its clock never goes back. */
export async function touch(trx: Db, conversation: ConversationId): Promise<void> {
  const nowMs = Date.now();
  await trx
    .updateTable("conversations")
    .set((eb) => ({ changed_at_ms: eb.case().when("changed_at_ms", "<", nowMs).then(nowMs).else(eb.ref("changed_at_ms")).end() }))
    .where("id", "=", conversation)
    .execute();
}

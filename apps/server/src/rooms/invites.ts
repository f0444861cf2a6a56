// What an invite link opens, for whoever proves to hold it.
import {
  type AccountId,
  type ConversationId,
  encodeCbor,
  fromBase64url,
  type InviteId,
  labels,
  ProtocolError,
} from "@cychat/protocol";
import { checkInviteProof } from "../chats/service.ts";
import type { Db } from "../database/engine.ts";

export interface InviteProof {
  readonly conversation: ConversationId;
  readonly invite: InviteId;
  readonly account: AccountId;
  /** base64url. */
  readonly signature: string;
  readonly nowMs: number;
}

/** Throws `not-found`, `bad-signature`, `banned` or `invite-ended`. */
export async function assertInvite(db: Db, { signature, ...use }: InviteProof): Promise<void> {
  const payload = encodeCbor([use.conversation, use.invite, use.account]);
  await checkInviteProof(db, use, labels.inviteOpen, { payload, signature: fromBase64url(signature) });
}

export async function invitedRoom(db: Db, { conversation, account }: InviteProof) {
  const row = await db
    .selectFrom("conversations")
    .leftJoin("members", (join) =>
      join
        .onRef("members.conversation", "=", "conversations.id")
        .on("members.account", "=", account)
        .on("members.until_seq", "is", null),
    )
    .select(["member_count", "members.account as member"])
    .where("conversations.id", "=", conversation)
    .executeTakeFirst();
  if (!row) throw new ProtocolError("not-found");
  return { member_count: row.member_count, is_member: row.member !== null };
}

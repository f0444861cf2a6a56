// Lost keys, written again by another member.
import { type AccountId, type ConversationId, type HistoryLetter, ProtocolError } from "@cychat/protocol";
import { sealRow } from "../chats/service.ts";
import type { Db } from "../database/engine.ts";
import { deleteSealRequest } from "./requests.ts";

export interface NewLetter extends HistoryLetter {
  readonly recipient: AccountId;
  /** The record that its info names. */
  readonly record_index: number;
}

/**
 * One letter per author and record: nobody can put theirs in the place of somebody else's. Throws `not-found` where nobody
 * has asked for it, `seal-missing` for another key than the newest.
 */
export async function putLetter(db: Db, author: AccountId, conversation: ConversationId, letter: NewLetter): Promise<void> {
  const { recipient, record_index } = letter;
  const row = { conversation, author, record_index, ...sealRow(letter), recipient };
  await db.transaction().execute(async (trx) => {
    if (!(await deleteSealRequest(trx, conversation, recipient))) throw new ProtocolError("not-found");
    const record = await trx
      .selectFrom("records")
      .select("idx")
      .where("conversation", "=", conversation)
      .where("idx", "=", record_index)
      .executeTakeFirst();
    if (!record) throw new ProtocolError("not-found");
    const keys = await trx.selectFrom("account_keys").select("generation").where("account", "=", recipient).executeTakeFirst();
    if (keys?.generation !== letter.generation) throw new ProtocolError("seal-missing");
    await trx
      .deleteFrom("history_letters")
      .where("conversation", "=", conversation)
      .where("recipient", "=", recipient)
      .where("record_index", "=", record_index)
      .where("author", "=", author)
      .execute();
    await trx.insertInto("history_letters").values(row).execute();
  });
}

// Takes what is kept of one conversation out of the store, in one write. Where this device's own chain of messages stands
// stays: whoever comes in again goes on counting there.
import type { ConversationId } from "@cychat/protocol";
import type { Store, Write } from "../store/store.ts";
import { tables } from "../store/tables.ts";

export async function dropConversation(store: Store, id: ConversationId): Promise<void> {
  const writes: Write[] = [];
  for (const table of [tables.history, tables.deletions, tables.edits, tables.erasures]) {
    for (const { key } of await store.list(table.name, id)) writes.push(table.delete(id, key));
  }
  for (const table of [tables.conversations, tables.chains, tables.keyrings, tables.profiles, tables.drafts])
    writes.push(table.delete("", id));
  await store.write(writes);
}

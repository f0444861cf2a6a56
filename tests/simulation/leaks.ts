// Nobody keeps a text that was not for them, and the server keeps none at all.
import { type ConversationId, decodeRecord } from "@cychat/protocol";
import { mayReadChangeBy, messagesFor, readStored } from "./stored.ts";
import type { World } from "./world.ts";

export async function leaks(world: World): Promise<string | null> {
  const stored = await readStored(world);
  for (const device of world.devices) {
    const readable = new Set<string>();
    for (const conversation of stored) {
      const member = conversation.members.find(({ account }) => account === device.account);
      if (member !== undefined) for (const { id } of messagesFor(conversation, member)) readable.add(id);
    }
    const kept = JSON.stringify([await device.store.list("history"), await device.store.list("edits")]);
    const mayReadChanges = (author: string, id: ConversationId): boolean => {
      const conversation = stored.find((one) => one.id === id);
      const member = conversation?.members.find(({ account }) => account === device.account);
      const by = world.people.get(author);
      return conversation !== undefined && member !== undefined && mayReadChangeBy(conversation, member.id, by);
    };
    for (const { id, sender, conversation: inside, text, edits } of world.truth.written.values()) {
      if (readable.has(id) || sender === device.account) continue;
      const found = [text, ...(mayReadChanges(sender, inside) ? [] : edits.map((edit) => edit.text))].find((secret) =>
        kept.includes(secret),
      );
      if (found !== undefined) return `${device.name} keeps "${found}"`;
    }
  }
  return leakOfServer(world);
}

async function leakOfServer(world: World): Promise<string | null> {
  const { written, roomTexts } = world.truth;
  const inClear = await textsInClear(world);
  const secret = [
    ...[...written.values()].flatMap(({ text, edits }) => [text, ...edits.map((edit) => edit.text)]),
    ...[...roomTexts].filter((text) => !inClear.some((clear) => clear.includes(text))),
  ];
  const files = world.readServerFiles();
  const found = secret.find((text) => files.some((file) => file.includes(text)));
  return found === undefined ? null : `the server keeps "${found}"`;
}

/** Handles and descriptions of rooms that could be found: everybody may read them, in the records and beside them. */
async function textsInClear(world: World): Promise<string[]> {
  const records = await world.server.core.db.selectFrom("records").select("payload").execute();
  return records.flatMap(({ payload }) =>
    decodeRecord(payload).changes.flatMap((change) => {
      if (change.kind !== "settings" && change.kind !== "create-room") return [];
      return [change.settings.handle, change.settings.description].filter((text) => text !== null);
    }),
  );
}

// Messages as they are kept, after a deletion or an edit, or without anything to show.
import { equalBytes } from "@cychat/protocol";
import type { DeletionRecord, EditRecord, StoredMessage } from "../store/tables.ts";

/** What is kept of an entry that has no text of its own. */
export const nothing = { text: "", sentAtMs: null, envelopeHash: null, problem: null, envelope: null } as const;

export function deletedNow(
  { mentions: _, editSeq: __, deletedBy: ___, files: ____, ...message }: StoredMessage,
  { by }: DeletionRecord,
): StoredMessage {
  const gone: StoredMessage = { ...message, kind: "deleted", text: "", problem: null, envelope: null };
  return by === message.sender ? gone : { ...gone, deletedBy: by };
}

/** An edit of another envelope than this one says nothing about it. */
export function editedNow(message: StoredMessage, { envelopeHash, text, mentions, seq: editSeq }: EditRecord): StoredMessage {
  if (message.envelopeHash === null || !equalBytes(message.envelopeHash, envelopeHash)) return message;
  return { ...message, text, editSeq, mentions };
}

// A message in the seed's fields.
import type { AccountId, ConversationId, SeedMessage } from "@cychat/protocol";

export interface SeedPerson {
  readonly id: AccountId;
  readonly nickname: string;
  readonly email: string;
}

/** One conversation, as one of its members sees it. */
export interface SeedView {
  readonly conversation: ConversationId;
  readonly self: AccountId;
  readonly people: ReadonlyMap<AccountId, SeedPerson>;
}

export interface StoredMessage {
  readonly id: string;
  readonly seq: number;
  readonly atMs: number;
  /** base64url. */
  readonly envelope: string;
}

export function seedMessage(
  { self, people }: SeedView,
  sender: AccountId,
  { id, seq, atMs, envelope }: StoredMessage,
): SeedMessage {
  const { nickname, email } = people.get(sender) ?? nobody;
  return {
    msg_id: id,
    seq,
    content: envelope,
    type: sender === self ? "sent" : "received",
    // What kind of content it is stands inside the envelope; the seed's fields carry a constant.
    message_type: "text",
    media: null,
    creation_date: new Date(atMs).toISOString(),
    id: sender,
    nickname,
    email,
  };
}

/** Somebody who came in after the view was made. */
const nobody = { nickname: "", email: "" };

// A message in the seed's fields.
import type { AccountId, ConversationId, SeedMessage } from "@cychat/protocol";

export interface SeedPerson {
  readonly id: AccountId;
  readonly nickname: string;
  readonly email: string;
}

/** One direct chat, as one of its two sees it. */
export interface SeedView {
  readonly conversation: ConversationId;
  readonly self: SeedPerson;
  readonly other: SeedPerson;
}

export interface StoredMessage {
  readonly id: string;
  readonly seq: number;
  readonly atMs: number;
  /** base64url. */
  readonly envelope: string;
}

export function seedMessage(
  { self, other }: SeedView,
  sender: AccountId,
  { id, seq, atMs, envelope }: StoredMessage,
): SeedMessage {
  const author = sender === self.id ? self : other;
  return {
    msg_id: id,
    seq,
    content: envelope,
    type: sender === self.id ? "sent" : "received",
    // What kind of content it is stands inside the envelope; the seed's fields carry a constant.
    message_type: "text",
    media: null,
    creation_date: new Date(atMs).toISOString(),
    id: author.id,
    nickname: author.nickname,
    email: author.email,
  };
}

// What a screen sees of a message and of a conversation.
import type { AccountId } from "@cychat/protocol";
import type { ConversationView, MessageView, PersonView, Problem } from "../client-api.ts";
import type { OutboxRecord, StoredMessage } from "../store/tables.ts";

/** A clock that is ahead, or a message that waited longer, is not believed: the server's time is shown then. */
const plausible = { aheadMs: 5 * 60_000, behindMs: 30 * 24 * 3600_000 } as const;

export interface ReceiptsOfPeer {
  readonly peerDeliveredSeq: number;
  readonly peerReadSeq: number;
}

export function viewOfStored(
  message: StoredMessage,
  conversation: ConversationView["id"],
  me: AccountId,
  receipts: ReceiptsOfPeer,
  beingDeleted: boolean,
): MessageView {
  const mine = message.sender === me;
  const gone = beingDeleted && message.kind !== "control";
  return {
    id: message.id,
    conversation,
    seq: message.seq,
    sender: message.sender,
    mine,
    kind: gone || message.kind === "control" ? "deleted" : message.kind,
    text: gone ? "" : message.text,
    sentAtMs: shownTime(message),
    atMs: message.atMs,
    state: mine ? stateOf(message.seq, receipts) : "sent",
    problem: gone ? null : message.problem,
  };
}

export function viewOfUnsent(item: OutboxRecord, me: AccountId, sentAtMs: number): MessageView {
  return {
    id: item.id,
    conversation: item.conversation,
    seq: null,
    sender: me,
    mine: true,
    kind: "text",
    text: item.content.kind === "text" ? item.content.text : "",
    sentAtMs,
    atMs: null,
    state: item.failed === null ? "sending" : "failed",
    problem: item.failed,
  };
}

export function shownTime({ sentAtMs, atMs }: Pick<StoredMessage, "sentAtMs" | "atMs">): number {
  if (sentAtMs === null || sentAtMs > atMs + plausible.aheadMs || sentAtMs < atMs - plausible.behindMs) return atMs;
  return sentAtMs;
}

function stateOf(seq: number, receipts: ReceiptsOfPeer): MessageView["state"] {
  if (receipts.peerReadSeq >= seq) return "read";
  return receipts.peerDeliveredSeq >= seq ? "delivered" : "sent";
}

/** What stands in the way comes first: a changed key blocks, the rest warns. */
export function conversationProblem(
  peerKeys: Problem | null,
  conversation: Problem | null,
): { problem: Problem | null; sendingBlocked: boolean } {
  return { problem: peerKeys ?? conversation, sendingBlocked: peerKeys?.code === "identity-changed" };
}

export function personView(person: {
  readonly id: AccountId;
  readonly nickname: string;
  readonly email: string;
  readonly picture_version: number;
  readonly has_keys: boolean;
}): PersonView {
  const { id, nickname, email, picture_version: pictureVersion, has_keys: hasKeys } = person;
  return { id, nickname, email, pictureVersion, hasKeys };
}

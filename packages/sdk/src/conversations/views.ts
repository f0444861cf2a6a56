// What a screen sees of a message and of a conversation.
import type { AccountId } from "@cychat/protocol";
import type { ConversationView, FileView, MessageView, PersonView, Problem, RoomPersonView, SystemLine } from "../client-api.ts";
import type { OutboxFile, OutboxRecord, RoomEvent, StoredMessage } from "../store/tables.ts";

/** A clock that is ahead, or a message that waited longer, is not believed: the server's time is shown then. */
const plausible = { aheadMs: 5 * 60_000, behindMs: 30 * 24 * 3600_000 } as const;

/** How far the others have got: everybody up to these numbers. */
export interface ReceiptsOfPeer {
  readonly peerDeliveredSeq: number;
  readonly peerReadSeq: number;
}

export interface MessageContext {
  readonly conversation: ConversationView["id"];
  readonly me: AccountId;
  readonly receipts: ReceiptsOfPeer;
  /** Whether a deletion or edit of it is under way. */
  readonly beingDeleted: boolean;
  readonly newText: string | null;
  /** Of a room: how many others have read up to a number; null where that is not known. */
  readBy(seq: number): number | null;
  nameOf(account: AccountId): RoomPersonView;
}

export function viewOfStored(message: StoredMessage, context: MessageContext): MessageView {
  const { me, receipts, beingDeleted, newText, conversation, nameOf } = context;
  const mine = message.sender === me;
  const gone = beingDeleted && message.kind !== "control" && message.kind !== "system";
  const sender = nameOf(message.sender);
  const mentions = gone ? [] : (message.mentions ?? []);
  return {
    id: message.id,
    conversation,
    seq: message.seq,
    sender: message.sender,
    senderName: sender.nickname,
    senderPictureVersion: sender.pictureVersion,
    mine,
    kind: gone || message.kind === "control" ? "deleted" : message.kind,
    text: gone ? "" : message.kind === "text" ? (newText ?? message.text) : message.text,
    files: gone ? [] : (message.files ?? []).map((file) => fileView(file, null)),
    isPaused: false,
    edited: !gone && message.kind === "text" && (newText !== null || message.editSeq !== undefined),
    deletedBy: message.deletedBy === undefined ? null : nameOf(message.deletedBy),
    mentions: mentions.map((mention) => (mention === "all" ? "all" : nameOf(mention))),
    mentionsMe: !mine && (mentions.includes("all") || mentions.includes(me)),
    system: (message.events ?? []).map((event) => lineOf(event, message.sender, context)),
    sentAtMs: shownTime(message),
    atMs: message.atMs,
    state: mine ? stateOf(message.seq, receipts) : "sent",
    readBy: mine && (message.kind === "text" || message.kind === "files") ? context.readBy(message.seq) : null,
    problem: gone ? null : message.problem,
  };
}

function lineOf(event: RoomEvent, author: AccountId, { nameOf }: MessageContext): SystemLine {
  const actor = nameOf(author);
  switch (event.kind) {
    case "joined":
      return { kind: event.kind, by: event.by, actor, who: nameOf(event.who) };
    case "removed":
    case "banned":
    case "unbanned":
      return { kind: event.kind, actor, who: nameOf(event.who) };
    case "role":
      return { kind: event.kind, role: event.role, succeeded: event.succeeded, actor, who: nameOf(event.who) };
    case "history":
      return { kind: event.kind, history: event.history, actor };
    default:
      return { kind: event.kind, actor };
  }
}

export function viewOfUnsent(
  item: OutboxRecord,
  me: RoomPersonView,
  sentAtMs: number,
  nameOf: MessageContext["nameOf"],
  uploaded: (index: number) => number,
): MessageView {
  const { content } = item;
  const mentions = content.kind === "delete" ? [] : (content.mentions ?? []);
  return {
    id: item.id,
    conversation: item.conversation,
    seq: null,
    sender: me.id,
    senderName: me.nickname,
    senderPictureVersion: me.pictureVersion,
    mine: true,
    kind: content.kind === "files" ? "files" : "text",
    text: content.kind === "text" || content.kind === "files" ? content.text : "",
    files: content.kind === "files" ? content.files.map((file, index) => fileView(file, uploaded(index))) : [],
    isPaused: item.isPaused === true,
    edited: false,
    deletedBy: null,
    mentions: mentions.map((mention) => (mention === "all" ? "all" : nameOf(mention))),
    mentionsMe: false,
    system: [],
    sentAtMs,
    atMs: null,
    state: item.failed === null ? "sending" : "failed",
    readBy: null,
    problem: item.failed,
  };
}

function fileView(
  { name, type, size, dimensions, thumbnail, durationMs, waveform }: Omit<OutboxFile, "blob" | "isUploaded">,
  uploadedBytes: number | null,
): FileView {
  const [width, height] = dimensions ?? [null, null];
  return { name, type, size, width, height, thumbnail, durationMs, waveform, uploadedBytes };
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

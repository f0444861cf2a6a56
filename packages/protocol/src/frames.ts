// The frames of the one socket, `WS /api/v1/ws`. PROTOCOL.md section 6.
import * as v from "valibot";
import { AccountId, ConversationId, DeviceId, MessageId } from "./ids.ts";
import { PresenceStatus } from "./rest/contacts.ts";
import { Entry, EnvelopeText, Receipt } from "./rest/conversations.ts";
import { Count, PositiveCount, TimeMs } from "./rest/fields.ts";
import { SignedJson } from "./structures/signed.ts";

/** The first frame of a socket whose opening request carried no token. Anything else closes it with 4401. */
export const HelloFrame = v.strictObject({ type: v.literal("hello"), token: v.pipe(v.string(), v.maxLength(4096)) });

export const SendFrame = v.strictObject({ type: v.literal("send"), conversation: ConversationId, envelope: EnvelopeText });

/** "I have everything up to and with …". Numbers only grow; lower ones are ignored, higher ones than exist are capped. */
export const ReceiptFrame = v.strictObject({
  type: v.literal("receipt"),
  conversation: ConversationId,
  delivered_seq: v.optional(Count),
  read_seq: v.optional(Count),
});

export const TypingFrame = v.strictObject({ type: v.literal("typing"), conversation: ConversationId, active: v.boolean() });

export const PingFrame = v.strictObject({ type: v.literal("ping") });

export const ClientFrame = v.variant("type", [HelloFrame, SendFrame, ReceiptFrame, TypingFrame, PingFrame]);
export type ClientFrame = v.InferOutput<typeof ClientFrame>;

/** Answers the authentication. */
export const WelcomeFrame = v.object({
  type: v.literal("welcome"),
  account: AccountId,
  device: v.nullable(DeviceId),
  at_ms: TimeMs,
});

/** The message is durable. The same `id` sent again is answered with the same `seq`. */
export const AckFrame = v.object({
  type: v.literal("ack"),
  conversation: ConversationId,
  id: MessageId,
  seq: PositiveCount,
  at_ms: TimeMs,
});

/** A frame was refused; nothing of it was kept. `id` names the message where the frame was a `send` that could be read. */
export const RefusedFrame = v.object({
  type: v.literal("refused"),
  /** The refused frame's type, or null when it could not be read. */
  frame: v.nullable(v.string()),
  conversation: v.optional(v.string()),
  id: v.optional(v.string()),
  code: v.string(),
  message: v.string(),
  details: v.optional(v.unknown()),
});

export const EntryFrame = v.object({ type: v.literal("entry"), conversation: ConversationId, entry: Entry });
export const ErasedFrame = v.object({ type: v.literal("erased"), conversation: ConversationId, seqs: v.array(PositiveCount) });
export const ReceiptNotice = v.object({ type: v.literal("receipt"), conversation: ConversationId, ...Receipt.entries });
export const TypingNotice = v.object({
  type: v.literal("typing"),
  conversation: ConversationId,
  account: AccountId,
  active: v.boolean(),
});
export const PresenceNotice = v.object({
  type: v.literal("presence"),
  account: AccountId,
  presence: PresenceStatus,
  last_seen_ms: v.nullable(TimeMs),
});

/** Something changed that is to be read again by REST. A hint: losing one delays and never loses. */
export const ChangedFrame = v.object({
  type: v.literal("changed"),
  what: v.picklist(["contacts", "conversations", "profile", "keys", "sessions", "keyring", "seals", "joins"]),
  conversation: v.optional(ConversationId),
  account: v.optional(AccountId),
});

/**
 * The server asks one online member at a time, and moves on after `askTimeoutMs`: `admit` a newcomer who waits, or write
 * `seals` of lost epoch keys again. `request` is signed by who asks. Whoever cannot or may not simply does not answer.
 */
export const AskFrame = v.object({
  type: v.literal("ask"),
  conversation: ConversationId,
  kind: v.picklist(["admit", "seals"]),
  account: AccountId,
  request: SignedJson,
});

export const PongFrame = v.object({ type: v.literal("pong"), at_ms: TimeMs });

/** The server is about to close this socket; reconnect after `retry_after_ms` (with jitter). */
export const ByeFrame = v.object({ type: v.literal("bye"), code: v.string(), retry_after_ms: Count });

export const ServerFrame = v.variant("type", [
  WelcomeFrame,
  AckFrame,
  RefusedFrame,
  EntryFrame,
  ErasedFrame,
  ReceiptNotice,
  TypingNotice,
  PresenceNotice,
  ChangedFrame,
  AskFrame,
  PongFrame,
  ByeFrame,
]);
export type ServerFrame = v.InferOutput<typeof ServerFrame>;

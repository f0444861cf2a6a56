// Every message comes through here: from the socket, from `POST /message` and from the seed's socket.
import { type ConversationId, type Entry, fromBase64url, type MessageId, ProtocolError } from "@cychat/protocol";
import { type Directory, readersOf } from "../chats/service.ts";
import type { MessageOutcome, PendingMessage } from "../database/batches.ts";
import type { Engine } from "../database/engine.ts";
import type { Principal } from "../http/principal.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Bus } from "../realtime/events.ts";
import { GroupCommit } from "./group-commit.ts";
import { type EnvelopeFacts, readEnvelope } from "./read-envelope.ts";
import { SendRate } from "./send-rate.ts";

export { assertEnvelope } from "./read-envelope.ts";
export { type SeedPerson, type SeedView, seedMessage } from "./seed-message.ts";

export interface SendRequest {
  readonly principal: Principal;
  /** Where the sender wants it to go; the envelope has to say the same. */
  readonly conversation: ConversationId;
  /** base64url. */
  readonly envelope: string;
  /** The connection that is answered with an `ack` and therefore gets no `entry`. */
  readonly from: string | null;
}

export type SendOutcome =
  | { readonly kind: "stored"; readonly messageId: MessageId; readonly seq: number; readonly atMs: number }
  | { readonly kind: "refused"; readonly error: ProtocolError; readonly messageId: MessageId | undefined };

export interface MessageService {
  /** Calls back once: after the commit that holds the message, or with the reason why there is none. Never throws. */
  send(request: SendRequest, callback: (outcome: SendOutcome) => void): void;
  /** From now on everything is refused; resolves when what was accepted is stored and announced. */
  drain(): Promise<void>;
}

export interface MessageServiceDeps {
  readonly engine: Engine;
  readonly directory: Directory;
  readonly bus: Bus;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly messagesPerSecond: number;
}

/** About two seconds of a fast disk; more than that is better told to come again. */
const maxQueued = 20_000;
const maxBatch = 1024;

export function createMessages({ engine, directory, bus, log, metrics, messagesPerSecond }: MessageServiceDeps): MessageService {
  const rate = new SendRate(messagesPerSecond);
  let isDraining = false;
  const queue = new GroupCommit<PendingMessage, MessageOutcome>({
    commit: (batch) => engine.commitMessages(batch),
    onFailure: (error) => {
      log.error("message-commit-failed", { cause: error });
      return { kind: "refused", code: "overloaded" };
    },
    onCallbackError: (error) => log.error("message-callback-failed", { cause: error }),
    maxQueued,
    maxBatch,
    onCommitted: (size, durationMs) => metrics.committed(size, durationMs),
  });

  function announce({ envelope, conversation, from }: SendRequest, pending: PendingMessage, seq: number, atMs: number): void {
    const { messageId: id, account: sender, device } = pending;
    const entry = { kind: "message", seq, at_ms: atMs, id, sender, device, envelope } satisfies Entry;
    directory.withMembers(conversation, (members) => {
      if (!members) return;
      bus.publish({ kind: "entry", to: readersOf(members, sender), conversation, entry, from });
    });
  }

  return {
    send(request, callback) {
      const refuse = (error: ProtocolError, messageId?: MessageId) => {
        metrics.messageRefused(error.code);
        callback({ kind: "refused", error, messageId });
      };
      if (isDraining) return refuse(new ProtocolError("shutting-down"));
      const { principal, conversation } = request;
      const envelope = open(request);
      if (envelope instanceof ProtocolError) return refuse(envelope);
      const { bytes, messageId, epoch, isExpected, blobs } = envelope;
      if (principal.device === null) return refuse(new ProtocolError("device-unknown"), messageId);
      if (!isExpected) return refuse(new ProtocolError("envelope-mismatch"), messageId);
      const retryAfterMs = rate.take(principal.account);
      if (retryAfterMs > 0)
        return refuse(new ProtocolError("rate-limited", undefined, { retry_after_ms: retryAfterMs }), messageId);

      const pending: PendingMessage = {
        conversation,
        account: principal.account,
        device: principal.device,
        messageId,
        epoch,
        envelope: bytes,
        blobs,
      };
      const isQueued = queue.submit(pending, (outcome) => {
        if (outcome.kind !== "stored") return refuse(refusalOf(outcome), messageId);
        metrics.messageAccepted();
        callback({ kind: "stored", messageId, seq: outcome.seq, atMs: outcome.atMs });
        if (!outcome.repeated) announce(request, pending, outcome.seq, outcome.atMs);
      });
      if (!isQueued) refuse(new ProtocolError("overloaded"), messageId);
    },

    async drain() {
      isDraining = true;
      await queue.idle();
    },
  };
}

/** For REST: resolves after the commit; throws the refusal. */
export async function sendOrThrow(
  messages: MessageService,
  request: SendRequest,
): Promise<Extract<SendOutcome, { kind: "stored" }>> {
  const outcome = await new Promise<SendOutcome>((resolve) => messages.send(request, resolve));
  if (outcome.kind === "refused") throw outcome.error;
  return outcome;
}

function open({
  envelope,
  principal,
  conversation,
}: SendRequest): (EnvelopeFacts & { readonly bytes: Uint8Array<ArrayBuffer> }) | ProtocolError {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = fromBase64url(envelope);
  } catch {
    return new ProtocolError("not-encrypted");
  }
  try {
    return { ...readEnvelope(bytes, principal, conversation), bytes };
  } catch (error) {
    return error instanceof ProtocolError ? error : new ProtocolError("internal");
  }
}

function refusalOf(outcome: Exclude<MessageOutcome, { kind: "stored" }>): ProtocolError {
  if (outcome.kind === "refused") return new ProtocolError(outcome.code);
  return new ProtocolError("epoch-closed", undefined, { epoch: outcome.epoch, record_index: outcome.recordIndex });
}

// Tells the server how far this account has got: delivered as messages are stored here, read as the user says so.
// Gathered for a moment, so that a burst of messages makes one receipt. Strangers are told nothing.
import type { ConversationId } from "@cychat/protocol";
import type { Conversation } from "../conversations/conversation.ts";
import type { Clock } from "../environment.ts";
import type { Socket } from "../transport/socket.ts";

const gatherMs = 120;

interface Told {
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

export class Receipts {
  readonly #due = new Map<ConversationId, Conversation>();
  /** What was told on this connection; the server confirms it with a notice to all our devices. */
  readonly #told = new Map<ConversationId, Told>();
  #timer: unknown = null;

  constructor(
    readonly clock: Clock,
    readonly socket: Pick<Socket, "send">,
  ) {}

  due(conversation: Conversation): void {
    this.#due.set(conversation.id, conversation);
    this.#timer ??= this.clock.setTimeout(() => this.flush(), gatherMs);
  }

  /** What was told on the last connection may not have arrived. */
  reconnected(): void {
    this.#told.clear();
  }

  flush(): void {
    if (this.#timer !== null) this.clock.clearTimeout(this.#timer);
    this.#timer = null;
    for (const conversation of this.#due.values()) this.#tell(conversation);
    this.#due.clear();
  }

  close(): void {
    if (this.#timer !== null) this.clock.clearTimeout(this.#timer);
    this.#timer = null;
  }

  #tell({ record }: Conversation): void {
    if (record.state !== "active" || !record.created || record.toSeq === 0) return;
    const told = this.#told.get(record.id) ?? { deliveredSeq: record.serverDeliveredSeq, readSeq: record.serverReadSeq };
    const next = { deliveredSeq: Math.max(record.toSeq, told.deliveredSeq), readSeq: Math.max(record.readSeq, told.readSeq) };
    if (next.deliveredSeq === told.deliveredSeq && next.readSeq === told.readSeq) return;
    const isSent = this.socket.send({
      type: "receipt",
      conversation: record.id,
      ...(next.deliveredSeq > told.deliveredSeq ? { delivered_seq: next.deliveredSeq } : {}),
      ...(next.readSeq > told.readSeq ? { read_seq: next.readSeq } : {}),
    });
    if (isSent) this.#told.set(record.id, next);
  }
}

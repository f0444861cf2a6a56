// Sends envelopes over the socket and waits for what the server says of each.
import type { ConversationId, MessageId, ServerFrame } from "@cychat/protocol";
import { ClientError } from "../client-error.ts";
import type { Clock } from "../environment.ts";
import type { Socket } from "../transport/socket.ts";

export interface Accepted {
  readonly seq: number;
  readonly atMs: number;
}

/** A server that is there but does not answer: the envelope is sent again, as it is. */
const answerTimeoutMs = 30_000;

interface Waiting {
  readonly timer: unknown;
  resolve(accepted: Accepted): void;
  reject(error: ClientError): void;
}

export class Wire {
  readonly #waiting = new Map<string, Waiting>();

  constructor(
    readonly socket: Pick<Socket, "send">,
    readonly clock: Clock,
  ) {}

  /** Rejects with the server's refusal, or with `offline` when the connection is gone: then it may be accepted or not. */
  transmit(conversation: ConversationId, id: MessageId, envelope: string): Promise<Accepted> {
    return new Promise((resolve, reject) => {
      const timer = this.clock.setTimeout(() => this.#take(id)?.reject(new ClientError("timeout")), answerTimeoutMs);
      this.#waiting.set(id, { resolve, reject, timer });
      if (!this.socket.send({ type: "send", conversation, envelope })) this.#take(id)?.reject(new ClientError("offline"));
    });
  }

  /** Takes the frames that answer a transmission; false for all others. */
  take(frame: ServerFrame): boolean {
    if (frame.type === "ack") {
      this.#take(frame.id)?.resolve({ seq: frame.seq, atMs: frame.at_ms });
      return true;
    }
    if (frame.type !== "refused") return false;
    const error = new ClientError(frame.code, frame.message, frame.details);
    if (frame.id !== undefined) this.#take(frame.id)?.reject(error);
    // A frame that the server could not even read has no id: whatever waits is what it was.
    else if (frame.frame === "send" || frame.frame === null)
      for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(error);
    return true;
  }

  disconnected(): void {
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(new ClientError("offline"));
  }

  #take(id: string): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (waiting !== undefined) this.clock.clearTimeout(waiting.timer);
    return waiting;
  }
}

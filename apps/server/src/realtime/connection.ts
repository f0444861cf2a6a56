// One socket: who it is, what waits to be written to it, and how much of what it sent is still under way.
import { type ConversationId, closeCodes, limits, type ProtocolError, type ServerFrame } from "@cychat/protocol";
import type { ServerWebSocket } from "bun";
import type { Principal } from "../http/principal.ts";
import type { Flush } from "./flush.ts";
import { type EntryNotice, refusedFrame } from "./frames.ts";

export type Socket = ServerWebSocket<Connection>;

/** How a kind of socket looks upon what the server has to say: our own one takes frames as they are, the seed's its own form. */
export interface Dialect {
  /** Null: nothing of this is for this socket. */
  frame(frame: ServerFrame, json: () => string): string | null;
  entry(notice: EntryNotice): string | null;
  /** The answer to a `send` that is durable. */
  ack(notice: AckNotice): string | null;
}

export interface AckNotice {
  readonly conversation: ConversationId;
  readonly id: string;
  readonly seq: number;
  readonly atMs: number;
  readonly envelope: string;
}

/** Bytes that may wait in the kernel's and Bun's buffers before a socket counts as too slow. */
export const backpressureBytes = 1024 * 1024;

let lastNumber = 0;
const processName = crypto.randomUUID().slice(0, 8);

export class Connection {
  readonly id: string;
  principal: Principal | null = null;
  /** `opening` until the token has been checked. */
  state: "opening" | "checking" | "open" | "closed" = "opening";
  heardAtMs = Date.now();
  /** Sends that are on their way to the disk. */
  underWay = 0;
  typingTokens = 0;
  typingAtMs = 0;
  socket: Socket | null = null;
  #outbox: string[] = [];

  constructor(
    readonly dialect: Dialect,
    readonly flush: Flush,
  ) {
    lastNumber += 1;
    this.id = `${processName}.${lastNumber}`;
  }

  /** Queues one text; everything that is queued in one turn of the event loop goes out in one corked write. */
  write(text: string): void {
    if (this.state === "closed") return;
    if (this.#outbox.length === 0) this.flush.later(this);
    this.#outbox.push(text);
  }

  writeFrame(frame: ServerFrame): void {
    const text = this.dialect.frame(frame, () => JSON.stringify(frame));
    if (text !== null) this.write(text);
  }

  refuse(
    error: ProtocolError,
    about: { readonly frame: string | null; readonly conversation?: string; readonly id?: string | undefined },
  ): void {
    this.write(refusedFrame(error, about));
  }

  get mayQueueSend(): boolean {
    return this.underWay < limits.unacknowledgedPerConnection;
  }

  /** Writes what is queued. Called by {@link Flush} only. */
  writeOut(): void {
    const texts = this.#outbox;
    this.#outbox = [];
    const { socket } = this;
    if (!socket || this.state === "closed") return;
    const [first] = texts;
    if (texts.length === 1 && first !== undefined) this.#send(socket, first);
    else
      socket.cork(() => {
        for (const text of texts) this.#send(socket, text);
      });
  }

  /** Writes what is queued first, so that the last words arrive. */
  close(code: number, reason = ""): void {
    if (this.state === "closed") return;
    this.writeOut();
    this.state = "closed";
    this.socket?.close(code, reason);
  }

  /** For those who would not read a close frame either. */
  cutOff(): void {
    this.state = "closed";
    this.socket?.terminate();
  }

  #send(socket: Socket, text: string): void {
    // 0: dropped. A socket that missed something must not look alive: its client comes back and asks for what it missed.
    if (this.state !== "closed" && socket.send(text) === 0) this.close(closeCodes.tooSlow, "too slow");
  }
}

// The client's half of a WebSocket (RFC 6455), only as much as a load generator needs: on two cores the generator must
// cost less than the server that it measures, and Bun's own WebSocket client does not.
import type { Socket } from "bun";

export interface ConnectionHandlers {
  /** The payload is a view that is only valid during the call. */
  onText(payload: Buffer): void;
  /** Once per chunk that had at least one text in it, after the last of them. */
  onIdle?(): void;
  onClosed(why: string): void;
}

const opcodes = { text: 1, close: 8, ping: 9, pong: 10 } as const;
const maskBytes = 4;

/** A whole masked text frame, ready to be written. */
export function textFrame(text: string): Uint8Array<ArrayBuffer> {
  return maskedFrame(opcodes.text, new TextEncoder().encode(text));
}

export class Connection {
  readonly #socket: Socket<undefined>;
  /** What the kernel did not take yet. */
  readonly #unsent: Uint8Array[] = [];
  readonly #received: Received;

  private constructor(socket: Socket<undefined>, received: Received) {
    this.#socket = socket;
    this.#received = received;
  }

  /** Opens a socket at `path` and waits for the server's 101; rejects with its status line otherwise. */
  static open(port: number, path: string, handlers: ConnectionHandlers): Promise<Connection> {
    return new Promise((resolve, reject) => {
      let connection: Connection | null = null;
      const received = new Received(handlers, {
        onUpgraded: () => connection && resolve(connection),
        onRefused: (status) => reject(new Error(status)),
        onPing: (payload) => connection?.write(maskedFrame(opcodes.pong, payload)),
      });
      const closed = (why: string) => {
        reject(new Error(why));
        received.closed(why);
      };
      Bun.connect({
        hostname: "127.0.0.1",
        port,
        socket: {
          open(socket) {
            connection = new Connection(socket as Socket<undefined>, received);
            connection.write(upgradeRequest(port, path));
          },
          data: (_, chunk) => received.take(chunk),
          drain: () => connection?.flush(),
          close: () => closed("closed"),
          error: (_, error) => closed(error.message),
        },
      }).catch(reject);
    });
  }

  write(bytes: Uint8Array): void {
    if (this.#unsent.length > 0) {
      this.#unsent.push(bytes);
      return;
    }
    const written = Math.max(0, this.#socket.write(bytes));
    if (written < bytes.length) this.#unsent.push(bytes.subarray(written));
  }

  /** Ends the TCP connection without a closing handshake; nothing is handed on any more. */
  end(): void {
    this.#received.silence();
    this.#socket.end();
  }

  /** Goes on with what the kernel did not take. */
  flush(): void {
    for (let first = this.#unsent[0]; first !== undefined; first = this.#unsent[0]) {
      const written = Math.max(0, this.#socket.write(first));
      if (written < first.length) {
        this.#unsent[0] = first.subarray(written);
        return;
      }
      this.#unsent.shift();
    }
  }
}

interface Events {
  onUpgraded(): void;
  onRefused(status: string): void;
  onPing(payload: Uint8Array): void;
}

/** Cuts what arrives into frames. Servers do not mask, and ours do not fragment. */
class Received {
  #closedBy: string | null = null;
  #rest: Buffer | null = null;
  #upgraded = false;
  #handlers: ConnectionHandlers | null;
  readonly #events: Events;

  constructor(handlers: ConnectionHandlers, events: Events) {
    this.#handlers = handlers;
    this.#events = events;
  }

  silence(): void {
    this.#handlers = null;
  }

  /** What the server gave as its reason says more than that the connection is gone. */
  closed(why: string): void {
    this.#handlers?.onClosed(this.#closedBy ?? why);
  }

  take(chunk: Buffer): void {
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = null;
    let at = this.#upgraded ? 0 : this.#takeAnswer(bytes);
    if (!this.#upgraded) {
      this.#keep(bytes);
      return;
    }
    let texts = 0;
    for (;;) {
      const header = frameHeader(bytes, at);
      if (header === null || at + header.size + header.length > bytes.length) break;
      const payload = bytes.subarray(at + header.size, at + header.size + header.length);
      at += header.size + header.length;
      if (header.opcode === opcodes.text) {
        texts += 1;
        this.#handlers?.onText(payload);
      } else if (header.opcode === opcodes.ping) this.#events.onPing(payload);
      else if (header.opcode === opcodes.close) this.#closedBy = closeReason(payload);
    }
    if (at < bytes.length) this.#keep(bytes.subarray(at));
    if (texts > 0) this.#handlers?.onIdle?.();
  }

  /** The HTTP answer; gives where it ends. */
  #takeAnswer(bytes: Buffer): number {
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0) return 0;
    const status = bytes.toString("latin1", 0, bytes.indexOf("\r\n"));
    if (!status.includes(" 101 ")) {
      this.#events.onRefused(status);
      return 0;
    }
    this.#upgraded = true;
    this.#events.onUpgraded();
    return end + 4;
  }

  /** A copy: the runtime uses the chunk's memory again. */
  #keep(bytes: Uint8Array): void {
    this.#rest = Buffer.from(bytes);
  }
}

function frameHeader(bytes: Buffer, at: number): { opcode: number; size: number; length: number } | null {
  const available = bytes.length - at;
  if (available < 2) return null;
  const opcode = (bytes[at] as number) & 0x0f;
  const short = (bytes[at + 1] as number) & 0x7f;
  if (short < 126) return { opcode, size: 2, length: short };
  if (short === 126) return available < 4 ? null : { opcode, size: 4, length: bytes.readUInt16BE(at + 2) };
  return available < 10 ? null : { opcode, size: 10, length: Number(bytes.readBigUInt64BE(at + 2)) };
}

function maskedFrame(opcode: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = new Uint8Array(2 + lengthBytes + maskBytes + length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  const view = new DataView(frame.buffer);
  if (lengthBytes === 2) view.setUint16(2, length);
  if (lengthBytes === 8) view.setBigUint64(2, BigInt(length));
  const mask = crypto.getRandomValues(frame.subarray(2 + lengthBytes, 2 + lengthBytes + maskBytes));
  const start = 2 + lengthBytes + maskBytes;
  for (let index = 0; index < length; index++)
    frame[start + index] = (payload[index] as number) ^ (mask[index % maskBytes] as number);
  return frame;
}

function closeReason(payload: Buffer): string {
  if (payload.length < 2) return "closed by the server";
  return `closed by the server with ${payload.readUInt16BE(0)} ${payload.toString("utf8", 2)}`.trim();
}

function upgradeRequest(port: number, path: string): Uint8Array {
  const key = crypto.getRandomValues(new Uint8Array(16)).toBase64();
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${key}`,
  ];
  return new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
}

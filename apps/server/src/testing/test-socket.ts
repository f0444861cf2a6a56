// A client's end of a socket: frames in the order they came, waited for by type.

// biome-ignore lint/suspicious/noExplicitAny: each test knows what it looks for
export type AnyFrame = Record<string, any>;

export interface TestSocket extends Disposable {
  readonly raw: WebSocket;
  /** Resolves with the code the other side closed with. */
  readonly closed: Promise<number>;
  /** Every frame so far, taken or not. */
  readonly all: readonly AnyFrame[];
  send(frame: unknown): void;
  sendText(text: string | Uint8Array): void;
  /** Takes the first frame of this type that was not taken yet, now or when it comes; rejects if the socket closes before. */
  next(type: string, fits?: (frame: AnyFrame) => boolean): Promise<AnyFrame>;
  /** Resolves once everything sent before has been answered, by a ping that comes back. */
  settled(): Promise<void>;
  close(): void;
}

interface Waiting {
  readonly type: string;
  readonly fits: (frame: AnyFrame) => boolean;
  readonly resolve: (frame: AnyFrame) => void;
  readonly reject: (error: Error) => void;
}

export function openSocket(url: string, headers: Record<string, string> = {}, protocols?: string[]): TestSocket {
  const raw = new WebSocket(url.replace(/^http/, "ws"), { headers, ...(protocols ? { protocols } : {}) } as unknown as string[]);
  const all: AnyFrame[] = [];
  const untaken: AnyFrame[] = [];
  const waiting: Waiting[] = [];
  let closeCode: number | null = null;

  const closed = new Promise<number>((resolve) => {
    raw.onclose = ({ code }) => {
      closeCode = code;
      for (const { type, reject } of waiting.splice(0))
        reject(new Error(`the socket closed (${code}) before a frame of type ${type}`));
      resolve(code);
    };
  });
  raw.onerror = () => {};
  raw.onmessage = ({ data }) => {
    const frame = JSON.parse(String(data)) as AnyFrame;
    all.push(frame);
    const index = waiting.findIndex(({ type, fits }) => frame.type === type && fits(frame));
    if (index < 0) untaken.push(frame);
    else waiting.splice(index, 1)[0]?.resolve(frame);
  };

  const socket: TestSocket = {
    raw,
    closed,
    all,
    send: (frame) => raw.send(JSON.stringify(frame)),
    sendText: (text) => raw.send(text as string),
    next(type, fits = () => true) {
      const index = untaken.findIndex((frame) => frame.type === type && fits(frame));
      if (index >= 0) return Promise.resolve(untaken.splice(index, 1)[0] as AnyFrame);
      if (closeCode !== null) return Promise.reject(new Error(`the socket is closed (${closeCode}): no frame of type ${type}`));
      return new Promise((resolve, reject) => waiting.push({ type, fits, resolve, reject }));
    },
    async settled() {
      socket.send({ type: "ping" });
      await socket.next("pong");
    },
    close: () => raw.close(),
    [Symbol.dispose]: () => raw.close(),
  };
  return socket;
}

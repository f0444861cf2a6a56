// A TCP proxy on loopback that can be cut, and that records every byte which passes: the wire as a stranger sees it.
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class TcpProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #captured: Buffer[] = [];
  readonly #record: boolean;
  #cut = false;

  private constructor(targetPort: number, record: boolean) {
    this.#record = record;
    this.#server = createServer((client) => this.#accept(client, targetPort));
  }

  static async start(options: { targetPort: number; record?: boolean }): Promise<TcpProxy> {
    const proxy = new TcpProxy(options.targetPort, options.record ?? false);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** `localhost`, because browsers count it as a secure context. */
  get url(): string {
    return `http://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Everything that passed so far, both directions in order of arrival. */
  captured(): Buffer {
    return Buffer.concat(this.#captured);
  }

  /** Closes every connection and refuses new ones until {@link restore}. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  restore(): void {
    this.#cut = false;
  }

  #accept(client: Socket, targetPort: number): void {
    if (this.#cut) {
      client.destroy();
      return;
    }
    const upstream = connect(targetPort, "127.0.0.1");
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#sockets.add(from);
      if (this.#record) from.on("data", (bytes: Buffer) => this.#captured.push(bytes));
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

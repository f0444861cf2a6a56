// Many connections that all send what was prepared for them: as fast as they are answered (closed loop), or at a fixed
// rate whatever the answers do (open loop).
import { CannotMeasure } from "../measure.ts";
import { inParallel } from "../people/in-parallel.ts";
import { Connection, textFrame } from "./connection.ts";
import type { Dialect } from "./dialect.ts";
import type { Lane } from "./lane.ts";

export interface TrafficOptions {
  readonly port: number;
  readonly path: string;
  readonly dialect: Dialect;
  readonly lanes: readonly PreparedLane[];
}

export interface PreparedLane {
  /** Said first, and answered with one text, before anything is sent; null: nothing. */
  readonly hello: string | null;
  readonly lane: Lane;
  /** The id of the message in each frame, for dialects that name them. */
  readonly ids: readonly string[];
}

export interface Latencies {
  /** Milliseconds from the moment a message was to be sent, whether or not the generator was late with it. */
  readonly acks: Float64Array;
  readonly deliveries: Float64Array;
}

/** One connection and how far it has got. */
interface Sender {
  readonly lane: number;
  readonly prepared: PreparedLane;
  connection: Connection;
  sent: number;
  acked: number;
}

/** What the current phase does with what arrives. */
interface Phase {
  onAck(sender: Sender, payload: Buffer): void;
  onDelivery(sender: Sender, payload: Buffer): void;
  onIdle(sender: Sender): void;
}

const openWidth = 64;
const phasePatienceMs = 60_000;

export class Traffic {
  readonly #options: TrafficOptions;
  readonly #senders: Sender[];
  #phase: Phase | null = null;
  #fail: (error: Error) => void = () => {};

  private constructor(options: TrafficOptions) {
    this.#options = options;
    this.#senders = options.lanes.map((prepared, lane) => ({
      lane,
      prepared,
      connection: undefined as never,
      sent: 0,
      acked: 0,
    }));
  }

  static async open(options: TrafficOptions): Promise<Traffic> {
    const traffic = new Traffic(options);
    await inParallel(traffic.#senders, openWidth, (sender) => traffic.#open(sender));
    return traffic;
  }

  /**
   * Every connection sends its frames up to number `upTo`, with at most `window` of them unanswered. Resolves with the
   * wall time once all are acknowledged and delivered.
   */
  async asFastAsAnswered(upTo: number, window: number): Promise<{ readonly messages: number; readonly wallMs: number }> {
    // Some only listen, and have less than that to say, or nothing.
    const last = ({ prepared }: Sender) => Math.min(upTo, prepared.lane.frames);
    let open = this.#senders.reduce((sum, sender) => sum + Math.max(0, last(sender) - sender.sent), 0);
    const messages = open;
    open *= 1 + this.#options.dialect.deliveriesPerMessage;
    const done = Promise.withResolvers<void>();
    const sendMore = (sender: Sender) => {
      const next = Math.min(last(sender), sender.acked + window);
      if (next <= sender.sent) return;
      const from = sender.sent;
      sender.sent = next;
      sender.connection.write(sender.prepared.lane.slice(from, next));
    };
    const settle = () => {
      open -= 1;
      if (open === 0) done.resolve();
    };
    const startedAt = performance.now();
    await this.#run(done, { onAck: settle, onDelivery: settle, onIdle: sendMore }, () => {
      for (const sender of this.#senders) sendMore(sender);
    });
    return { messages, wallMs: performance.now() - startedAt };
  }

  /** The connections take turns in sending their next frames up to number `upTo`, `perSecond` all together. */
  async atRate(upTo: number, perSecond: number, maxMessages: number): Promise<Latencies> {
    const { dialect } = this.#options;
    const rounds = Math.min(...this.#senders.map(({ sent }) => upTo - sent), Math.floor(maxMessages / this.#senders.length));
    const messages = rounds * this.#senders.length;
    if (messages === 0) throw new CannotMeasure("no messages are left to send at a fixed rate");
    const intervalMs = 1000 / perSecond;
    const acks = new Float64Array(messages);
    const deliveries = new Float64Array(messages * dialect.deliveriesPerMessage);
    const numbers = this.#numbersById(rounds);
    const first = this.#senders.map(({ acked }) => acked);
    let open = messages * (1 + dialect.deliveriesPerMessage);
    let startedAt = 0;
    const done = Promise.withResolvers<void>();
    const settle = (latencies: Float64Array, number: number | undefined) => {
      if (number === undefined) return this.#fail(new CannotMeasure("an answer named a message that was never sent"));
      latencies[number] = performance.now() - startedAt - number * intervalMs;
      open -= 1;
      if (open === 0) done.resolve();
    };
    const numberOf = (sender: Sender, payload: Buffer) => {
      const id = dialect.idIn(payload);
      if (id !== null) return numbers.get(id);
      return (sender.acked - 1 - (first[sender.lane] as number)) * this.#senders.length + sender.lane;
    };
    let next = 0;
    const sendWhatIsDue = () => {
      const due = Math.min(messages, Math.floor((performance.now() - startedAt) / intervalMs) + 1);
      for (; next < due; next++) {
        const sender = this.#senders[next % this.#senders.length] as Sender;
        sender.connection.write(sender.prepared.lane.slice(sender.sent, sender.sent + 1));
        sender.sent += 1;
      }
      // Not a timer: those fire on whole milliseconds, and the core is ours anyway.
      if (next < messages) setImmediate(sendWhatIsDue);
    };
    const phase: Phase = {
      onAck: (sender, payload) => settle(acks, numberOf(sender, payload)),
      onDelivery: (sender, payload) => settle(deliveries, numberOf(sender, payload)),
      onIdle: () => {},
    };
    await this.#run(done, phase, () => {
      startedAt = performance.now();
      sendWhatIsDue();
    });
    return { acks, deliveries };
  }

  /** Everything may be sent once more: for servers that keep nothing. Nothing may be under way. */
  rewind(): void {
    for (const sender of this.#senders) {
      sender.sent = 0;
      sender.acked = 0;
    }
  }

  end(): void {
    for (const { connection } of this.#senders) connection.end();
  }

  /** The messages of the next `rounds` rounds, in the order in which they are going to be sent. */
  #numbersById(rounds: number): Map<string, number> {
    const numbers = new Map<string, number>();
    for (const { lane, prepared, sent } of this.#senders) {
      for (let round = 0; round < rounds; round++) {
        const id = prepared.ids[sent + round];
        if (id !== undefined) numbers.set(id, round * this.#senders.length + lane);
      }
    }
    return numbers;
  }

  async #run(done: PromiseWithResolvers<void>, phase: Phase, begin: () => void): Promise<void> {
    const timer = setTimeout(
      () => done.reject(new CannotMeasure("not everything was answered within a minute")),
      phasePatienceMs,
    );
    this.#phase = phase;
    this.#fail = done.reject;
    begin();
    try {
      await done.promise;
    } finally {
      clearTimeout(timer);
      this.#phase = null;
      this.#fail = () => {};
    }
  }

  async #open(sender: Sender): Promise<void> {
    const { port, path } = this.#options;
    const { hello } = sender.prepared;
    const welcomed = Promise.withResolvers<void>();
    welcomed.promise.catch(() => {});
    let isWelcome = hello === null;
    const closed = (why: string) => {
      const error = new CannotMeasure(`a connection was ${why}`);
      welcomed.reject(error);
      this.#fail(error);
    };
    sender.connection = await Connection.open(port, path, {
      onText: (payload) => {
        if (isWelcome) return this.#received(sender, payload);
        isWelcome = true;
        welcomed.resolve();
      },
      onIdle: () => this.#phase?.onIdle(sender),
      onClosed: closed,
    });
    if (hello === null) return;
    sender.connection.write(textFrame(hello));
    await welcomed.promise;
  }

  #received(sender: Sender, payload: Buffer): void {
    const kind = this.#options.dialect.kindOf(payload);
    if (kind === "ack") {
      sender.acked += 1;
      this.#phase?.onAck(sender, payload);
    } else if (kind === "delivery") this.#phase?.onDelivery(sender, payload);
    else if (kind === "refused") {
      const { code } = JSON.parse(payload.toString("utf8")) as { code: string };
      this.#fail(new CannotMeasure(`the server refused a message: ${code}`));
    }
  }
}

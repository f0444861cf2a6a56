// One browser of one account: opened, crashed, opened again on what it kept, or lost with all of it.
import { type ChatClient, type ChatEvent, ClientError, environment, MemoryStore, openClient } from "@cychat/sdk";
import { quickArgon2id } from "../support/quick-argon2id.ts";
import { randomFrom } from "../support/random.ts";
import { Life, MortalStore, mortalClock } from "./life.ts";
import { Link } from "./link.ts";
import { type Storage, Violation } from "./truth.ts";
import type { World } from "./world.ts";

export type Outcome<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "refused"; readonly code: string; readonly message: string }
  | { readonly kind: "crashed" };

interface Open {
  readonly client: ChatClient;
  readonly link: Link;
  readonly life: Life;
}

/** What may happen to anybody in bad weather, or when two do the same at once. */
const excusable = [
  "offline",
  "timeout",
  "closed",
  "signed-out",
  "locked",
  "shutting-down",
  "contact-exists",
  "not-found",
  "no-keys",
  "unsent-messages",
  "token-revoked",
  // The answer that brought the next one was lost, and the device had no connection for longer than the server's grace.
  "refresh-token-reused",
] as const;

export class Device {
  store = new MemoryStore();
  storage: Storage = { isLost: false };
  #open: Open | null = null;
  #lives = 0;

  constructor(
    readonly world: World,
    /** Name of the account, and the number of the device. */
    readonly account: string,
    readonly number: number,
  ) {}

  get name(): string {
    return `${this.account}/${this.number}`;
  }

  get isRunning(): boolean {
    return this.#open !== null && !this.#open.life.isOver;
  }

  get link(): Link | null {
    return this.#open?.link ?? null;
  }

  get life(): Life | null {
    return this.#open?.life ?? null;
  }

  get client(): ChatClient {
    if (this.#open === null || this.#open.life.isOver) throw new Error(`${this.name} is not running`);
    return this.#open.client;
  }

  async open(): Promise<void> {
    if (this.isRunning) return;
    const { world } = this;
    this.#lives += 1;
    const life = new Life();
    // Up to five minutes wrong, always the same way.
    const clock = mortalClock(world.clock, life, ((this.number * 97_000) % 600_000) - 300_000);
    const random = randomFrom(world.seed ^ (this.number * 7919) ^ (this.#lives * 104_729));
    const link = new Link({
      clock,
      life,
      traffic: world.traffic,
      random,
      serverUrl: () => world.serverUrl,
      weather: () => world.weather,
    });
    const { fetch, openSocket, onOnline } = link;
    const opening = openClient({
      url: "http://cychat.simulated",
      store: new MortalStore(this.store, life),
      deviceName: this.name,
      environment: environment({ clock, random, fetch, openSocket, onOnline, argon2id: quickArgon2id }),
      report: (error) =>
        world.fail(new Violation(`${this.name} reports: ${error instanceof Error ? (error.stack ?? error.message) : error}`)),
    });
    const client = await opening;
    client.subscribe((event) => {
      if (!life.isOver) this.#watch(event);
    });
    this.#open = { client, link, life };
    if ((await client.session()).status === "signed-out") this.#lost();
  }

  crash(): void {
    this.#open?.life.crash();
    this.#open = null;
  }

  /** The browser's data are deleted, or the machine is gone. */
  lose(): void {
    this.crash();
    this.#lost();
    this.store = new MemoryStore();
  }

  /** After a log-in everything that was kept before is gone. */
  renewStorage(): void {
    this.#lost();
    this.storage = { isLost: false };
  }

  /** Asks the client, unless it crashes over it. Refusals are answers; only unknown ones fail the run. */
  async ask<T>(what: string, question: (client: ChatClient) => Promise<T>, ...excused: readonly string[]): Promise<Outcome<T>> {
    const open = this.#open;
    if (open === null || open.life.isOver) return { kind: "crashed" };
    const answer = question(open.client).then(
      (value): Outcome<T> => ({ kind: "done", value }),
      (error: unknown): Outcome<T> => {
        if (!(error instanceof ClientError)) return this.#unexcused(what, error);
        const { code, message } = error;
        if (![...excusable, ...excused].includes(code)) return this.#unexcused(what, error);
        return { kind: "refused", code, message };
      },
    );
    const outcome = await this.world.drive(Promise.race([answer, open.life.end.then((): Outcome<T> => ({ kind: "crashed" }))]));
    return open.life.isOver ? { kind: "crashed" } : outcome;
  }

  #unexcused(what: string, error: unknown): never {
    const told = error instanceof ClientError ? `${error.code}: ${error.message}` : String(error);
    const violation = new Violation(`${this.name}: ${what} was refused: ${told}`);
    this.world.fail(violation);
    throw violation;
  }

  #lost(): void {
    this.storage.isLost = true;
  }

  /** Whatever is shown at any time has to be true. */
  #watch(event: ChatEvent): void {
    const { world, account, storage } = this;
    world.traffic.happen();
    try {
      if (event.type === "session") {
        if (event.session.status === "signed-out") this.#lost();
        if (event.session.status === "ready" && event.session.problem !== null) {
          throw new Violation(`${this.name} has the problem ${event.session.problem.code}`);
        }
      }
      const { truth } = world;
      if (event.type === "messages") for (const message of event.messages) truth.saw(account, storage, message);
      if (event.type === "ring") truth.saw(account, storage, event.message);
      if (event.type !== "conversations") return;
      for (const { id, kind, title, state, problem, sendingBlocked, lastMessage } of event.conversations) {
        const isTurnedDown = state === "pending" && problem?.code === "join-declined";
        if ((problem !== null && !isTurnedDown) || sendingBlocked)
          throw new Violation(`${this.name}: ${kind} ${id} (${state}) has the problem ${problem?.code}`);
        if (kind === "room" && title !== "" && !truth.roomTexts.has(title))
          throw new Violation(`${this.name}: ${id} is called ${title}`);
        if (lastMessage !== null) truth.saw(account, storage, lastMessage);
      }
    } catch (error) {
      world.fail(error as Error);
    }
  }
}

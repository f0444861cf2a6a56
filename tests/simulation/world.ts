// The real server, everybody's devices, and the time between them.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AccountId, ConversationId, InviteId } from "@cychat/protocol";
import { startTestServer, type TestServer } from "../../apps/server/src/testing/test-server.ts";
import { Device } from "./device.ts";
import { fair, type Weather } from "./link.ts";
import { HeldKeys } from "./room-keys.ts";
import type { RoomLedger } from "./room-ledger.ts";
import { Traffic } from "./traffic.ts";
import { type HadRight, Truth, Violation } from "./truth.ts";
import { VirtualClock } from "./virtual-clock.ts";

export interface Account {
  readonly name: string;
  readonly email: string;
  /** Newest first: of one that was just changed nobody may know whether the server took it. */
  passwords: string[];
  recoveryKeys: string[];
  devices: Device[];
}

/** Only a run that fails ever waits so long: by the virtual clock, and by the real one. */
const patience = { virtualMs: 15 * 60_000, realMs: 40_000 } as const;
/** The server's own timers are real ones: whoever does not answer is passed over soon. */
const asks = { askTimeoutMs: 30, askAgainMs: 200 } as const;
/** Timers up to here are let go off at once; before later ones the server gets a moment for its own. */
const soonMs = 1_000;
const momentMs = 2;

/** A link that was made in a run. Whoever has it may use it. */
export interface Link {
  readonly url: string;
  readonly conversation: ConversationId;
  readonly invite: InviteId;
  /** Names of accounts: who made it, and who was given it. */
  readonly holders: Set<string>;
}

/** Files in memory where the system has such a place: thousands of databases are made here. */
const scratch = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

export class World implements AsyncDisposable {
  readonly clock = new VirtualClock(Date.now());
  readonly traffic = new Traffic();
  readonly truth: Truth = new Truth(
    () => this.clock.now(),
    (...asked) => this.#hadRight(...asked),
  );
  readonly accounts: Account[] = [];
  /** By nickname, as far as they have registered. */
  readonly people = new Map<string, AccountId>();
  readonly ledgers = new Map<ConversationId, RoomLedger>();
  readonly links: Link[] = [];
  readonly held = new HeldKeys();
  weather: Weather = fair;
  serverUrl: string | null = null;
  #failure: Error | null = null;
  #server: TestServer | null = null;
  #devices = 0;
  readonly #folder = mkdtempSync(join(scratch, "cychat-simulation-"));

  readonly #realNow = Date.now;

  private constructor(readonly seed: number) {
    // The server runs in this process, and has no other time than the clients.
    Date.now = () => Math.round(this.clock.now());
  }

  static async start(seed: number): Promise<World> {
    const world = new World(seed);
    await world.startServer();
    return world;
  }

  get server(): TestServer {
    if (this.#server === null) throw new Error("The server is not running.");
    return this.#server;
  }

  get devices(): Device[] {
    return this.accounts.flatMap((account) => account.devices);
  }

  addAccount(name: string): Account {
    const account = {
      name,
      email: `${name}@example.org`,
      passwords: [`the first password of ${name}`],
      recoveryKeys: [],
      devices: [],
    };
    this.accounts.push(account);
    return account;
  }

  addDevice(account: Account): Device {
    this.#devices += 1;
    const device = new Device(this, account.name, this.#devices);
    account.devices.push(device);
    return device;
  }

  accountOf(name: string): Account {
    const account = this.accounts.find((candidate) => candidate.name === name);
    if (account === undefined) throw new Error(`There is no ${name}.`);
    return account;
  }

  #hadRight(...[conversation, account, right, sinceMs]: Parameters<HadRight>): boolean {
    const ledger = this.ledgers.get(conversation);
    const id = this.people.get(account);
    return ledger === undefined || (id !== undefined && ledger.couldAlways(id, right, sinceMs));
  }

  async startServer(): Promise<void> {
    this.#server = await startTestServer({ folder: this.#folder, timings: asks });
    this.serverUrl = this.#server.url;
  }

  /** Stops while requests are under way, and stays away until {@link startServer}. */
  async stopServer(): Promise<void> {
    const { server } = this;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Violation("the server does not stop")), patience.realMs);
    await Promise.race([server.stop(), late.promise]).finally(() => clearTimeout(timer));
    this.serverUrl = null;
    this.#server = null;
  }

  /** Everything that the server has written. */
  readServerFiles(): Buffer[] {
    const files = readdirSync(this.#folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return files.map((file) => readFileSync(join(file.parentPath, file.name)));
  }

  /** Something that must not be was seen: the run ends at its next turn. */
  fail(error: Error): void {
    this.#failure ??= error;
  }

  /** Lets what is under way go on; where nothing is, lets time pass until something is due. */
  async turn(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const { traffic, clock } = this;
    if (!traffic.isQuiet) return traffic.next();
    const { happened } = traffic;
    for (let n = 0; n < 4; n++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (traffic.happened !== happened) return;
    }
    if (clock.nextInMs > soonMs) {
      await new Promise<void>((resolve) => setTimeout(resolve, momentMs));
      if (traffic.happened !== happened) return;
    }
    if (traffic.isQuiet) clock.advance();
  }

  /** Turns until the work is done. */
  async drive<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const end = () => {
      isDone = true;
      this.traffic.happen();
    };
    work.then(end, end);
    const hasPatience = this.#patience();
    while (!isDone) {
      if (!hasPatience()) throw new Violation("a call never came back");
      await this.turn();
    }
    return work;
  }

  /** Turns until nothing is wrong any more. `look` says what still is. */
  async until(look: () => Promise<string | null>): Promise<void> {
    const hasPatience = this.#patience();
    for (;;) {
      const wrong = await this.drive(look());
      if (wrong === null) return;
      if (!hasPatience()) throw new Violation(wrong);
      const { happened } = this.traffic;
      for (let turns = 0; turns < 20 && this.traffic.happened === happened; turns++) await this.turn();
    }
  }

  #patience(): () => boolean {
    const from = { virtualMs: this.clock.now(), realMs: performance.now() };
    return () => this.clock.now() - from.virtualMs < patience.virtualMs || performance.now() - from.realMs < patience.realMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const device of this.devices) device.crash();
    if (this.#server !== null) await this.stopServer();
    rmSync(this.#folder, { recursive: true, force: true });
    Date.now = this.#realNow;
  }
}

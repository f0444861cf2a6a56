// The processes that a run starts: known by id, ended by id, all of them ended when the run ends.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CannotMeasure } from "../measure.ts";

export interface ChildOptions {
  /** Replaces the environment, so that no setting of the surroundings leaks in; PATH and HOME are always there. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The core it may run on; null: any. */
  readonly core: number | null;
  /** Receives what the child sends; the child then speaks IPC. */
  readonly onMessage?: (message: unknown) => void;
}

export interface Child {
  readonly pid: number;
  readonly exited: Promise<number>;
  send(message: unknown): void;
  /** Everything it has printed. */
  output(): Promise<string>;
  /** SIGTERM, and after `patienceMs` SIGKILL. Answers the exit code. */
  stop(patienceMs?: number): Promise<number>;
}

export class Children {
  readonly #running = new Set<Child>();
  readonly #folder = mkdtempSync(join(tmpdir(), "cychat-bench-"));
  #lastName = 0;

  /** A path for a new temporary file or folder; all are gone at the end. */
  newPath(name: string): string {
    this.#lastName += 1;
    return join(this.#folder, `${this.#lastName}-${name}`);
  }

  start(command: readonly string[], options: ChildOptions): Child {
    const log = this.newPath("output.log");
    const pinned = options.core === null ? command : ["taskset", "-c", String(options.core), ...command];
    const { onMessage } = options;
    const child = Bun.spawn([...pinned], {
      cwd: options.cwd ?? this.#folder,
      env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", ...options.env },
      stdin: "ignore",
      stdout: Bun.file(log),
      stderr: Bun.file(`${log}.err`),
      ...(onMessage && { ipc: (message: unknown) => onMessage(message), serialization: "advanced" as const }),
    });
    const started: Child = {
      pid: child.pid,
      exited: child.exited,
      send: (message) => child.send(message),
      output: async () => (await textOf(log)) + (await textOf(`${log}.err`)),
      stop: async (patienceMs = 5_000) => {
        child.kill("SIGTERM");
        const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
        const code = await child.exited;
        clearTimeout(timer);
        this.#running.delete(started);
        return code;
      },
    };
    this.#running.add(started);
    return started;
  }

  /** Runs one of the peers' files and waits for its first message. */
  async startPeer<T>(
    file: URL,
    core: number | null,
  ): Promise<{ readonly child: Child; readonly first: T; next(): Promise<unknown> }> {
    const inbox = new Inbox();
    const child = this.start([process.execPath, file.pathname], { core, onMessage: (message) => inbox.put(message) });
    const ended = child.exited.then(async (code) => {
      throw new CannotMeasure(`a peer process ended with ${code}: ${lastLine(await child.output())}`);
    });
    ended.catch(() => {});
    const next = () => Promise.race([inbox.take(), ended]);
    return { child, first: (await next()) as T, next };
  }

  async end(): Promise<void> {
    await Promise.all([...this.#running].map((child) => child.stop(1_000)));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

class Inbox {
  readonly #messages: unknown[] = [];
  readonly #waiting: ((message: unknown) => void)[] = [];

  put(message: unknown): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(message);
    else this.#messages.push(message);
  }

  take(): Promise<unknown> {
    if (this.#messages.length > 0) return Promise.resolve(this.#messages.shift());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

export function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}

async function textOf(path: string): Promise<string> {
  return Bun.file(path)
    .text()
    .catch(() => "");
}

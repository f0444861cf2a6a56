// The server as its own process, as a person runs it: it can be killed with -9 and started again on the same data.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Subprocess } from "bun";

const main = resolve(import.meta.dir, "../../apps/server/src/main.ts");

export interface ServerProcessOptions {
  /** Further settings, e.g. lifted rate limits. */
  readonly env?: Readonly<Record<string, string>>;
  /** How large any file that it writes may get, until `liftFileLimit`: a disk that is full there. */
  readonly maxFileKb?: number;
}

export class ServerProcess implements AsyncDisposable {
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string>>;
  #maxFileKb: number | null;
  #process: Subprocess | null = null;
  #port = 0;

  private constructor(folder: string, { env = {}, maxFileKb }: ServerProcessOptions) {
    this.#folder = folder;
    this.#env = env;
    this.#maxFileKb = maxFileKb ?? null;
  }

  static async start(options: ServerProcessOptions = {}): Promise<ServerProcess> {
    const server = new ServerProcess(await mkdtemp(join(tmpdir(), "cychat-test-")), options);
    await server.start();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** Of the running server; 0 while there is none. */
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get url(): string {
    return `http://localhost:${this.#port}`;
  }

  get dataFolder(): string {
    return join(this.#folder, "data");
  }

  get uploadFolder(): string {
    return join(this.#folder, "uploads");
  }

  /** Everything the server has printed, over all its starts. */
  async log(): Promise<string> {
    return readFile(this.#logFile, "utf8");
  }

  get #logFile(): string {
    return join(this.#folder, "server.log");
  }

  /** Starts (again) on the same folder and port, and waits until it is ready. */
  async start(): Promise<void> {
    const before = (await Bun.file(this.#logFile).exists()) ? (await this.log()).length : 0;
    // With the signal ignored, a write beyond the limit is an error and not the end of the process.
    const limit = this.#maxFileKb === null ? "" : `trap "" XFSZ; ulimit -f ${this.#maxFileKb}; `;
    const command = `${limit}exec "$0" "$1" >>"$2" 2>&1`;
    const child = Bun.spawn(["bash", "-c", command, process.execPath, main, this.#logFile], {
      cwd: this.#folder,
      env: {
        PATH: process.env.PATH ?? "",
        HOST: "127.0.0.1",
        PORT: String(this.#port),
        DATA_DIR: this.dataFolder,
        UPLOAD_DIR: this.uploadFolder,
        ...this.#env,
      },
      stdin: "ignore",
    });
    this.#process = child;
    const deadline = Date.now() + 20_000;
    for (;;) {
      const printed = (await Bun.file(this.#logFile).exists()) ? (await this.log()).slice(before) : "";
      const address = /http:\/\/(?:localhost|127\.0\.0\.1):(\d+)/.exec(printed);
      if (address !== null) {
        this.#port = Number(address[1]);
        return;
      }
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${printed}`);
      if (Date.now() > deadline) throw new Error(`the server did not get ready:\n${printed}`);
      await Bun.sleep(10);
    }
  }

  /** Restarts it without one. */
  async liftFileLimit(): Promise<void> {
    await this.stop();
    this.#maxFileKb = null;
    await this.start();
  }

  async killHard(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.exited;
  }

  /** SIGTERM, and the exit code. */
  async stop(): Promise<number> {
    this.#process?.kill("SIGTERM");
    return (await this.#process?.exited) ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killHard();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

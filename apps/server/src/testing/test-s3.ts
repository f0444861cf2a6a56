// A real S3 server that is not ours (docs/decisions/0010-s3.md), in a process and a folder of its own.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import type { S3Settings } from "../config.ts";

const program = join(import.meta.dir, "s3-server.mjs");

export class TestS3 implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "cychat-s3-"));
  #process: Subprocess<"pipe", "pipe", "inherit"> | null = null;
  #port = 0;

  static async start(): Promise<TestS3> {
    const s3 = new TestS3();
    await s3.start();
    return s3;
  }

  /** Of the only key that the server knows. */
  get settings(): S3Settings {
    const key = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };
    return { endpoint: `http://127.0.0.1:${this.#port}`, region: "us-east-1", bucket: "cychat-test", prefix: "files/", ...key };
  }

  /** Starts (again) with what is stored, at the same address. */
  async start(): Promise<void> {
    const command = ["node", "--openssl-legacy-provider", program, this.#folder, this.settings.bucket, String(this.#port)];
    const child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    this.#process = child;
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    const port = /:(\d+)\n$/.exec(new TextDecoder().decode(value))?.[1];
    if (port === undefined) throw new Error("the S3 server did not start");
    this.#port = Number(port);
  }

  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.exited;
  }

  /** The keys of everything that is stored. */
  async keys(): Promise<string[]> {
    const { contents = [] } = await new Bun.S3Client(this.settings).list();
    return contents.map(({ key }) => key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

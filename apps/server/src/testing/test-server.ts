// The real server on a free port with a real database in a temporary folder.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Config, loadConfig } from "../config.ts";
import type { Core } from "../core.ts";
import { createLog } from "../log.ts";
import { type RunningServer, type ServerOptions, startServer } from "../server.ts";
import { makeAccount, type TestAccount } from "./test-account.ts";

export interface TestServerOptions extends Omit<ServerOptions, "config"> {
  readonly config?: Partial<Config>;
  /** Start again on the data of an earlier server, which then stays. */
  readonly folder?: string;
}

export interface TestServer extends RunningServer {
  readonly folder: string;
  readonly core: Core;
  /** What the server logged, line by line. */
  readonly logged: readonly string[];
  /** An account with keys, and a session that is bound to its device. */
  account(name: string): Promise<TestAccount>;
}

export async function startTestServer({ config, folder, ...options }: TestServerOptions = {}): Promise<TestServer> {
  const dataDir = folder ?? mkdtempSync(join(tmpdir(), "cychat-test-"));
  const logged: string[] = [];
  const settings = loadConfig({
    DATA_DIR: dataDir,
    UPLOAD_DIR: join(dataDir, "uploads"),
    HOST: "127.0.0.1",
    PORT: "0",
    ...testSettings,
  });
  const server = await startServer({
    config: { ...settings, ...config },
    log: createLog("debug", (line) => logged.push(line)),
    checkAnswers: true,
    ...options,
    timings: { presenceGraceMs: 0, ...options.timings },
  });
  const stop = async () => {
    await server.stop();
    if (folder === undefined) rmSync(dataDir, { recursive: true, force: true });
  };
  return {
    url: server.url,
    core: server.core,
    folder: dataDir,
    logged,
    account: (name) => makeAccount(server, name),
    stop: server.stop,
    [Symbol.asyncDispose]: stop,
  };
}

const testSettings = { MESSAGES_PER_SECOND: "0", RATE_LIMIT_SCALE: "1000" };

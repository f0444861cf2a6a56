// The real server, as `npm start` runs it, in a process of its own.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CannotMeasure } from "../measure.ts";
import { type Children, lastLine } from "./children.ts";

export interface ServerOptions {
  readonly dataDir: string;
  readonly core: number | null;
}

export interface RunningServer extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
  readonly port: number;
  /** From the start of the process to the first 200 of /health/ready. */
  readonly readyAfterMs: number;
  /** How many commits there were so far, and how many messages in them. */
  commits(): Promise<{ readonly commits: number; readonly messages: number }>;
  /** As a service manager would: SIGTERM, then patience. */
  stop(): Promise<void>;
}

const repository = fileURLToPath(new URL("../../../", import.meta.url));
const entry = `${repository}apps/server/src/main.ts`;
const metricsToken = crypto.randomUUID();
const readyPatienceMs = 20_000;

/** Its settings lift the limits that protect a server from people: how much one may send, and how often one address may ask. */
export function settingsFor(dataDir: string, port: number): Record<string, string> {
  return {
    HOST: "127.0.0.1",
    PORT: String(port),
    DATA_DIR: dataDir,
    UPLOAD_DIR: `${dataDir}/uploads`,
    DEBUG: "",
    REGISTRATION: "open",
    MESSAGES_PER_SECOND: "0",
    RATE_LIMIT_SCALE: "0",
    METRICS_TOKEN: metricsToken,
  };
}

export async function startServer(children: Children, { dataDir, core }: ServerOptions): Promise<RunningServer> {
  mkdirSync(dataDir, { recursive: true });
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const startedAt = performance.now();
  const child = children.start([process.execPath, entry], { env: settingsFor(dataDir, port), cwd: dataDir, core });
  let ended: number | null = null;
  void child.exited.then((code) => {
    ended = code;
  });
  const isReady = await untilReady(url, readyPatienceMs, () => ended !== null);
  const readyAfterMs = performance.now() - startedAt;
  if (!isReady) {
    await child.stop();
    throw new CannotMeasure(`the server did not become ready: ${lastLine(await child.output()) || `it ended with ${ended}`}`);
  }
  const stop = async () => {
    await child.stop(10_000);
  };
  return { pid: child.pid, url, port, readyAfterMs, commits: () => readCommits(url), stop, [Symbol.asyncDispose]: stop };
}

/** Asks every few milliseconds; answers false when time is up or `hasEnded`. */
export async function untilReady(url: string, patienceMs: number, hasEnded: () => boolean): Promise<boolean> {
  const deadline = performance.now() + patienceMs;
  while (performance.now() < deadline && !hasEnded()) {
    const answer = await fetch(`${url}/health/ready`).catch(() => null);
    if (answer?.status === 200) return true;
    await Bun.sleep(2);
  }
  return false;
}

/** A port that was free a moment ago. */
export function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

async function readCommits(url: string): Promise<{ commits: number; messages: number }> {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${metricsToken}` } });
  const text = response.ok ? await response.text() : "";
  const read = (name: string) =>
    Number(new RegExp(`^cychat_commit_batch_messages_${name} (\\d+)$`, "m").exec(text)?.[1] ?? Number.NaN);
  return { commits: read("count"), messages: read("sum") };
}

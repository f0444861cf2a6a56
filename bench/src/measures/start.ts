// From the start of the process to the first request that it can serve, beside a bare Bun.serve; and `npm start` as a whole.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { pinSelf } from "../machine.ts";
import { CannotMeasure, inTurns, type Measure, type MeasureContext, type Outcome, type Row, type Scale } from "../measure.ts";
import { lastLine } from "../processes/children.ts";
import { canReadProcesses, descendantsOf, residentBytesOf } from "../processes/process-figures.ts";
import { freePort, settingsFor, startServer, untilReady } from "../processes/server.ts";
import { ratioOf, spreadOf } from "../statistics.ts";

interface Plan {
  readonly rounds: number;
  readonly npmStarts: number;
}

const plans: Readonly<Record<Scale, Plan>> = {
  full: { rounds: 7, npmStarts: 3 },
  quick: { rounds: 5, npmStarts: 1 },
  smoke: { rounds: 1, npmStarts: 0 },
};

const repository = fileURLToPath(new URL("../../../", import.meta.url));
const echoServer = fileURLToPath(new URL("../peers/echo-server.ts", import.meta.url));
const npmPatienceMs = 15_000;

export const start: Measure = { name: "start", title: "Start", run: measure };

interface Start {
  readonly readyAfterMs: number;
  readonly residentMb: number;
}

async function measure(context: MeasureContext): Promise<Outcome> {
  const { children, machine, say } = context;
  const plan = plans[context.scale];
  const core = machine.cores?.server ?? null;
  pinSelf(machine, machine.cores?.load ?? null);
  const fresh: Start[] = [];
  const existing: Start[] = [];
  const bare: Start[] = [];
  let dataDir = children.newPath("data");
  const startOnce = async (into: Start[]) => {
    await using server = await startServer(children, { dataDir, core });
    into.push({ readyAfterMs: server.readyAfterMs, residentMb: residentMb(server.pid) });
  };
  say("starting and stopping the server");
  // Once before anything counts, so that the files are in the system's memory for every side alike.
  await startOnce([]);
  const cutShort = await inTurns(context, plan.rounds, [
    async () => {
      dataDir = children.newPath("data");
      await startOnce(fresh);
    },
    () => startOnce(existing),
    async () => void bare.push(await bareStart(context, core)),
  ]);
  pinSelf(machine, null);

  const totals: number[] = [];
  const notMeasured: string[] = [];
  for (let count = 0; count < plan.npmStarts; count++) {
    say("npm start, as a whole");
    try {
      totals.push(await npmStart(context));
    } catch (error) {
      if (!(error instanceof CannotMeasure)) throw error;
      notMeasured.push(error.message);
      break;
    }
  }
  if (!canReadProcesses) notMeasured.push("resident memory: only Linux tells one process about another's");
  return { rows: [...rowsOf(fresh, existing, bare), ...totalRows(totals)], notes: cutShort, notMeasured };
}

function rowsOf(fresh: readonly Start[], existing: readonly Start[], bare: readonly Start[]): Row[] {
  const row = (what: string, unit: string, of: keyof Start, starts: readonly Start[], target: string, limit: number): Row => {
    const ours = starts.map((each) => each[of]);
    const theirs = bare.map((each) => each[of]);
    return {
      what,
      unit,
      ours: spreadOf(ours),
      beside: { name: "bare Bun.serve", value: spreadOf(theirs) },
      ratio: ratioOf(ours, theirs),
      target: { text: target, met: spreadOf(ours).median <= limit },
    };
  };
  const ready = (what: string, starts: readonly Start[]) =>
    row(`process start to ready, ${what}`, "ms", "readyAfterMs", starts, "≤ 500 ms", 500);
  const memory = (what: string, starts: readonly Start[]) =>
    row(`resident memory when ready, ${what}`, "MB", "residentMb", starts, "≤ 80 MB", 80);
  return [
    ready("new data folder", fresh),
    ready("existing data", existing),
    ...(canReadProcesses ? [memory("new data folder", fresh), memory("existing data", existing)] : []),
  ];
}

function totalRows(totals: readonly number[]): Row[] {
  return totals.length === 0
    ? []
    : [{ what: "a second npm start to ready, everything set up", unit: "ms", ours: spreadOf(totals) }];
}

/** A process that serves and does nothing else: Bun's own share of every start. */
async function bareStart({ children }: MeasureContext, core: number | null): Promise<Start> {
  const port = freePort();
  const startedAt = performance.now();
  const child = children.start([process.execPath, echoServer], { core, env: { PORT: String(port) } });
  if (!(await untilReady(`http://127.0.0.1:${port}`, 10_000, () => false)))
    throw new CannotMeasure("a bare Bun.serve did not become ready");
  const measured = { readyAfterMs: performance.now() - startedAt, residentMb: residentMb(child.pid) };
  await child.stop();
  return measured;
}

/** What a person waits for. `npm run bench` has set everything up already, so this is never a first start. */
async function npmStart({ children }: MeasureContext): Promise<number> {
  const npm = process.env.npm_execpath;
  if (!npm || !existsSync(npm)) throw new CannotMeasure("npm start: the bench was not started by npm");
  const port = freePort();
  const startedAt = performance.now();
  const child = children.start([Bun.which("node") ?? "node", npm, "start"], {
    core: null,
    cwd: repository,
    env: settingsFor(children.newPath("data"), port),
  });
  let hasEnded = false;
  void child.exited.then(() => {
    hasEnded = true;
  });
  const isReady = await untilReady(`http://127.0.0.1:${port}`, npmPatienceMs, () => hasEnded);
  const totalMs = performance.now() - startedAt;
  const below = canReadProcesses ? descendantsOf(child.pid) : [];
  await child.stop();
  for (const pid of below) endOrphan(pid);
  if (!isReady) throw new CannotMeasure(`npm start did not become ready: ${lastLine(await child.output())}`);
  return totalMs;
}

/** npm hands the signal on; what did not hear it is one of ours all the same. */
function endOrphan(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch {
    // It has ended, as it should.
  }
}

const residentMb = (pid: number) => (canReadProcesses ? residentBytesOf(pid) / 1e6 : Number.NaN);

// What an authenticated connection costs in memory while nothing happens on it, beside a raw Bun.serve socket.
import { apiBase } from "@cychat/protocol";
import { Connection, textFrame } from "../load/connection.ts";
import { pinSelf } from "../machine.ts";
import { CannotMeasure, inTurns, type Measure, type MeasureContext, type Outcome, type Row, type Scale } from "../measure.ts";
import { inParallel } from "../people/in-parallel.ts";
import { discard } from "../people/people-cache.ts";
import { canReadProcesses, residentBytesOf } from "../processes/process-figures.ts";
import { startServer } from "../processes/server.ts";
import { ratioOf, spreadOf } from "../statistics.ts";

interface Plan {
  /** Ascending: the connections of one level are the first ones of the next. */
  readonly levels: readonly number[];
  readonly accounts: number;
  readonly rounds: number;
}

const plans: Readonly<Record<Scale, Plan>> = {
  full: { levels: [1_000, 10_000], accounts: 200, rounds: 5 },
  quick: { levels: [1_000], accounts: 100, rounds: 3 },
  smoke: { levels: [20, 40], accounts: 4, rounds: 1 },
};

/** Opened and closed before the first reading, so that code that runs for the first time is not counted as a connection's. */
const warmUpConnections = 100;
const openWidth = 64;
const spareFiles = 200;
const settlePatienceMs = 3_000;

export const idleConnections: Measure = {
  name: "idle",
  title: "Idle authenticated connections",
  run: measure,
};

async function measure(context: MeasureContext): Promise<Outcome> {
  if (!canReadProcesses)
    return { rows: [], notes: [], notMeasured: ["memory of idle connections: only Linux tells one process about another's"] };
  const { machine, children, say } = context;
  const plan = plans[context.scale];
  const levels = plan.levels.filter((level) => level + spareFiles <= machine.openFiles);
  const left = plan.levels.filter((level) => !levels.includes(level));
  pinSelf(machine, null);
  say(`making ${plan.accounts} accounts with keys`);
  const people = await context.people.atLeast(plan.accounts, context.timeLeftMs() * 0.6);
  const hellos = people.pairs.flatMap((pair) => pair.people).map(({ token }) => JSON.stringify({ type: "hello", token }));

  pinSelf(machine, machine.cores?.load ?? null);
  const core = machine.cores?.server ?? null;
  const ours = levels.map((): number[] => []);
  const raw = levels.map((): number[] => []);
  const record = (into: number[][], bytes: readonly number[]) => {
    for (const [index, each] of bytes.entries()) into[index]?.push(each);
  };
  const cutShort = await inTurns(context, plan.rounds, [
    async () => {
      say("the server");
      const dataDir = people.copyData();
      await using server = await startServer(children, { dataDir, core });
      const target = {
        pid: server.pid,
        port: server.port,
        path: `${apiBase}/ws`,
        hello: (index: number) => hellos[index % hellos.length] ?? null,
      };
      record(ours, await bytesEach(target, levels));
      await server.stop();
      discard(dataDir);
    },
    async () => {
      say("raw sockets");
      const echo = await children.startPeer<{ port: number }>(new URL("../peers/echo-server.ts", import.meta.url), core);
      record(raw, await bytesEach({ pid: echo.child.pid, port: echo.first.port, path: "/", hello: () => null }, levels));
      await echo.child.stop();
    },
  ]);
  pinSelf(machine, null);
  const rows = levels.map((level, index): Row => {
    const own = ours[index] ?? [];
    const bare = raw[index] ?? [];
    const met = spreadOf(own).median <= 5_000;
    return {
      what: `one idle connection of ${level}`,
      unit: "B",
      ours: spreadOf(own),
      beside: { name: "raw Bun.serve socket", value: spreadOf(bare) },
      ratio: ratioOf(own, bare),
      ...(level === 10_000 && { target: { text: "≤ 5 kB at 10,000", met } }),
    };
  });
  return {
    rows,
    notes: [
      ...cutShort,
      `Growth of the server's resident memory, once it has come to rest, divided by the connections; ${hellos.length} accounts have them. ` +
        `The client process and the kernel's buffers are not in it. What the start has left free in the process is used up first, ` +
        `so that few connections look cheaper than many.`,
    ],
    notMeasured: left.map((level) => `${level} idle connections: this machine allows a process ${machine.openFiles} open files`),
  };
}

interface Target {
  readonly pid: number;
  readonly port: number;
  readonly path: string;
  hello(index: number): string | null;
}

async function bytesEach(target: Target, levels: readonly number[]): Promise<number[]> {
  const warmUp = await openMany(target, 0, Math.min(warmUpConnections, levels[0] ?? 0));
  for (const connection of warmUp) connection.end();
  const baseline = await restingBytesOf(target.pid);
  const open: Connection[] = [];
  const each: number[] = [];
  for (const level of levels) {
    open.push(...(await openMany(target, open.length, level)));
    each.push(((await restingBytesOf(target.pid)) - baseline) / level);
  }
  for (const connection of open) connection.end();
  return each;
}

/** Opens the connections from number `from` up to and without `to`, each authenticated. */
function openMany(target: Target, from: number, to: number): Promise<Connection[]> {
  const indexes = Array.from({ length: to - from }, (_, index) => from + index);
  return inParallel(indexes, openWidth, async (index) => {
    const answered = Promise.withResolvers<void>();
    const connection = await Connection.open(target.port, target.path, {
      onText: (payload) => {
        if (payload.toString("latin1", 0, 17) === '{"type":"welcome"') answered.resolve();
      },
      onClosed: (why) => answered.reject(new CannotMeasure(`an idle connection was ${why}`)),
    });
    answered.promise.catch(() => {});
    const hello = target.hello(index);
    if (hello === null) return connection;
    connection.write(textFrame(hello));
    await answered.promise;
    return connection;
  });
}

/** Resident memory once the garbage collector has been by: when it has stopped falling or rising, or after a few seconds. */
async function restingBytesOf(pid: number): Promise<number> {
  const deadline = performance.now() + settlePatienceMs;
  let last = residentBytesOf(pid);
  let calm = 0;
  while (calm < 4 && performance.now() < deadline) {
    await Bun.sleep(250);
    const now = residentBytesOf(pid);
    calm = Math.abs(now - last) < 256 * 1024 ? calm + 1 : 0;
    last = now;
  }
  return last;
}

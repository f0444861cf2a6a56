// Direct messages, durable before they are acknowledged, beside a raw echo of the same frames and SQLite's own inserts.
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { apiBase } from "@cychat/protocol";
import { conversationFrames, type PreparedConversations } from "../load/conversation-frames.ts";
import { chatDialect, echoDialect } from "../load/dialect.ts";
import { type Latencies, type PreparedLane, Traffic, type TrafficOptions } from "../load/traffic.ts";
import { pinSelf } from "../machine.ts";
import { inTurns, type Measure, type MeasureContext, type Outcome, type Row, type Scale } from "../measure.ts";
import type { InsertAnswer, InsertRequest } from "../peers/sqlite-inserts.ts";
import { discard, type People } from "../people/people-cache.ts";
import { canReadProcesses, cpuMsOf } from "../processes/process-figures.ts";
import { startServer } from "../processes/server.ts";
import { percentile, ratioOf, spreadOf } from "../statistics.ts";

interface Plan {
  readonly connections: number;
  readonly rounds: number;
  /** Unacknowledged messages of one connection. */
  readonly window: number;
  /** Of each connection, before the clock starts; under it; and then at half of the rate. */
  readonly warmUp: number;
  readonly timed: number;
  readonly paced: number;
  /** How often the echo gets the timed messages: it is so quick that once would be too short to measure. */
  readonly echoes: number;
}

const textBytes = 100;
/** At half of the throughput. */
const pacedSeconds = 1.5;

/** Most of what is sent first goes into compiling the server's code: a process that has run for a minute never does that again. */
const few: Readonly<Record<Scale, Plan>> = {
  full: { connections: 200, rounds: 5, window: 8, warmUp: 120, timed: 140, paced: 60, echoes: 10 },
  quick: { connections: 100, rounds: 3, window: 8, warmUp: 80, timed: 80, paced: 30, echoes: 20 },
  smoke: { connections: 4, rounds: 1, window: 4, warmUp: 2, timed: 6, paced: 2, echoes: 2 },
};
const many: Readonly<Record<Scale, Plan | null>> = {
  full: { connections: 2_000, rounds: 5, window: 4, warmUp: 12, timed: 14, paced: 6, echoes: 10 },
  quick: null,
  smoke: null,
};

export const directMessages: Measure = {
  name: "messages",
  title: "Direct messages, durable before ack",
  run: (context) => measure(context, few[context.scale]),
};

export const directMessagesMany: Measure = {
  name: "messages-2000",
  title: "Direct messages, durable before ack, many connections",
  async run(context) {
    const plan = many[context.scale];
    if (plan) return measure(context, plan);
    return {
      rows: [],
      notes: [],
      notMeasured: ["direct messages on 2,000 connections: registering 2,000 accounts takes too long"],
    };
  },
};

interface Figures {
  readonly perCpuSecond: number;
  readonly perSecond: number;
}

interface Sample {
  readonly ours: Figures;
  readonly echo: Figures;
  readonly plain: Figures;
  readonly keyed: Figures;
  /** Messages of one commit, on average. */
  readonly batch: number;
  readonly latencies: Latencies;
  readonly echoLatencies: Latencies;
}

async function measure(context: MeasureContext, plan: Plan): Promise<Outcome> {
  const { children, machine, say } = context;
  pinSelf(machine, null);
  say(`making ${plan.connections} accounts with keys`);
  const people = await context.people.atLeast(plan.connections, context.timeLeftMs() * 0.6);
  const framesPerPerson = plan.warmUp + plan.timed + plan.paced;
  say(`encrypting and signing ${plan.connections * framesPerPerson} messages`);
  const prepared = await conversationFrames(people.pairs.slice(0, plan.connections / 2), framesPerPerson, textBytes);

  pinSelf(machine, machine.cores?.load ?? null);
  const core = machine.cores?.server ?? null;
  const echo = await children.startPeer<{ port: number }>(new URL("../peers/echo-server.ts", import.meta.url), core);
  const sqlite = await children.startPeer(new URL("../peers/sqlite-inserts.ts", import.meta.url), core);
  const insert = async (request: InsertRequest): Promise<Figures> => {
    sqlite.child.send(request);
    const { wallMs, cpuMs } = (await sqlite.next()) as InsertAnswer;
    return { perCpuSecond: (request.rows / cpuMs) * 1000, perSecond: (request.rows / wallMs) * 1000 };
  };
  const echoes = prepared.lanes.map((each): PreparedLane => ({ ...each, hello: null, ids: [] }));
  const serverSchema = readSchema(people.copyData());
  const samples: Sample[] = [];
  // One side after the other and never the other way round: the rate and the batches of ours are those of the others.
  const round = async () => {
    say(`round ${samples.length + 1} of ${plan.rounds}`);
    const ours = await serverRound(context, plan, people, prepared, core);
    const echoed = await echoRound(
      { port: echo.first.port, path: "/", dialect: echoDialect, lanes: echoes },
      plan,
      echo.child.pid,
      ours.rate,
    );
    const request = {
      rows: plan.connections * plan.timed,
      rowsPerCommit: Math.max(1, Math.round(ours.batch)),
      envelopeBytes: prepared.envelopeBytes,
    };
    const plain = await insert({ ...request, path: children.newPath("plain.sqlite"), schema: null });
    const keyed = await insert({ ...request, path: children.newPath("keyed.sqlite"), schema: serverSchema });
    const { figures, batch, latencies } = ours;
    samples.push({ ours: figures, echo: echoed.figures, plain, keyed, batch, latencies, echoLatencies: echoed.latencies });
  };
  const cutShort = await inTurns(context, plan.rounds, [round]);
  await Promise.all([echo.child.stop(), sqlite.child.stop()]);
  pinSelf(machine, null);
  const outcome = outcomeOf(samples, plan, prepared);
  return { ...outcome, notes: [...cutShort, ...outcome.notes] };
}

/** How the server's own database defines the table of messages. */
function readSchema(dataDir: string): string[] {
  using db = new Database(join(dataDir, "cychat.db"), { readonly: true });
  const sql = "select sql from sqlite_master where tbl_name = 'entries' and sql is not null order by type = 'table' desc";
  return db
    .query<{ sql: string }, []>(sql)
    .all()
    .map((each) => each.sql);
}

/** One start of the real server on its own copy of the data. */
async function serverRound(
  context: MeasureContext,
  plan: Plan,
  people: People,
  prepared: PreparedConversations,
  core: number | null,
) {
  const dataDir = people.copyData();
  await using server = await startServer(context.children, { dataDir, core });
  const traffic = await Traffic.open({ port: server.port, path: `${apiBase}/ws`, dialect: chatDialect, lanes: prepared.lanes });
  await traffic.asFastAsAnswered(plan.warmUp, plan.window);
  const before = await server.commits();
  const figures = await timed(traffic, plan, server.pid, 1);
  const after = await server.commits();
  const rate = figures.perSecond / 2;
  const latencies = await traffic.atRate(plan.warmUp + plan.timed + plan.paced, rate, rate * pacedSeconds);
  traffic.end();
  await server.stop();
  discard(dataDir);
  return { figures, rate, latencies, batch: (after.messages - before.messages) / (after.commits - before.commits) };
}

async function echoRound(options: TrafficOptions, plan: Plan, pid: number, rate: number) {
  const traffic = await Traffic.open(options);
  await traffic.asFastAsAnswered(plan.warmUp, plan.window);
  const figures = await timed(traffic, plan, pid, plan.echoes);
  const latencies = await traffic.atRate(plan.warmUp + plan.timed + plan.paced, rate, rate * pacedSeconds);
  traffic.end();
  return { figures, latencies };
}

/** The timed messages, `times` over where the server keeps nothing. */
async function timed(traffic: Traffic, plan: Plan, pid: number, times: number): Promise<Figures> {
  const cpuBeforeMs = readCpuMs(pid);
  let messages = 0;
  let wallMs = 0;
  for (let time = 0; time < times; time++) {
    if (time > 0) traffic.rewind();
    const upTo = time === 0 ? plan.warmUp + plan.timed : plan.timed;
    const run = await traffic.asFastAsAnswered(upTo, plan.window);
    messages += run.messages;
    wallMs += run.wallMs;
  }
  const cpuMs = readCpuMs(pid) - cpuBeforeMs;
  return { perCpuSecond: (messages / cpuMs) * 1000, perSecond: (messages / wallMs) * 1000 };
}

const readCpuMs = (pid: number) => (canReadProcesses ? cpuMsOf(pid) : Number.NaN);

function outcomeOf(samples: readonly Sample[], plan: Plan, prepared: PreparedConversations): Outcome {
  const { connections } = plan;
  const of = (side: "ours" | "echo" | "plain" | "keyed", figure: keyof Figures) => samples.map((sample) => sample[side][figure]);
  const row = (what: string, unit: string, ours: readonly number[], name: string, theirs: readonly number[]): Row => ({
    what: `${what}, ${connections} connections`,
    unit,
    ours: spreadOf(ours),
    beside: { name, value: spreadOf(theirs) },
    ratio: ratioOf(ours, theirs),
  });
  const cpuOf = (side: "ours" | "echo") => of(side, "perCpuSecond").map((perSecond) => 1e6 / perSecond);
  const latency = (what: string, kind: keyof Latencies, share: number): Row => {
    const ours = samples.map(({ latencies }) => percentile(latencies[kind], share));
    const echoes = samples.map(({ echoLatencies }) => percentile(echoLatencies.acks, share));
    return row(`${what} at half of that rate, p${share * 100}`, "ms", ours, "raw echo at the same rate", echoes);
  };
  const ofEcho = row("direct messages", "1/CPU s", of("ours", "perCpuSecond"), "raw echo", of("echo", "perCpuSecond"));
  const atLeastHalf = { text: "≥ 0.5 of raw echo", met: (ofEcho.ratio?.median ?? 0) >= 0.5 };
  const byCpu: Row[] = [
    { ...ofEcho, target: atLeastHalf },
    row("CPU of one direct message", "µs", cpuOf("ours"), "raw echo", cpuOf("echo")),
    row("direct messages", "1/CPU s", of("ours", "perCpuSecond"), "SQLite inserts, plain table", of("plain", "perCpuSecond")),
    row("direct messages", "1/CPU s", of("ours", "perCpuSecond"), "SQLite inserts, same keys", of("keyed", "perCpuSecond")),
  ];
  const byClock: Row[] = [
    row("direct messages", "1/s", of("ours", "perSecond"), "raw echo", of("echo", "perSecond")),
    row("direct messages", "1/s", of("ours", "perSecond"), "SQLite inserts, same keys", of("keyed", "perSecond")),
    latency("ack", "acks", 0.5),
    latency("ack", "acks", 0.99),
    latency("delivery", "deliveries", 0.5),
    latency("delivery", "deliveries", 0.99),
  ];
  const batches = spreadOf(samples.map(({ batch }) => batch));
  return {
    rows: [...(canReadProcesses ? byCpu : []), ...byClock],
    notes: [
      `A direct message is one frame in, a commit, one ack and one delivery out; an echo is one frame in and the same frame out.`,
      `${samples.length} times, each with the server newly started: ${connections * plan.warmUp} messages before the clock starts, ${connections * plan.timed} under it, at most ${plan.window} unanswered on each of ${connections} connections; texts of ${textBytes} bytes ` +
        `in envelopes of ${prepared.envelopeBytes} and frames of ${prepared.frameBytes} bytes; ${Math.round(batches.median)} messages a commit ` +
        `(${Math.round(batches.min)}–${Math.round(batches.max)}), and as many rows a commit for SQLite alone.`,
    ],
    notMeasured: canReadProcesses ? [] : ["CPU time of messages: only Linux tells one process about another's"],
  };
}

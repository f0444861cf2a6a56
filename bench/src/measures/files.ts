// Files: what encrypting costs beside plain curl and the same server, what many uploads do to messages, and how much memory a
// very large file takes.
import { rmSync, statSync } from "node:fs";
import { apiBase, type MessageId } from "@cychat/protocol";
import { conversationFrames } from "../load/conversation-frames.ts";
import { chatDialect } from "../load/dialect.ts";
import { Traffic } from "../load/traffic.ts";
import { pinSelf } from "../machine.ts";
import { CannotMeasure, inTurns, type Measure, type MeasureContext, type Outcome, type Row, type Scale } from "../measure.ts";
import { beginUpload, type CurlUser, download, randomFile, upload, uploadTogether } from "../peers/curl.ts";
import type { FileReply, FileRequest } from "../peers/file-clients.ts";
import { discard } from "../people/people-cache.ts";
import type { Child } from "../processes/children.ts";
import { canReadProcesses, residentBytesOf } from "../processes/process-figures.ts";
import { startServer } from "../processes/server.ts";
import { percentile, ratioOf, spreadOf } from "../statistics.ts";

interface Plan {
  readonly bytes: number;
  readonly rounds: number;
  /** Of one file, for what it takes of memory; 0: not measured. */
  readonly largeBytes: number;
  readonly uploads: number;
  readonly uploadBytes: number;
  readonly uploadRounds: number;
  readonly people: number;
  readonly messagesPerSecond: number;
  readonly messages: number;
}

const plans: Readonly<Record<Scale, Plan>> = {
  full: {
    bytes: 200e6,
    rounds: 5,
    largeBytes: 2e9,
    uploads: 50,
    uploadBytes: 10e6,
    uploadRounds: 3,
    people: 50,
    messagesPerSecond: 200,
    messages: 1_000,
  },
  quick: {
    bytes: 100e6,
    rounds: 3,
    largeBytes: 500e6,
    uploads: 50,
    uploadBytes: 10e6,
    uploadRounds: 2,
    people: 50,
    messagesPerSecond: 200,
    messages: 600,
  },
  smoke: {
    bytes: 2e6,
    rounds: 1,
    largeBytes: 3e6,
    uploads: 2,
    uploadBytes: 1e5,
    uploadRounds: 1,
    people: 2,
    messagesPerSecond: 100,
    messages: 10,
  },
};

/** More than a chunk, and what a player or a download asks for at once. */
const pieceBytes = 1_048_576;
const sampleEveryMs = 50;
const settlingMs = 250;
const textBytes = 100;

export const files: Measure = { name: "files", title: "Files", run: measure };

async function measure(context: MeasureContext): Promise<Outcome> {
  const plan = plans[context.scale];
  const throughput = await measureThroughput(context, plan);
  const others = await measureOthers(context, plan);
  const memory = await measureMemory(context, plan);
  const parts = [throughput, others, memory];
  return {
    rows: parts.flatMap(({ rows }) => rows),
    notes: parts.flatMap(({ notes }) => notes),
    notMeasured: parts.flatMap(({ notMeasured }) => notMeasured),
  };
}

interface Clients extends CurlUser {
  readonly child: Child;
  ask<T>(request: FileRequest): Promise<T>;
}

async function meet(
  { children, machine }: MeasureContext,
  url: string,
  stores: readonly [string, string] | null,
): Promise<Clients> {
  const core = machine.cores?.load ?? null;
  const { child, next } = await children.startPeer(new URL("../peers/file-clients.ts", import.meta.url), core);
  const ask = async <T>(request: FileRequest): Promise<T> => {
    child.send(request);
    const reply = (await next()) as FileReply;
    if ("refused" in reply) throw new CannotMeasure(`${request.kind}: ${reply.refused}`);
    return reply as T;
  };
  const { conversation, tokens } = await ask<{ conversation: string; tokens: string[] }>({ kind: "meet", url, stores });
  return { child, ask, url, conversation, core, token: tokens[0] ?? "" };
}

interface Timed {
  readonly message: MessageId;
  readonly wallMs: number;
}

async function measureThroughput(context: MeasureContext, plan: Plan): Promise<Outcome> {
  const { children, machine, say } = context;
  const path = children.newPath("file");
  const into = children.newPath("downloaded");
  await randomFile(path, plan.bytes);
  const dataDir = children.newPath("files");
  const times = {
    sent: [] as number[],
    opened: [] as number[],
    passed: [] as number[],
    uploaded: [] as number[],
    downloaded: [] as number[],
  };
  await using server = await startServer(children, { dataDir, core: machine.cores?.server ?? null });
  const clients = await meet(context, server.url, null);
  const megabytesPerSecond = (wallMs: number) => plan.bytes / 1e6 / (wallMs / 1000);
  const ours = async () => {
    const { message, wallMs } = await clients.ask<Timed>({ kind: "send", path });
    times.sent.push(megabytesPerSecond(wallMs));
    const open = async (piece: number | null) =>
      megabytesPerSecond((await clients.ask<Timed>({ kind: "open", message, piece })).wallMs);
    times.opened.push(await open(null));
    times.passed.push(await open(pieceBytes));
    await clients.ask({ kind: "delete", message });
  };
  const plain = async () => {
    const to = await beginUpload(clients, plan.bytes);
    let startedAt = performance.now();
    await upload(clients, to, path);
    times.uploaded.push(megabytesPerSecond(performance.now() - startedAt));
    startedAt = performance.now();
    await download(clients, to, into);
    times.downloaded.push(megabytesPerSecond(performance.now() - startedAt));
    if (statSync(into).size !== plan.bytes) throw new CannotMeasure("curl did not get what it had sent");
  };
  say(`${plan.bytes / 1e6} MB there and back`);
  // What runs first compiles both sides.
  await ours();
  await plain();
  for (const each of Object.values(times)) each.length = 0;
  const notes = await inTurns(context, plan.rounds, [ours, plain]);
  await clients.child.stop();
  await server.stop();
  discard(dataDir);
  for (const each of [path, into]) rmSync(each, { force: true });
  const row = (what: string, mine: readonly number[], name: string, theirs: readonly number[]): Row => {
    const ratio = ratioOf(mine, theirs);
    return {
      what,
      unit: "MB/s",
      ours: spreadOf(mine),
      beside: { name, value: spreadOf(theirs) },
      ratio,
      target: { text: "≥ 0.5", met: ratio.median >= 0.5 },
    };
  };
  const size = `${plan.bytes / 1e6} MB`;
  return {
    rows: [
      row(`encrypt, upload, store, message received: ${size}`, times.sent, "curl -T", times.uploaded),
      row(`download, decrypt and verify as a whole: ${size}`, times.opened, "curl -o", times.downloaded),
      row(`the same in pieces of 1 MiB, as a player reads: ${size}`, times.passed, "curl -o", times.downloaded),
    ],
    notes: [
      ...notes,
      "Both clients are in one process on the load's core, their stores in memory; the file is read from the disk, and what is sent is durable on the server. curl sends and fetches the same bytes in one request each, and writes what it fetches to a file.",
    ],
    notMeasured: [],
  };
}

/** Messages at a fixed rate, alone and beside many uploads at once. */
async function measureOthers(context: MeasureContext, plan: Plan): Promise<Outcome> {
  const { children, machine, say, people: cache } = context;
  pinSelf(machine, null);
  say(`making ${plan.people} accounts with keys`);
  const people = await cache.atLeast(plan.people, context.timeLeftMs() * 0.4);
  const pairs = people.pairs.slice(0, plan.people / 2);
  const perPhase = Math.ceil(plan.messages / plan.people);
  const phases = 2 * plan.uploadRounds + 1;
  const { lanes } = await conversationFrames(pairs, perPhase * phases, textBytes);
  const path = children.newPath("file");
  const config = children.newPath("curl.config");
  await randomFile(path, plan.uploadBytes);
  pinSelf(machine, machine.cores?.load ?? null);
  const dataDir = people.copyData();
  await using server = await startServer(children, { dataDir, core: machine.cores?.server ?? null });
  const traffic = await Traffic.open({ port: server.port, path: `${apiBase}/ws`, dialect: chatDialect, lanes });
  const alone: number[] = [];
  const beside: number[] = [];
  const megabytesPerSecond: number[] = [];
  let endedEarly = 0;
  let sent = 0;
  const speak = async (): Promise<number> => {
    sent += perPhase;
    const { acks } = await traffic.atRate(sent, plan.messagesPerSecond, perPhase * plan.people);
    return percentile(acks, 0.99);
  };
  const users = pairs.flatMap(({ people: two, conversation }) =>
    two.map(({ token }): CurlUser => ({ url: server.url, token, conversation, core: machine.cores?.load ?? null })),
  );
  const beginAll = () =>
    Promise.all(
      Array.from({ length: plan.uploads }, async (_, index) => {
        const user = users[index % users.length] as CurlUser;
        return [user, await beginUpload(user, plan.uploadBytes)] as const;
      }),
    );
  say("messages and uploads to warm up");
  await speak();
  await uploadTogether(await beginAll(), path, config);
  const notes = await inTurns(context, plan.uploadRounds, [
    async () => void alone.push(await speak()),
    async () => {
      say(`${plan.uploads} uploads of ${plan.uploadBytes / 1e6} MB at once`);
      const begun = await beginAll();
      const startedAt = performance.now();
      let endedAt: number | null = null;
      const uploading = uploadTogether(begun, path, config).then(() => {
        endedAt = performance.now();
      });
      // Starting a process holds this one up, and it is this one that measures.
      await Bun.sleep(settlingMs);
      beside.push(await speak());
      if (endedAt !== null) endedEarly += 1;
      await uploading;
      megabytesPerSecond.push((plan.uploads * plan.uploadBytes) / 1e6 / (((endedAt ?? 0) - startedAt) / 1000));
    },
  ]);
  traffic.end();
  await server.stop();
  discard(dataDir);
  rmSync(path, { force: true });
  pinSelf(machine, null);
  const ratio = ratioOf(beside, alone);
  return {
    rows: [
      {
        what: `ack of a message, p99, beside ${plan.uploads} uploads of ${plan.uploadBytes / 1e6} MB at once`,
        unit: "ms",
        ours: spreadOf(beside),
        beside: { name: "the same without uploads", value: spreadOf(alone) },
        ratio,
        target: { text: "≤ 2", met: ratio.median <= 2 },
      },
      {
        what: "those uploads together, while messages go on",
        unit: "MB/s",
        ours: spreadOf(megabytesPerSecond),
        target: { text: "≥ 50 MB/s", met: spreadOf(megabytesPerSecond).median >= 50 },
      },
    ],
    notes: [
      ...notes,
      ...(endedEarly > 0 ? [`In ${endedEarly} of ${beside.length} rounds the uploads had ended before the last message.`] : []),
      `${plan.messagesPerSecond} messages a second on ${plan.people} connections. The uploads are those of one curl, on the core of the load generator and behind it in turn, under way before the first message is sent.`,
    ],
    notMeasured: [],
  };
}

/** Resident memory of the client and of the server while one very large file goes there and back. */
async function measureMemory(context: MeasureContext, plan: Plan): Promise<Outcome> {
  const { children, say } = context;
  if (!canReadProcesses)
    return { rows: [], notes: [], notMeasured: ["memory of a large file: only Linux tells one process about another's"] };
  const path = children.newPath("large");
  const small = children.newPath("small");
  await randomFile(path, plan.largeBytes);
  await randomFile(small, Math.min(plan.largeBytes, 50e6));
  const dataDir = children.newPath("files");
  await using server = await startServer(children, { dataDir, core: null });
  const clients = await meet(context, server.url, [children.newPath("sender.db"), children.newPath("receiver.db")]);
  const there = async (file: string) => {
    const { message } = await clients.ask<Timed>({ kind: "send", path: file });
    await clients.ask({ kind: "open", message, piece: pieceBytes });
    await clients.ask({ kind: "delete", message });
  };
  say("a first file, so that all code is compiled and every buffer was used once");
  await there(small);
  say(`${plan.largeBytes / 1e6} MB there and back`);
  const pids = { client: clients.child.pid, server: server.pid };
  const before = { client: residentBytesOf(pids.client), server: residentBytesOf(pids.server) };
  const most = { ...before };
  const timer = setInterval(() => {
    for (const side of ["client", "server"] as const) most[side] = Math.max(most[side], residentBytesOf(pids[side]));
  }, sampleEveryMs);
  try {
    await there(path);
  } finally {
    clearInterval(timer);
  }
  await clients.child.stop();
  await server.stop();
  discard(dataDir);
  for (const each of [path, small]) rmSync(each, { force: true });
  const row = (side: "client" | "server"): Row => {
    const megabytes = (most[side] - before[side]) / 1e6;
    return {
      what: `growth of the ${side}'s resident memory, a file of ${plan.largeBytes / 1e6} MB there and back`,
      unit: "MB",
      ours: spreadOf([megabytes]),
      target: { text: "≤ 64 MB", met: megabytes <= 64 },
    };
  };
  return {
    rows: [row("client"), row("server")],
    notes: [
      `Sampled every ${sampleEveryMs} ms, after a file of ${Math.min(plan.largeBytes, 50e6) / 1e6} MB. The client's stores are files; what it opens is read in pieces and not kept.`,
    ],
    notMeasured: [],
  };
}

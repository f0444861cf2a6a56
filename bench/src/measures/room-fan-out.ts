// Messages of a room to everybody who is online, durable before they are told, beside Bun's raw publish.
import { apiBase, type ClientFrame, toBase64url } from "@cychat/protocol";
import { textFrame } from "../load/connection.ts";
import { roomDialect } from "../load/dialect.ts";
import { Lane } from "../load/lane.ts";
import { type PreparedLane, Traffic } from "../load/traffic.ts";
import { pinSelf } from "../machine.ts";
import { inTurns, type Measure, type MeasureContext, type Outcome, type Row, type Scale } from "../measure.ts";
import { type CrowdMember, createCrowd } from "../people/crowd.ts";
import { type CrowdRoom, createCrowdRoom } from "../people/crowd-room.ts";
import { sealTexts } from "../people/pair.ts";
import { discard } from "../people/people-cache.ts";
import { canReadProcesses, cpuMsOf } from "../processes/process-figures.ts";
import { startServer } from "../processes/server.ts";
import { ratioOf, spreadOf } from "../statistics.ts";

interface Level {
  /** Members, each with one connection. */
  readonly members: number;
  /** Of each sender, under the clock; half as many before it. */
  readonly timed: number;
}

interface Plan {
  readonly levels: readonly Level[];
  readonly rounds: number;
}

const plans: Readonly<Record<Scale, Plan>> = {
  full: {
    levels: [
      { members: 100, timed: 200 },
      { members: 1_000, timed: 60 },
    ],
    rounds: 5,
  },
  quick: { levels: [{ members: 100, timed: 100 }], rounds: 3 },
  smoke: { levels: [{ members: 6, timed: 4 }], rounds: 1 },
};

export const roomFanOut: Measure = { name: "room-fan-out", title: "Messages of a room to its online members", run: measure };

const senders = 4;
const window = 4;
const textBytes = 100;

interface Figures {
  readonly perCpuSecond: number;
  readonly perSecond: number;
}

async function measure(context: MeasureContext): Promise<Outcome> {
  const { children, machine, scale, say } = context;
  const { levels, rounds } = plans[scale];
  const core = machine.cores?.server ?? null;
  pinSelf(machine, null);
  const dataDir = children.newPath("fan-out");
  await (await startServer(children, { dataDir, core: null })).stop();
  const crowd = await createCrowd(dataDir, Math.max(...levels.map(({ members }) => members)));
  const server = await startServer(children, { dataDir, core });
  const rows: Row[] = [];
  const notes: string[] = [];
  try {
    for (const level of levels) {
      const { members, timed } = level;
      say(`${members} members`);
      const inside = crowd.slice(0, members);
      const [owner, ...others] = inside as [CrowdMember, ...CrowdMember[]];
      const room = await createCrowdRoom(server.url, `fan-out ${members}`, owner, others);
      const warmUp = Math.ceil(timed / 2);
      const perRound = warmUp + timed;
      const lanes = await prepare(room, inside, perRound * rounds);
      pinSelf(machine, machine.cores?.load ?? null);
      const publish = await children.startPeer<{ port: number }>(new URL("../peers/publish-server.ts", import.meta.url), core);
      const dialect = roomDialect(members - 1);
      const ours = await Traffic.open({ port: server.port, path: `${apiBase}/ws`, dialect, lanes });
      const raw = await Traffic.open({
        port: publish.first.port,
        path: "/",
        dialect,
        lanes: lanes.map((lane) => ({ ...lane, hello: null })),
      });
      const timeOf = async (traffic: Traffic, pid: number, upTo: number): Promise<Figures> => {
        const cpuBeforeMs = readCpuMs(pid);
        const { messages, wallMs } = await traffic.asFastAsAnswered(upTo, window);
        const deliveries = messages * (members - 1);
        return { perCpuSecond: (deliveries / (readCpuMs(pid) - cpuBeforeMs)) * 1000, perSecond: (deliveries / wallMs) * 1000 };
      };
      const mine: Figures[] = [];
      const theirs: Figures[] = [];
      const cutShort = await inTurns(context, rounds, [
        async () => {
          const before = mine.length * perRound;
          await ours.asFastAsAnswered(before + warmUp, window);
          mine.push(await timeOf(ours, server.pid, before + perRound));
        },
        // It keeps nothing and is so quick that it gets the messages of all rounds every time.
        async () => {
          raw.rewind();
          theirs.push(await timeOf(raw, publish.child.pid, perRound * rounds));
        },
      ]);
      ours.end();
      raw.end();
      await publish.child.stop();
      pinSelf(machine, null);
      rows.push(...rowsOf(members, mine, theirs));
      notes.push(...cutShort);
    }
  } finally {
    await server.stop();
    discard(dataDir);
  }
  const bytes = `texts of ${textBytes} bytes by ${senders} of them, at most ${window} of each unanswered`;
  return {
    rows,
    notes: [...notes, `One connection a member; ${bytes}. A raw publish stores nothing and acks at once.`],
    notMeasured: canReadProcesses ? [] : ["CPU time of deliveries: only Linux tells one process about another's"],
  };
}

const readCpuMs = (pid: number) => (canReadProcesses ? cpuMsOf(pid) : Number.NaN);

/** The first few send, and everybody else listens. */
async function prepare(room: CrowdRoom, members: readonly CrowdMember[], perSender: number): Promise<PreparedLane[]> {
  const { conversation, hash: recordHash } = room.chain;
  const lanes: PreparedLane[] = [];
  for (const [place, { account, sender, devices }] of members.entries()) {
    const isSender = place < senders;
    const token = isSender ? sender.token : (devices[0]?.token ?? "");
    const author = { account, device: sender.device };
    const texts = await sealTexts(
      { conversation, epochKey: room.epochKey, recordHash },
      author,
      isSender ? perSender : 0,
      textBytes,
    );
    const frames = texts.map((envelope) => {
      const frame = { type: "send", conversation, envelope: toBase64url(envelope) } satisfies ClientFrame;
      return textFrame(JSON.stringify(frame));
    });
    lanes.push({ hello: JSON.stringify({ type: "hello", token }), lane: new Lane(frames), ids: [] });
  }
  return lanes;
}

function rowsOf(members: number, mine: readonly Figures[], theirs: readonly Figures[]): Row[] {
  const row = (what: string, unit: string, of: (figures: Figures) => number): Row => ({
    what: `${what}, ${members.toLocaleString("en")} members online`,
    unit,
    ours: spreadOf(mine.map(of)),
    beside: { name: "raw publish", value: spreadOf(theirs.map(of)) },
    ratio: ratioOf(mine.map(of), theirs.map(of)),
  });
  const byCpu = row("deliveries", "1/CPU s", ({ perCpuSecond }) => perCpuSecond);
  const target = { text: "≥ 0.7 of raw publish", met: (byCpu.ratio?.median ?? 0) >= 0.7 };
  const byClock = row("deliveries", "1/s", ({ perSecond }) => perSecond);
  return canReadProcesses ? [{ ...byCpu, target }, byClock] : [byClock];
}

// The keys of rooms: what it costs to make a room, to let people in and to put them out, at the client who does it, until
// the last member has the key, and for those who only go on writing.
import { rmSync } from "node:fs";
import type { ConversationId } from "@cychat/protocol";
import { KeyWatch } from "../load/key-watch.ts";
import { LightMember } from "../load/light-member.ts";
import { pinSelf } from "../machine.ts";
import { CannotMeasure, type Measure, type MeasureContext, type Outcome, type Scale } from "../measure.ts";
import type { Figures } from "../peers/meter.ts";
import { type CrowdMember, createCrowd } from "../people/crowd.ts";
import { createCrowdRoom, growByLink } from "../people/crowd-room.ts";
import { inParallel } from "../people/in-parallel.ts";
import { Actors } from "../people/room-actors.ts";
import { canReadProcesses, cpuMsOf } from "../processes/process-figures.ts";
import { type RunningServer, startServer } from "../processes/server.ts";
import { type RoomSample, roomKeyRows, type Work } from "./room-key-rows.ts";

interface Plan {
  /** Members, ascending. */
  readonly sizes: readonly number[];
  readonly rounds: number;
  /** Members who came one by one. */
  readonly grown: number;
  /** For messages before and after a removal, so that its own stand out. */
  readonly aroundMs: number;
  /** What a client does in the background after it has answered. */
  readonly restMs: number;
}

const plans: Readonly<Record<Scale, Plan>> = {
  full: { sizes: [10, 100, 1_000], rounds: 3, grown: 1_000, aroundMs: 700, restMs: 500 },
  quick: { sizes: [10, 100], rounds: 2, grown: 100, aroundMs: 500, restMs: 300 },
  smoke: { sizes: [6], rounds: 1, grown: 3, aroundMs: 20, restMs: 20 },
};

export const roomKeys: Measure = { name: "room-keys", title: "Keys of rooms, two devices a member", run: measure };

const owner = "owner";
const writers = ["writer-1", "writer-2"] as const;
/** Members of every room who are no part of the crowd. */
const outsideCrowd = 1 + writers.length;
const writeEveryMs = 200;
const openWidth = 32;
const inviteForMs = 3_600_000;

interface Stage {
  readonly plan: Plan;
  readonly server: RunningServer;
  readonly crowd: readonly CrowdMember[];
  readonly watch: KeyWatch;
  readonly lights: readonly LightMember[];
  readonly owner: Actors;
  readonly writers: Actors;
  readonly joiners: Actors;
  readonly writerIds: readonly CrowdMember["account"][];
}

async function measure(context: MeasureContext): Promise<Outcome> {
  const { children, machine, scale, say } = context;
  const plan = plans[scale];
  const { sizes, rounds, grown } = plan;
  const largest = Math.max(...sizes, grown + 1);
  pinSelf(machine, null);
  const dataDir = children.newPath("rooms");
  await (await startServer(children, { dataDir, core: null })).stop();
  say(`making ${largest + rounds} accounts with two devices each`);
  const crowd = await createCrowd(dataDir, largest + rounds);
  const server = await startServer(children, { dataDir, core: null });
  const lights: LightMember[] = [];
  try {
    const watch = new KeyWatch();
    const start = () => Actors.start(children, server.url);
    const actors = { owner: await start(), writers: await start(), joiners: await start() };
    say("registering the clients that act");
    await actors.owner.register(owner);
    const writerIds = [];
    for (const name of writers) {
      writerIds.push(await actors.writers.register(name));
      // Rooms of people whom one does not know come as requests.
      await actors.writers.call(name, "addContact", { email: `${owner}@bench.example` });
    }
    const stage: Stage = { plan, server, crowd, watch, lights, ...actors, writerIds };
    const samples: RoomSample[] = [];
    const notes: string[] = [];
    // Before the crowd is connected: a thousand records to a thousand devices each are no part of it.
    say(`a room that grows by ${grown} single joins`);
    const grownRoom = await growRoom(stage, grown);

    say(`connecting ${crowd.length * 2} devices`);
    const places = crowd.flatMap((member) => [0, 1].map((device) => ({ member, device })));
    await inParallel(places, openWidth, async ({ member, device }) => {
      const { url, port } = server;
      const onKey = (conversation: ConversationId, epoch: number) => watch.saw(conversation, epoch);
      lights.push(await LightMember.open({ url, port, member, device, onKey, onProblem: (error) => watch.failed(error) }));
    });
    let longestMs = 0;
    for (const size of sizes) {
      for (let round = 0; round < rounds; round++) {
        if (context.timeLeftMs() < 1.5 * longestMs) {
          notes.push(`Only ${round} of ${rounds} rounds with ${size} members: the time was up.`);
          break;
        }
        const startedAt = performance.now();
        say(`${size} members, round ${round + 1} of ${rounds}`);
        samples.push(...(await oneRoom(stage, size, round)));
        longestMs = performance.now() - startedAt;
      }
    }
    say(`joining the room that grew by ${grown} single joins`);
    for (let round = 0; round < rounds; round++) samples.push(await joinGrown(stage, grownRoom, grown, round));
    return outcomeOf(samples, notes, grownRoom, plan);
  } finally {
    for (const light of lights) light.end();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Everything that is measured of one room, in the order in which it would happen. */
async function oneRoom(stage: Stage, size: number, round: number): Promise<RoomSample[]> {
  const { crowd, watch, writerIds } = stage;
  const { aroundMs, restMs } = stage.plan;
  const samples: RoomSample[] = [];
  const name = `room-${size}-${round}`;
  const inside = crowd.slice(0, size - outsideCrowd);
  const newcomer = crowd[crowd.length - 1 - round];
  const removed = inside[round];
  if (newcomer === undefined || removed === undefined) throw new CannotMeasure("the crowd is too small");
  const devices = inside.length * 2;
  const sample = (work: Work, figures: Figures, more: Partial<RoomSample> = {}) =>
    samples.push({ work, size, figures, lastKeyMs: null, serverCpuMs: null, waits: null, stored: null, ...more });

  // After a restart, so that it knows nobody's keys.
  await stage.owner.restart(owner);
  const creating = watchServer(stage);
  const people = [...writerIds, ...inside.map(({ account }) => account)];
  const room = { name, join: "open", history: "shared", people } as const;
  const created = await stage.owner.measure(owner, {}, "createRoom", room);
  const { id } = created.result;
  sample("create", created.figures, await creating(id, 1, devices));
  for (const writer of writers) await stage.writers.member(writer, name);

  const adding = watchServer(stage);
  const added = await stage.owner.measure(owner, { restMs }, "addToRoom", id, { account: newcomer.account });
  sample("add", added.figures, await adding(id, 1, devices + 2));

  const remove = async (account: CrowdMember["account"]) => {
    await stage.owner.restart(owner);
    await stage.writers.write(writers, id, writeEveryMs);
    await Bun.sleep(aroundMs);
    const removing = watchServer(stage);
    const { figures } = await stage.owner.measure(owner, {}, "removeFromRoom", id, account);
    return { figures, removing };
  };
  const first = await remove(removed.account);
  const seen = await first.removing(id, 2, devices);
  await Bun.sleep(aroundMs);
  sample("remove", first.figures, { ...seen, waits: await stage.writers.stopWriting() });
  // Once more, with nobody else on these cores than the server, the remover and the writers.
  for (const light of stage.lights) light.isIdle = true;
  const second = await remove(newcomer.account);
  await Bun.sleep(aroundMs);
  sample("remove alone", second.figures, { waits: await stage.writers.stopWriting() });
  for (const light of stage.lights) light.isIdle = false;

  const { link } = await stage.owner.call(owner, "createInvite", id, { expiresInMs: inviteForMs, uses: 10 });
  if (link === null) throw new CannotMeasure("the invite has no link");
  const guest = `guest-${size}-${round}`;
  await stage.joiners.register(guest);
  await Bun.sleep(restMs);
  const byLink = await stage.joiners.measure(guest, { restMs, until: name }, "joinByInvite", link);
  await stage.joiners.call(guest, "roomPeople", id);
  sample("join by link", byLink.figures, { stored: await stage.joiners.stored(guest) });
  await stage.joiners.close(guest);

  const asker = `asker-${size}-${round}`;
  await stage.joiners.register(asker);
  await Bun.sleep(restMs);
  const admitted = await stage.joiners.measure(asker, { restMs, until: name }, "joinRoom", name);
  sample("join by request", admitted.figures);
  await stage.joiners.close(asker);
  if (watch.problem !== null) throw new CannotMeasure(`a member's device: ${String(watch.problem)}`);
  return samples;
}

/** From now on: gives, once so many devices have the key of that epoch, how long that took and what the server spent on it. */
function watchServer({ server, watch }: Stage) {
  const startedAt = performance.now();
  const cpuBeforeMs = canReadProcesses ? cpuMsOf(server.pid) : 0;
  return async (conversation: ConversationId, epoch: number, devices: number) => {
    const lastKeyMs = (await watch.lastOf(conversation, epoch, devices)) - startedAt;
    return { lastKeyMs, serverCpuMs: canReadProcesses ? cpuMsOf(server.pid) - cpuBeforeMs : null };
  };
}

interface GrownRoom {
  readonly name: string;
  readonly link: string;
  /** Of one of these joins, at whoever makes it. */
  readonly joinMs: number;
}

async function growRoom({ server, crowd }: Stage, count: number): Promise<GrownRoom> {
  const [first, ...guests] = crowd.slice(0, count + 1);
  if (first === undefined) throw new CannotMeasure("the crowd is too small");
  const room = await createCrowdRoom(server.url, "grown", first, []);
  const startedAt = performance.now();
  const fragment = await growByLink(server.url, room, guests);
  return { name: room.name, link: `${server.url}/join#${fragment}`, joinMs: (performance.now() - startedAt) / count };
}

async function joinGrown(
  { joiners, plan: { restMs } }: Stage,
  { name, link }: GrownRoom,
  grown: number,
  round: number,
): Promise<RoomSample> {
  const guest = `guest-of-grown-${round}`;
  await joiners.register(guest);
  await Bun.sleep(restMs);
  const { result, figures } = await joiners.measure(guest, { restMs, until: name }, "joinByInvite", link);
  await joiners.call(guest, "roomPeople", result.id);
  const stored = await joiners.stored(guest);
  await joiners.close(guest);
  return { work: "join grown", size: grown, figures, lastKeyMs: null, serverCpuMs: null, waits: null, stored };
}

function outcomeOf(samples: readonly RoomSample[], notes: readonly string[], { joinMs }: GrownRoom, plan: Plan): Outcome {
  return {
    rows: roomKeyRows(samples),
    notes: [
      ...notes,
      "Real clients make, change and join the rooms, each kind in a process of its own; two more are members and write on. Of the " +
        "other members' two devices each, all are connected, hear of new keys, fetch their seals and open them, and verify nothing else.",
      "Makers and removers have just been restarted: they know nobody's keys. CPU time is of all threads of the client's process; what " +
        `follows is what it does in the background within ${plan.restMs} ms.`,
      "A slice is the CPU time of the main thread between two tasks (an answer of WebCrypto, of the network, a pause). " +
        "Bytes are bodies and frames without headers.",
      `The room that grew: ${plan.grown} records by ${plan.grown} people who came by a link, ${Math.round(joinMs)} ms for each, one after the other.`,
    ],
    notMeasured: canReadProcesses ? [] : ["CPU time of the server: only Linux tells one process about another's"],
  };
}

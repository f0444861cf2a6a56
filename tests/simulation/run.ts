// One run: a seed, so many steps, and quiet points at which everything must be as it should.
import { epochLimits } from "@cychat/protocol";
import { ClientError } from "@cychat/sdk";
import { randomFrom } from "../support/random.ts";
import { wrong } from "./invariants.ts";
import { leaks } from "./leaks.ts";
import { fair, type Weather } from "./link.ts";
import { roomSteps } from "./room-change-steps.ts";
import { wronglyHeld } from "./room-keys.ts";
import { createRoom } from "./room-steps.ts";
import { signIn } from "./sign-in.ts";
import { below, pick, type Scene, steps } from "./steps.ts";
import { Violation } from "./truth.ts";
import { type Account, World } from "./world.ts";

export interface RunOptions {
  readonly seed: number;
  readonly steps: number;
  /** Without: direct chats only, as all seeds were before there were rooms. */
  readonly rooms?: boolean;
  /** Told before every step. */
  readonly onStep?: (step: number, name: string, world: World) => void;
}

export interface RunResult {
  readonly messages: number;
  readonly devices: number;
  readonly conversations: number;
  readonly rooms: number;
  readonly records: number;
}

/** Epochs are short here, so that every run sees many. */
const messagesOfAnEpoch = 20;
/** So much of what happens, happens in rooms. */
const ofRooms = 0.5;
const names = ["alice", "bob", "carol", "dave"];

/** Throws at the first thing that is not as it must be; the message names seed and step. */
export async function run({ seed, steps: count, rooms = true, onStep }: RunOptions): Promise<RunResult> {
  const random = randomFrom(seed);
  const limits = { ...epochLimits };
  Object.assign(epochLimits, { maxMessages: messagesOfAnEpoch });
  let at = "at the start";
  await using world = await World.start(seed);
  try {
    const scene = createScene(world, random);
    for (let n = 2 + below(random, 3), index = 0; index < n; index++) {
      const account = world.addAccount(names[index] ?? `person${index}`);
      const device = world.addDevice(account);
      await device.open();
      scene.start(() => signIn(scene, account, device));
    }
    await scene.quiet();
    for (const account of world.accounts) for (const other of world.accounts) await acquaint(account, other, random);
    if (rooms) for (const { devices } of world.accounts.slice(0, 2)) if (devices[0]) await createRoom(scene, devices[0]);
    for (let step = 1; step <= count; step++) {
      // Chance of its own for each step: how long an earlier one takes does not change what the later ones do.
      const chance = randomFrom(Math.imul(seed, 0x9e37_79b1) + step);
      const [name, , take] = choose(chance, rooms && chance() < ofRooms ? roomSteps : steps);
      at = `at step ${step} (${name})`;
      onStep?.(step, name, world);
      if (step % 10 === 1) world.weather = weather(chance);
      await take({ ...scene, random: chance });
      for (let turns = below(random, 12); turns > 0; turns--) await world.turn();
    }
    at = "at the end";
    await scene.quiet();
    await world.until(() => wrong(world, true));
    const leaked = await leaks(world);
    if (leaked !== null) throw new Error(leaked);
    return await summary(world);
  } catch (error) {
    throw new Error(`seed ${seed} failed ${at} of ${count}: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    Object.assign(epochLimits, limits);
  }
}

/** Most people know each other from the start, some one-sidedly. */
async function acquaint({ name, devices }: Account, other: Account, random: () => number): Promise<void> {
  if (name !== other.name && random() < 0.7)
    await devices[0]?.ask("add a contact", (client) => client.addContact({ email: other.email }));
}

type NamedStep = (typeof steps)[number];

function choose(random: () => number, from: readonly NamedStep[]): NamedStep {
  let left = random() * from.reduce((sum, [, weight]) => sum + weight, 0);
  for (const step of from) {
    left -= step[1];
    if (left < 0) return step;
  }
  return from[0] as NamedStep;
}

function weather(random: () => number): Weather {
  const often = pick(random, [0, 0.02, 0.1, 0.3]) ?? 0;
  const some = () => (random() < 0.5 ? 0 : often * random());
  return {
    lostRequest: some(),
    lostAnswer: some(),
    slowAnswer: some(),
    lostFrame: some(),
    doubledFrame: some(),
    slowFrame: some(),
  };
}

function createScene(world: World, random: () => number): Scene {
  const underWay = new Set<Promise<unknown>>();
  const scene: Scene = {
    world,
    random,
    maxDevices: 3,
    start(work) {
      const running: Promise<unknown> = work()
        .catch((error: unknown) => world.fail(error as Error))
        .finally(() => underWay.delete(running));
      underWay.add(running);
    },
    async quiet() {
      world.weather = fair;
      for (const { life, link } of world.devices) {
        life?.goOn();
        if (link?.isUp === false) link.restore();
      }
      await world.drive(Promise.all(underWay));
      if (world.serverUrl === null) await world.startServer();
      await everybodyIn(scene);
      // Hints that were lost are made good at the latest by the next connection.
      for (const device of world.devices) {
        device.link?.cut();
        device.link?.restore();
      }
      await world.until(async () => {
        // Signed out from elsewhere, by a new password: they hear of it only now.
        for (const device of world.devices) await signIn(scene, world.accountOf(device.account), device);
        return lookAround(world);
      });
      const held = await wronglyHeld(world);
      if (held !== null) throw new Violation(held);
    },
  };
  return scene;
}

/** Every account has a device, every device runs and is signed in. */
async function everybodyIn(scene: Scene): Promise<void> {
  const { world } = scene;
  for (const account of world.accounts) if (account.devices.length === 0) world.addDevice(account);
  for (let attempt = 0; attempt < 5; attempt++) {
    for (const device of world.devices) await device.open();
    for (const device of world.devices) await signIn(scene, world.accountOf(device.account), device);
  }
}

async function lookAround(world: World): Promise<string | null> {
  try {
    return await wrong(world, false);
  } catch (error) {
    if (error instanceof ClientError) return `a question was refused with ${error.code}`;
    throw error;
  }
}

async function summary(world: World): Promise<RunResult> {
  const { db } = world.server.core;
  const records = await db.selectFrom("records").select("conversation").execute();
  return {
    messages: world.truth.written.size,
    devices: world.devices.length,
    conversations: new Set(records.map(({ conversation }) => conversation)).size,
    rooms: world.ledgers.size,
    records: records.length,
  };
}

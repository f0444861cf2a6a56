// What must hold at every quiet point: everybody is online, nothing is under way.
import type { Device } from "./device.ts";
import { wrongInRoom } from "./room-invariants.ts";
import { chainOf, type Shown, viewOf, wholeHistory, wrongCounts, wrongMessages } from "./shown.ts";
import { readStored, type Stored } from "./stored.ts";
import type { World } from "./world.ts";

/** The first thing that is not as it must be, or null. */
export async function wrong(world: World, isLast: boolean): Promise<string | null> {
  for (const device of world.devices) {
    const found = await wrongOf(device);
    if (found !== null) return `${device.name} ${found}`;
  }
  const stored = await readStored(world);
  for (const device of world.devices) {
    const own = stored.filter(({ members }) => members.some(({ account }) => account === device.account)).map(({ id }) => id);
    const strange = (await device.client.conversations()).filter(
      ({ id, lastMessage }) => !own.includes(id) && lastMessage !== null,
    );
    if (strange.length > 0) return `${device.name} shows conversations that are not there: ${strange.map(({ id }) => id)}`;
  }
  for (const [index, conversation] of stored.entries()) {
    const { room, members } = conversation;
    const found = await (room === null
      ? wrongIn(world, conversation, isLast && index < 2)
      : wrongInRoom(world, conversation, room));
    if (found !== null)
      return `in ${room === null ? "" : "the room "}${members.map(({ account }) => account).join("+")}: ${found}`;
  }
  const reached = new Set(stored.flatMap(({ messages }) => messages.map(({ id }) => id)));
  for (const written of world.truth.written.values()) {
    if (world.truth.mustExist(written) && !reached.has(written.id))
      return `"${written.text}" of ${written.sender} is not on the server`;
  }
  return null;
}

async function wrongOf({ client }: Device): Promise<string | null> {
  const session = await client.session();
  if (session.status !== "ready") return `is ${session.status}`;
  if (session.problem !== null) return `has the problem ${session.problem.code}`;
  const { status } = await client.connection();
  return status === "online" ? null : `is ${status}`;
}

async function wrongIn(world: World, stored: Stored, isLast: boolean): Promise<string | null> {
  const all: Shown[] = [];
  for (const member of stored.members) {
    const { account, state } = member;
    for (const device of world.accountOf(account).devices) {
      const view = await viewOf(device, stored.id);
      const isListed = state === "active" || state === "request";
      if (isListed !== (view !== undefined))
        return `${device.name} ${isListed ? "does not show" : "shows"} the conversation (${state})`;
      if (view === undefined) continue;
      if (view.state !== state) return `${device.name} shows it as ${view.state}, it is ${state}`;
      if (view.problem !== null || view.sendingBlocked) return `${device.name} has the problem ${view.problem?.code}`;
      const messages = await wholeHistory(device.client, stored.id);
      all.push({ device, member, view, messages, refused: [] });
    }
  }
  for (const shown of all) {
    const found =
      wrongMessages(world, stored, shown, all) ??
      wrongCounts(world, stored, shown, all) ??
      wrongStates(world, stored, shown, all);
    if (found !== null) return `${shown.device.name} ${found}`;
  }
  return wrongKeys(stored, all, isLast);
}

/** What one is shown of how far the peer has got. */
function wrongStates(world: World, stored: Stored, { device, messages }: Shown, all: readonly Shown[]): string | null {
  const peer = stored.members.find(({ account }) => account !== device.account);
  const peerShown = all.find((shown) => shown.device.account === peer?.account);
  for (const { id, seq, mine, state } of messages) {
    if (!mine || peer === undefined || seq === null) continue;
    if (peer.state === "active" && peerShown !== undefined) {
      const expected = seq <= peerShown.view.readSeq ? "read" : "delivered";
      if (state !== expected) return `shows ${id} (${seq}) as ${state}, it is ${expected}`;
    } else if (state === "read" && seq > world.truth.readUpTo(peer.account, stored.id).maybe)
      return `shows ${id} (${seq}) as read`;
  }
  return null;
}

/** The safety number is slow by design: one device of each account says it, in a few conversations. */
async function wrongKeys(stored: Stored, all: readonly Shown[], isLast: boolean): Promise<string | null> {
  for (const { device } of all) {
    const chain = await chainOf(device, stored.id);
    if (chain?.hash.toHex() !== stored.recordHash) return `${device.name} has another newest record than the server`;
  }
  if (!isLast) return null;
  const numbers = new Set<string>();
  const spokesmen = stored.members.map(({ account }) => all.find(({ device }) => device.account === account));
  for (const { device } of spokesmen.filter((shown) => shown !== undefined))
    numbers.add((await device.client.safetyNumber(stored.id)).groups.join(" "));
  return numbers.size > 1 ? "not everybody has the same safety number" : null;
}

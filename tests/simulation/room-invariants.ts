// What must hold in a room at every quiet point, for everybody who is in it, was in it, or waits to be let in.
import { membersOf } from "@cychat/crypto";
import { decodeCbor } from "@cychat/protocol";
import type { ConversationView, MessageView } from "@cychat/sdk";
import { pinnedIn, type RoomLedger } from "./room-ledger.ts";
import { chainOf, type Shown, viewOf, wholeHistory, wrongCounts, wrongMessages } from "./shown.ts";
import type { Stored, StoredMember, StoredRoom } from "./stored.ts";
import type { World } from "./world.ts";

/** Invites that end about now are over for one clock and not for another. */
const aboutMs = 10 * 60_000;

export async function wrongInRoom(world: World, stored: Stored, room: StoredRoom): Promise<string | null> {
  const erased = room.ledger.state.isDeleted ? undefined : world.truth.erasedInRooms.get(stored.id);
  if (erased !== undefined) return `${erased}: nobody deleted it, nor the room`;
  const all: Shown[] = [];
  for (const { name, devices } of world.accounts) {
    const member = stored.members.find(({ account, isForgotten }) => account === name && !isForgotten);
    for (const device of devices) {
      const view = await viewOf(device, stored.id);
      const found = member === undefined ? wrongOutside(room, name, view) : wrongStanding(room, member, view);
      if (found !== null) return `${device.name} ${found}`;
      if (member === undefined || view === undefined || view.state === "pending") continue;
      const history = (await wholeHistory(device.client, stored.id)).filter(({ kind }) => kind !== "system");
      const isRefused = ({ state }: MessageView) => state === "failed";
      const messages = history.filter((message) => !isRefused(message));
      all.push({ device, member, view, messages, refused: history.filter(isRefused) });
    }
  }
  for (const shown of all) {
    const found = (await wrongChain(stored, room, shown)) ?? (await wrongFor(world, stored, room, shown, all));
    if (found !== null) return `${shown.device.name} ${found}`;
  }
  return null;
}

/** Somebody who never was in, or has forgotten it: nothing is shown, or that one waits, or was turned down. */
function wrongOutside({ asking }: StoredRoom, account: string, view: ConversationView | undefined): string | null {
  if (view === undefined) return null;
  if (view.state !== "pending") return `shows a room that it is not in (${view.state}, ${view.room?.standing})`;
  const expected = asking.includes(account) ? null : "join-declined";
  const code = view.problem?.code ?? null;
  return code === expected ? null : `waits to be let in with the problem ${code}, it should be ${expected}`;
}

function wrongStanding(room: StoredRoom, member: StoredMember, view: ConversationView | undefined): string | null {
  const { account, state, ended } = member;
  const isListed = state === "active" || state === "request" || state === "former";
  if (isListed !== (view !== undefined)) return `${isListed ? "does not show" : "shows"} the room (${state})`;
  if (view === undefined) return null;
  if ((state === "former") !== (ended !== null)) return `is ${state}, but the records say ${ended?.how}`;
  // Waits to be let in again.
  if (state === "former" && view.state === "pending") return wrongOutside(room, account, view);
  if (view.state !== state) return `shows it as ${view.state}, it is ${state}`;
  if (view.problem !== null || view.sendingBlocked) return `has the problem ${view.problem?.code}`;
  const standing = ended === null ? "member" : ended.how;
  return view.room?.standing === standing ? null : `stands to it as ${view.room?.standing}, it should be ${standing}`;
}

/** Every device has the same records: all of them or, who is out, those up to the one that says so. */
async function wrongChain({ id }: Stored, { ledger }: StoredRoom, { device, member }: Shown): Promise<string | null> {
  const chain = await chainOf(device, id);
  if (chain === undefined) return "has no records";
  if (chain.hash.toHex() !== ledger.hashes[chain.index]) return "has a record that the server has not";
  if (member.ended !== null) return null;
  if (chain.index !== ledger.index) return `has records up to ${chain.index}, there are ${ledger.index}`;
  if (chain.epoch !== ledger.epoch) return `is in epoch ${chain.epoch}, it is ${ledger.epoch}`;
  const theirs = membersOf(chain).map(({ account, role, generation }) => `${account} ${role} ${generation}`);
  const ours = [...ledger.members.values()].map(({ account, role, generation }) => `${account} ${role} ${generation}`);
  return theirs.join() === ours.sort().join() ? null : `knows the members ${theirs}, they are ${ours}`;
}

async function wrongFor(
  world: World,
  stored: Stored,
  room: StoredRoom,
  shown: Shown,
  all: readonly Shown[],
): Promise<string | null> {
  const { ledger } = room;
  if (ledger.state.isDeleted) return wrongRest(world, stored, shown);
  const wrong = wrongMessages(world, stored, shown, all) ?? wrongRefused(world, shown);
  if (wrong !== null || shown.member.ended !== null) return wrong;
  return (
    wrongCounts(world, stored, shown, all) ??
    wrongFacts(ledger, room.asking, shown) ??
    (await wrongName(room, shown)) ??
    (await wrongPeople(ledger, shown)) ??
    (await wrongInvites(world, ledger, shown)) ??
    wrongReadBy(stored, shown)
  );
}

/** Of a deleted room everybody keeps what they had read; the rest is gone, edits and deletions like what they were of. */
function wrongRest({ truth }: World, { messages }: Stored, shown: Shown): string | null {
  const ids = messages.map(({ id }) => id);
  const isGone = ({ id, kind }: MessageView) => kind === "deleted" && !truth.written.has(id);
  const order = shown.messages.filter((message) => !isGone(message)).map(({ id }) => ids.indexOf(id));
  const isInOrder = order.every((at, index) => at >= 0 && at > (order[index - 1] ?? -1));
  return isInOrder ? null : "shows messages of a deleted room that were not there, or in another order";
}

/** Refused for good is only what its writer could not send all the time since. */
function wrongRefused({ truth }: World, { refused }: Shown): string | null {
  for (const { id } of refused) {
    const written = truth.written.get(id);
    if (written !== undefined && truth.hadRight(written.conversation, written.sender, "post", written.atMs))
      return `shows ${id} as refused, but it could be sent`;
  }
  return null;
}

function wrongFacts(ledger: RoomLedger, asking: readonly string[], { view: { room }, member }: Shown): string | null {
  const { settings } = ledger.state;
  const { join, post, invite, pin, rename, handle, description } = settings;
  const role = ledger.members.get(member.id)?.role ?? null;
  const mayAdmit = join === "open" || role !== "member";
  const expected = {
    ...{ handle, description, join, history: ledger.history, settings: { post, invite, pin, rename } },
    ...{ memberCount: ledger.members.size, myRole: role, joinRequests: mayAdmit ? asking.length : 0, pinned: pinnedIn(ledger) },
  };
  for (const [name, value] of Object.entries(expected)) {
    const seen = room?.[name as keyof typeof room];
    if (JSON.stringify(seen) !== JSON.stringify(value))
      return `shows ${name} as ${JSON.stringify(seen)}, it is ${JSON.stringify(value)}`;
  }
  return null;
}

/**
 * The name is that of the profile whose hash the records name. Who comes in by a link under "joined" history opens an epoch
 * without knowing the profile (P9.11), so nobody can seal it for them before a member who knows it opens the next one.
 */
async function wrongName({ ledger, profileEpoch }: StoredRoom, { device, view, member }: Shown): Promise<string | null> {
  if (!ledger.mayRead(member.id).has(profileEpoch)) return null;
  const kept = (await device.store.read({ table: "profiles", group: "", key: view.id })) as { bytes: Uint8Array } | undefined;
  if (kept === undefined) return "does not know what the room is called";
  const hash = new Bun.CryptoHasher("sha256").update(kept.bytes).digest("hex");
  if (hash !== ledger.state.profile.toHex()) return "knows another profile of the room than the records name";
  const [, name, topic] = decodeCbor(kept.bytes as Uint8Array<ArrayBuffer>) as [unknown, string, string];
  if (view.title !== name) return `calls the room ${view.title}, it is ${name}`;
  return view.room?.topic === topic ? null : `shows the topic ${view.room?.topic}, it is ${topic}`;
}

async function wrongPeople(ledger: RoomLedger, { device, view }: Shown): Promise<string | null> {
  const { members, banned } = await device.client.roomPeople(view.id);
  const seen = members.map(({ id, role, problem }) => `${id} ${role}${problem === null ? "" : ` ${problem.code}`}`).sort();
  const there = [...ledger.members.values()].map(({ account, role }) => `${account} ${role}`).sort();
  if (seen.join() !== there.join()) return `shows the people ${seen}, they are ${there}`;
  const out = banned.map(({ id }) => id).sort();
  if (out.join() !== ledger.state.bans.join()) return `shows as banned ${out}, they are ${ledger.state.bans}`;
  const nameless = [...members, ...banned].find(({ nickname }) => nickname === "");
  return nameless === undefined ? null : `does not know what ${nameless.id} is called`;
}

async function wrongInvites({ clock }: World, { state }: RoomLedger, { device, view }: Shown): Promise<string | null> {
  const shown = new Map((await device.client.invites(view.id)).map(({ id, usesLeft }) => [id, usesLeft]));
  for (const { id, uses, expiresAtMs } of state.invites) {
    const leftMs = expiresAtMs - clock.now();
    const isWrong = leftMs > 0 ? shown.get(id) !== uses : shown.has(id);
    if (Math.abs(leftMs) > aboutMs && isWrong) return `shows the invite ${id} with ${shown.get(id)} uses, it has ${uses}`;
    shown.delete(id);
  }
  return shown.size === 0 ? null : "shows an invite that is no more";
}

/** How many others have read an own message, now that they were asked for. */
function wrongReadBy({ members }: Stored, { messages, member }: Shown): string | null {
  const others = members.filter(({ id, ended }) => ended === null && id !== member.id);
  for (const { id, seq, mine, kind, readBy } of messages) {
    if (!mine || kind !== "text" || readBy === null || seq === null) continue;
    const read = others.filter(({ readSeq }) => readSeq >= seq).length;
    if (readBy > read) return `shows ${id} as read by ${readBy}, it is ${read}`;
  }
  return null;
}

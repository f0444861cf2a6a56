// What must hold at every quiet point: everybody is online, nothing is under way.
import type { AccountId, ConversationId } from "@cychat/protocol";
import type { ChatClient, ConversationView, MessageView } from "@cychat/sdk";
import type { Device } from "./device.ts";
import { mustBeDeleted, mustExist } from "./truth.ts";
import type { World } from "./world.ts";

interface Member {
  readonly account: string;
  readonly state: "active" | "request" | "ignored" | "blocked";
}

/** A conversation as the server's database has it. */
interface Stored {
  readonly id: ConversationId;
  readonly members: readonly Member[];
  /** Messages that are shown, in order. */
  readonly shown: readonly string[];
  readonly recordHash: string;
}

/** What one device shows of one conversation. */
interface Shown {
  readonly device: Device;
  readonly view: ConversationView;
  readonly messages: readonly MessageView[];
}

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
    const found = await wrongIn(world, conversation, isLast && index < 2);
    if (found !== null) return `in ${conversation.members.map(({ account }) => account).join("+")}: ${found}`;
  }
  const reached = new Set(stored.flatMap(({ shown }) => shown));
  for (const written of world.truth.written.values()) {
    if (mustExist(written) && !reached.has(written.id)) return `"${written.text}" of ${written.sender} is not on the server`;
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
  for (const { account, state } of stored.members) {
    for (const device of world.accountOf(account).devices) {
      const view = (await device.client.conversations()).find(({ id }) => id === stored.id);
      const isListed = state === "active" || state === "request";
      if (isListed !== (view !== undefined))
        return `${device.name} ${isListed ? "does not show" : "shows"} the conversation (${state})`;
      if (view === undefined) continue;
      if (view.state !== state) return `${device.name} shows it as ${view.state}, it is ${state}`;
      if (view.problem !== null || view.sendingBlocked) return `${device.name} has the problem ${view.problem?.code}`;
      all.push({ device, view, messages: await wholeHistory(device.client, stored.id) });
    }
  }
  for (const shown of all) {
    const found = wrongMessages(world, stored, shown) ?? wrongCounts(world, stored, shown, all);
    if (found !== null) return `${shown.device.name} ${found}`;
  }
  return wrongKeys(stored, all, isLast);
}

function wrongMessages(world: World, stored: Stored, { device, messages }: Shown): string | null {
  const ids = messages.map(({ id }) => id);
  if (ids.join() !== stored.shown.join()) {
    const missing = stored.shown.filter((id) => !ids.includes(id as never));
    const more = ids.filter((id) => !stored.shown.includes(id));
    return `shows ${ids.length} messages, there are ${stored.shown.length}; missing: ${missing.join()}; more: ${more.join()}`;
  }
  let seq = 0;
  for (const view of messages) {
    world.truth.saw(device.account, device.storage, view);
    if (view.seq === null || view.seq <= seq) return `shows ${view.id} (${view.seq}, ${view.state}) after ${seq}`;
    seq = view.seq;
    const written = world.truth.written.get(view.id);
    if (written !== undefined && mustBeDeleted(written) && view.kind !== "deleted")
      return `still shows "${view.text}", which was deleted`;
  }
  return null;
}

/** Unread, receipts: the same on all devices of an account, and what the peer is shown of them. */
function wrongCounts(world: World, stored: Stored, { device, view, messages }: Shown, all: readonly Shown[]): string | null {
  const other = all.find((shown) => shown.device.account === device.account);
  // Of a request nothing is told, not even to one's other devices, until it is accepted.
  const isRequest = view.state === "request";
  if (other !== undefined && !isRequest && other.view.readSeq !== view.readSeq)
    return `has read up to ${view.readSeq}, ${other.device.name} up to ${other.view.readSeq}`;
  if (other !== undefined && other.view.muted !== view.muted)
    return `is ${view.muted ? "" : "not "}muted, unlike ${other.device.name}`;
  const { sure, maybe } = world.truth.readUpTo(device.account, stored.id);
  if ((view.readSeq < sure && !isRequest) || view.readSeq > maybe)
    return `has read up to ${view.readSeq}, it should be ${sure} to ${maybe}`;
  const unread = messages.filter(({ mine, kind, seq }) => !mine && kind !== "deleted" && (seq ?? 0) > view.readSeq).length;
  if (view.unread !== unread) return `counts ${view.unread} unread messages, there are ${unread}`;
  const last = messages.at(-1);
  if (last !== undefined && view.lastMessage?.id !== last.id)
    return `names ${view.lastMessage?.id} as the last message, it is ${last.id}`;
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
    const chain = (await device.store.read({ table: "chains", group: "", key: stored.id })) as
      | { state: { hash: Uint8Array } }
      | undefined;
    if (chain?.state.hash.toHex() !== stored.recordHash) return `${device.name} has another newest record than the server`;
  }
  if (!isLast) return null;
  const numbers = new Set<string>();
  const spokesmen = stored.members.map(({ account }) => all.find(({ device }) => device.account === account));
  for (const { device } of spokesmen.filter((shown) => shown !== undefined))
    numbers.add((await device.client.safetyNumber(stored.id)).groups.join(" "));
  return numbers.size > 1 ? "not everybody has the same safety number" : null;
}

async function wholeHistory(client: ChatClient, conversation: ConversationId): Promise<MessageView[]> {
  let messages: MessageView[] = [];
  for (;;) {
    const [oldest] = messages;
    const page = await client.history(conversation, { limit: 200, ...(oldest === undefined ? {} : { before: oldest.id }) });
    messages = [...page.messages, ...messages];
    if (page.reachedStart || page.messages.length === 0) return messages;
  }
}

async function readStored(world: World): Promise<Stored[]> {
  const { db } = world.server.core;
  const conversations = await db.selectFrom("conversations").select(["id", "record_hash"]).execute();
  const members = await db
    .selectFrom("members")
    .innerJoin("accounts", "accounts.id", "members.account")
    .select(["members.conversation", "accounts.nickname", "members.state"])
    .execute();
  const entries = await db
    .selectFrom("entries")
    .select(["conversation", "message_id"])
    .where("kind", "in", ["message", "erased"])
    .orderBy("conversation")
    .orderBy("seq")
    .execute();
  return conversations.map(({ id, record_hash }) => ({
    id,
    recordHash: record_hash.toHex(),
    members: members
      .filter(({ conversation }) => conversation === id)
      .map(({ nickname, state }) => ({ account: nickname, state })),
    // What the truth does not know are deletions.
    shown: entries
      .filter((entry) => entry.conversation === id && world.truth.written.has(entry.message_id as never))
      .map((entry) => entry.message_id),
  }));
}

/** Nobody keeps a text that was not for them, and the server keeps none at all. */
export async function leaks(world: World): Promise<string | null> {
  const written = [...world.truth.written.values()];
  for (const device of world.devices) {
    const profile = await device.client.session();
    const me = profile.status === "ready" ? profile.profile.id : ("" as AccountId);
    const kept = JSON.stringify(await device.store.list("history"));
    for (const { text, conversation } of written) {
      const isOwn = (await device.client.conversations()).some(({ id }) => id === conversation);
      if (!isOwn && kept.includes(text) && !(await isMember(world, me, conversation))) return `${device.name} keeps "${text}"`;
    }
  }
  const files = world.readServerFiles();
  const found = written.find(({ text }) => files.some((file) => file.includes(text)));
  return found === undefined ? null : `the server keeps "${found.text}"`;
}

async function isMember(world: World, account: AccountId, conversation: ConversationId): Promise<boolean> {
  const { db } = world.server.core;
  const row = await db
    .selectFrom("members")
    .select("account")
    .where("account", "=", account)
    .where("conversation", "=", conversation)
    .executeTakeFirst();
  return row !== undefined;
}

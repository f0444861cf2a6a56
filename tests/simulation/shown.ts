// What devices show of one conversation, and whether it is what was written, the same for all of them.
import { type Bytes, decodeChainState } from "@cychat/crypto";
import type { ConversationId } from "@cychat/protocol";
import type { ChatClient, ConversationView, MessageView } from "@cychat/sdk";
import type { Device } from "./device.ts";
import { mayHaveMissed, messagesFor, type Stored, type StoredMember } from "./stored.ts";
import type { World } from "./world.ts";

/** What one device shows of one conversation. */
export interface Shown {
  readonly device: Device;
  readonly member: StoredMember;
  readonly view: ConversationView;
  /** Without what was refused, and without what only tells what happened. */
  readonly messages: readonly MessageView[];
  readonly refused: readonly MessageView[];
}

export async function viewOf({ client }: Device, id: ConversationId): Promise<ConversationView | undefined> {
  return (await client.conversations()).find((view) => view.id === id);
}

export function wrongMessages(world: World, stored: Stored, shown: Shown, all: readonly Shown[]): string | null {
  const { messages, member } = shown;
  const ids = messages.map(({ id }) => id);
  const expected = messagesFor(stored, member).map(({ id }) => id);
  if (ids.join() !== expected.join()) {
    const missing = expected.filter((id) => !ids.includes(id));
    const more = ids.filter((id) => !expected.includes(id));
    return `shows ${ids.length} messages, there are ${expected.length}; missing: ${missing.join()}; more: ${more.join()}`;
  }
  let seq = 0;
  const { account, storage } = shown.device;
  for (const view of messages) {
    world.truth.saw(account, storage, view);
    if (view.seq === null || view.seq <= seq) return `shows ${view.id} at ${view.seq}, after ${seq}`;
    seq = view.seq;
    const written = world.truth.written.get(view.id);
    // Who is out does not hear what becomes of it.
    if (written === undefined || member.ended !== null || mayHaveMissed(stored, member.id, { ...view, seq })) continue;
    if (world.truth.mustBeDeleted(written) && view.kind !== "deleted") return `still shows "${view.text}", which was deleted`;
    if (view.kind === "text" && !world.truth.textsOf(written).includes(view.text))
      return `still shows "${view.text}", which was changed`;
  }
  return wrongAmongThem(stored, shown, all);
}

/** The same message looks the same to everybody who may read it, and all that became of it. */
function wrongAmongThem(stored: Stored, { messages, member }: Shown, all: readonly Shown[]): string | null {
  if (member.ended !== null) return null;
  for (const other of all) {
    if (other.member.ended !== null) continue;
    const theirs = new Map(other.messages.map((view) => [view.id, view]));
    for (const view of messages) {
      const same = theirs.get(view.id);
      const place = { seq: view.seq ?? 0, sender: view.sender };
      if ([member, other.member].some(({ id }) => mayHaveMissed(stored, id, place))) continue;
      if (same !== undefined && looksOf(same) !== looksOf(view))
        return `shows ${looksOf(view)}, ${other.device.name} shows ${looksOf(same)}`;
    }
  }
  return null;
}

function looksOf({ id, kind, text, edited, deletedBy, mentions }: MessageView): string {
  const named = mentions.map((mention) => (mention === "all" ? mention : mention.id));
  return JSON.stringify({ id, kind, text, edited, deletedBy: deletedBy?.id ?? null, named });
}

/** Unread, muted, the last message: the same on all devices of an account. */
export function wrongCounts(world: World, stored: Stored, shown: Shown, all: readonly Shown[]): string | null {
  const { device, view, messages, member } = shown;
  const other = all.find((one) => one.device.account === device.account);
  // Of a request nothing is told, not even to one's other devices, until it is accepted.
  const isRequest = view.state === "request";
  if (other !== undefined && !isRequest && other.view.readSeq !== view.readSeq)
    return `has read up to ${view.readSeq}, ${other.device.name} up to ${other.view.readSeq}`;
  for (const name of ["muted", "archived", "favourite"] as const) {
    if (other !== undefined && other.view[name] !== view[name])
      return `is ${view[name] ? "" : "not "}${name}, unlike ${other.device.name}`;
  }
  const { sure, maybe } = world.truth.readUpTo(device.account, stored.id);
  if ((view.readSeq < sure && !isRequest) || view.readSeq > Math.max(maybe, member.sinceSeq))
    return `has read up to ${view.readSeq}, it should be ${sure} to ${Math.max(maybe, member.sinceSeq)}`;
  const unread = messages.filter(({ mine, kind, seq }) => !mine && kind !== "deleted" && (seq ?? 0) > view.readSeq).length;
  if (view.unread !== unread) return `counts ${view.unread} unread messages, there are ${unread}`;
  const last = shown.refused.at(-1) ?? messages.at(-1);
  if (last !== undefined && view.lastMessage?.id !== last.id)
    return `names ${view.lastMessage?.id} as the last message, it is ${last.id}`;
  return null;
}

export async function wholeHistory(client: ChatClient, conversation: ConversationId): Promise<MessageView[]> {
  let messages: MessageView[] = [];
  for (;;) {
    const [oldest] = messages;
    const page = await client.history(conversation, { limit: 200, ...(oldest === undefined ? {} : { before: oldest.id }) });
    messages = [...page.messages, ...messages];
    if (page.reachedStart || page.messages.length === 0) return messages;
  }
}

/** The verified records as a device keeps them. */
export async function chainOf({ store }: Device, id: ConversationId) {
  const kept = (await store.read({ table: "chains", group: "", key: id })) as { bytes: Bytes } | undefined;
  return kept === undefined ? undefined : decodeChainState(kept.bytes);
}

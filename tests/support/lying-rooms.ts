// A room of three on a server that lies, and records that nobody, or somebody who should not, has made for it.
import {
  type AccountState,
  type ChainState,
  type Device,
  decodeChainState,
  generateDevice,
  randomBytes,
  sign,
} from "@cychat/crypto";
import {
  type ConversationId,
  decodeEnvelope,
  decodeRecord,
  type Entry,
  type EpochRecord,
  encodeRecord,
  fromBase64url,
  labels,
  type RecordChange,
  type RecordEntry,
  signedToJson,
} from "@cychat/protocol";
import type { ConversationView, NewRoom } from "@cychat/sdk/bun";
import { assertPlain, type LiedTo, type LyingServer } from "./lying-server.ts";
import { until } from "./people.ts";
import { idOf, introduce, lookAt, makeRoom, reads, talk, viewOf, write } from "./rooms.ts";

export interface Scene {
  /** The owner. */
  readonly alice: LiedTo;
  readonly bob: LiedTo;
  readonly carol: LiedTo;
  /** Of all three. */
  readonly room: ConversationId;
  /** Of alice and carol alone: whatever happens in the room, these go on. */
  readonly other: ConversationId;
  readonly chat: ConversationId;
}

/** Three in a room in which something was said already. */
export async function scene(liar: LyingServer, options: Partial<NewRoom> = {}): Promise<Scene> {
  const [alice, bob, carol] = [await liar.person("alice"), await liar.person("bob"), await liar.person("carol")];
  await introduce(alice, bob, carol);
  const room = await makeRoom(alice, [bob, carol], options);
  const other = await makeRoom(alice, [carol], { name: "Another room" });
  const { id: chat } = await alice.client.openDirect(await idOf(carol));
  await write(alice, room, "hello");
  for (const person of [bob, carol]) await reads(person, room, "hello");
  return { alice, bob, carol, room, other, chat };
}

/** Another room and a direct chat bring and take messages, without a word of warning. */
export async function othersGoOn({ alice, carol, other, chat }: Scene): Promise<void> {
  for (const conversation of [other, chat]) {
    const [to, from] = [`to carol ${crypto.randomUUID()}`, `from carol ${crypto.randomUUID()}`];
    await write(alice, conversation, to);
    await has(carol, conversation, to);
    await write(carol, conversation, from);
    await has(alice, conversation, from);
    for (const person of [alice, carol]) {
      const { problem } = await viewOf(person, conversation);
      if (problem !== null) throw new Error(`another conversation shows ${problem.code}`);
    }
  }
}

/** Waits until the text is among what is shown. */
export function has(person: LiedTo, room: ConversationId, ...texts: readonly string[]): Promise<true> {
  return until(person.client, async () => {
    if ((await lookAt(person, room)) === undefined) return false;
    const shown = await talk(person, room);
    return texts.every((text) => shown.includes(text)) || undefined;
  });
}

/** The room's problem, once it is shown; fails where it has no plain words. */
export async function shows(person: LiedTo, room: ConversationId, ...codes: readonly string[]): Promise<ConversationView> {
  const view = await until(
    person.client,
    async () => {
      const found = await lookAt(person, room);
      return found !== undefined && codes.includes(found.problem?.code ?? "") && found;
    },
    20_000,
  );
  assertPlain(view.problem);
  return view;
}

/** What somebody is shown of the room's entries, and of its records wherever these are asked for. */
export function showRoom({ lies }: LiedTo, room: ConversationId, change: (entries: readonly Entry[]) => readonly Entry[]): void {
  lies.entries = (entries, id) => (id === room ? change(entries) : entries);
  lies.records = (records, id) => (id === room ? change(records).filter((entry) => entry.kind === "record") : records);
}

/** From now on nothing of the room reaches somebody: neither frames nor anything newer than now. */
export async function freeze(liar: LyingServer, person: LiedTo, room: ConversationId): Promise<void> {
  const { last_seq: last } = await liar.server.core.db
    .selectFrom("conversations")
    .select("last_seq")
    .where("id", "=", room)
    .executeTakeFirstOrThrow();
  showRoom(person, room, (entries) => entries.filter(({ seq }) => seq <= last));
}

/** Lets somebody look at the room anew, as a hint of the server's does. */
export function hint(person: LiedTo, room: ConversationId): void {
  person.lies.push({ type: "changed", what: "conversations", conversation: room });
}

/** Loses what somebody sends to the room, and keeps it: as a server would that shows it to some people only, or later. */
export function keepFrom({ lies }: LiedTo, room: ConversationId): readonly Entry[] {
  const kept: Entry[] = [];
  lies.send = (frame) => {
    if (frame.type !== "send" || frame.conversation !== room) return true;
    const envelope = String(frame.envelope);
    const { messageId: id, account: sender, device } = decodeEnvelope(fromBase64url(envelope)).header;
    kept.push({ kind: "message", seq: 0, at_ms: Date.now(), id, sender, device, envelope });
    return false;
  };
  return kept;
}

/** The entries, and more behind them. */
export function followedBy(entries: readonly Entry[], more: readonly Entry[]): Entry[] {
  const last = Math.max(0, ...entries.map(({ seq }) => seq));
  return [...entries, ...more.map((entry, at) => ({ ...entry, seq: last + 1 + at }))];
}

export const renumbered = (entries: readonly Entry[]): Entry[] => entries.map((entry, at) => ({ ...entry, seq: at + 1 }));

export const isRecord = (entry: Entry): entry is RecordEntry => entry.kind === "record";

export function contentOf(entry: RecordEntry): EpochRecord {
  return decodeRecord(fromBase64url(entry.record.payload));
}

/** The signing key of somebody's own device: for what members of bad will could sign together with the server. */
export async function deviceOf({ store }: LiedTo): Promise<Device> {
  const session = (await store.read({ table: "session", group: "", key: "only" })) as { device: Omit<Device, "privateKey"> };
  const privateKey = await store.readKey("device");
  if (privateKey === undefined) throw new Error("Nobody is signed in here.");
  return { ...session.device, privateKey };
}

/** A device of nobody's: what a server can sign by itself. */
export const nobodysDevice = generateDevice;

export async function accountOf(person: LiedTo): Promise<AccountState> {
  const place = { table: "accounts", group: "", key: await idOf(person) };
  return ((await person.store.read(place)) as { state: AccountState }).state;
}

/** The room's records as somebody's client has verified them. */
export async function chainOf({ store }: LiedTo, room: ConversationId): Promise<ChainState> {
  const { bytes } = (await store.read({ table: "chains", group: "", key: room })) as { bytes: Uint8Array<ArrayBuffer> };
  return decodeChainState(bytes);
}

interface Forgery {
  readonly by: LiedTo;
  /** Whose newest record it follows; by default `by`'s. */
  readonly seenBy?: LiedTo;
  /** Signs in `by`'s name; by default it is their own device. */
  readonly device?: Device;
  readonly changes: readonly RecordChange[];
  readonly with?: Partial<EpochRecord>;
}

/** A record that follows the newest one that `by` has seen, signed, with whatever is wrong in it. */
export async function forged(
  room: ConversationId,
  { by, seenBy = by, device, changes, with: odd }: Forgery,
): Promise<RecordEntry> {
  const [chain, account] = [await chainOf(seenBy, room), await accountOf(by)];
  const signer = device ?? (await deviceOf(by));
  const renews = changes.some(({ kind }) => kind === "renew");
  const record: EpochRecord = {
    conversation: room,
    index: chain.index + 1,
    epoch: chain.epoch + (renews ? 1 : 0),
    prev: chain.hash,
    author: account.account,
    device: signer.id,
    authorLog: [account.head.n, account.head.hash],
    changes,
    memberListHash: randomBytes(32),
    history: chain.history,
    commitment: renews ? randomBytes(32) : (chain.epochs.get(chain.epoch)?.commitment ?? randomBytes(32)),
    ...odd,
  };
  const signed = await sign(signer.privateKey, labels.record, encodeRecord(record));
  const { index, epoch } = record;
  return { kind: "record", seq: 0, at_ms: Date.now(), index, epoch, record: signedToJson(signed), members: null };
}

/** Shows somebody the room with one more record at its end, and lets them look. */
export function showAlso(person: LiedTo, room: ConversationId, record: RecordEntry): void {
  showRoom(person, room, (entries) => followedBy(entries, [record]));
  hint(person, room);
}

// Writes what a room's record changes into the tables.
import {
  type AccountId,
  type ConversationId,
  type EpochRecord,
  type InviteId,
  ProtocolError,
  type RoomInvite,
  type RoomPin,
  type RoomSettings,
} from "@cychat/protocol";
import type { Db } from "../database/engine.ts";
import type { Bytes, MemberState } from "../database/schema.ts";
import { handleKey, searchKey } from "./handles.ts";
import type { SealRow } from "./read-submission.ts";
import type { Seat } from "./room-state.ts";
import { standingsTo } from "./standings.ts";
import { inChunks, insertMany } from "./statements.ts";

export function settingsColumns({ join, post, invite, pin, rename, handle, description }: RoomSettings) {
  return {
    join_policy: join,
    post,
    invite_right: invite,
    pin_right: pin,
    rename_right: rename,
    handle,
    handle_key: handle === null ? null : handleKey(handle),
    search_key: handle === null ? null : searchKey(handle, description),
    description,
  };
}

/** Who wants into a waiting room, and since when. */
export type Wishes = readonly { readonly account: AccountId; readonly at_ms: number }[];

/**
 * To be called before the room takes its handle. Throws `room-exists` for one that another room has. A waiting room of the
 * author's gives way to its room when that is made (`isNew`); answers who wanted into it.
 */
export async function claimHandle(
  trx: Db,
  conversation: ConversationId,
  author: AccountId,
  { handle }: RoomSettings,
  isNew: boolean,
): Promise<Wishes> {
  if (handle === null) return [];
  const key = handleKey(handle);
  const other = await trx
    .selectFrom("conversations")
    .select("id")
    .where("handle_key", "=", key)
    .where("id", "<>", conversation)
    .executeTakeFirst();
  if (other) throw new ProtocolError("room-exists");
  const waiting = await trx.selectFrom("waiting_rooms").select("owner").where("handle_key", "=", key).executeTakeFirst();
  if (!waiting) return [];
  if (!isNew || waiting.owner !== author) throw new ProtocolError("room-exists");
  const wishes = await trx.selectFrom("join_wishes").select(["account", "at_ms"]).where("handle_key", "=", key).execute();
  await trx.deleteFrom("join_wishes").where("handle_key", "=", key).execute();
  await trx.deleteFrom("waiting_rooms").where("handle_key", "=", key).execute();
  return wishes;
}

/** The wishes become join requests that their clients have yet to sign, except of those who are members from the start. */
export async function moveWishes(trx: Db, conversation: ConversationId, wishes: Wishes): Promise<void> {
  await insertMany(
    wishes.map(({ account, at_ms }) => ({ conversation, account, payload: null, signature: null, at_ms })),
    (some) => trx.insertInto("join_requests").values(some).execute(),
  );
}

export interface NewSeats {
  readonly conversation: ConversationId;
  readonly author: AccountId;
  readonly seats: readonly (Seat & { readonly asked: boolean })[];
  readonly seq: number;
  readonly firstSeq: number;
  /** Nothing up to here counts as unread. */
  readonly readSeq: number;
}

const states = { contact: "active", blocked: "ignored", stranger: "request" } as const;

/**
 * Who asked to come in is active; everybody else may look first. A former member's row begins anew, but what could be read
 * before stays to be read (P9.12).
 */
export async function insertSeats(trx: Db, { conversation, author, seats, seq, firstSeq, readSeq }: NewSeats): Promise<void> {
  const accounts = seats.map(({ account }) => account);
  const standing = await standingsTo(trx, author, accounts);
  const former = await inChunks(accounts, (some) =>
    trx
      .selectFrom("members")
      .select(["account", "first_seq"])
      .where("conversation", "=", conversation)
      .where("account", "in", some)
      .execute(),
  );
  const readFrom = new Map(former.map(({ account, first_seq }) => [account, first_seq]));
  await inChunks(accounts, (some) =>
    trx.deleteFrom("members").where("conversation", "=", conversation).where("account", "in", some).execute(),
  );
  await insertMany(
    seats.map(({ account, role, identityHash, generation, sinceIndex, asked }) => ({
      conversation,
      account,
      role,
      state: (asked ? "active" : states[standing(account)]) as MemberState,
      identity_hash: identityHash as Bytes,
      generation,
      since_seq: seq,
      since_index: sinceIndex,
      first_seq: Math.min(firstSeq, readFrom.get(account) ?? firstSeq),
      delivered_seq: readSeq,
      read_seq: readSeq,
    })),
    (some) => trx.insertInto("members").values(some).execute(),
  );
}

export async function updateSeats(trx: Db, conversation: ConversationId, seats: readonly Seat[]): Promise<void> {
  for (const { account, role, generation } of seats) {
    await trx
      .updateTable("members")
      .set({ role, generation })
      .where("conversation", "=", conversation)
      .where("account", "=", account)
      .execute();
  }
}

export interface SeatsEnd {
  readonly conversation: ConversationId;
  readonly seq: number;
  readonly index: number;
  readonly atMs: number;
}

/** The rows stay: what was there before can still be read. `accounts` null: everybody's. */
export async function endSeats(
  trx: Db,
  { conversation, seq, index, atMs }: SeatsEnd,
  accounts: readonly AccountId[] | null,
): Promise<void> {
  const end = trx
    .updateTable("members")
    .set({ state: "former", until_seq: seq, until_index: index, former_changed_at_ms: atMs })
    .where("conversation", "=", conversation)
    .where("until_seq", "is", null);
  if (accounts === null) await end.execute();
  else await inChunks(accounts, async (some) => [await end.where("account", "in", some).execute()]);
}

export async function putProfile(trx: Db, { conversation, epoch, index }: EpochRecord, ciphertext: Bytes): Promise<void> {
  await trx.deleteFrom("room_profiles").where("conversation", "=", conversation).execute();
  await trx.insertInto("room_profiles").values({ conversation, epoch, record_index: index, ciphertext }).execute();
}

export async function insertLetters(
  trx: Db,
  { conversation, author, index }: EpochRecord,
  letters: readonly SealRow[],
): Promise<void> {
  await insertMany(
    letters.map((letter) => ({ conversation, author, record_index: index, ...letter })),
    (some) => trx.insertInto("history_letters").values(some).execute(),
  );
}

/** A withdrawn or used-up invite opens nothing any more; its row stays, so that whoever comes with the link is told so. */
export async function endInvites(trx: Db, conversation: ConversationId, invites: readonly InviteId[]): Promise<void> {
  if (invites.length === 0) return;
  const ended = trx.updateTable("room_invites").set({ is_ended: 1, uses_left: 0 });
  await ended.where("conversation", "=", conversation).where("invite", "in", invites).execute();
  for (const table of ["seals", "history_letters"] as const)
    await trx.deleteFrom(table).where("conversation", "=", conversation).where("recipient", "in", invites).execute();
}

/** Throws `malformed-structure` for an id that was used before. */
export async function insertInvites(trx: Db, conversation: ConversationId, invites: readonly RoomInvite[]): Promise<void> {
  if (invites.length === 0) return;
  const ids = invites.map(({ id }) => id);
  const rows = await trx
    .selectFrom("room_invites")
    .select(["invite", "position"])
    .where("conversation", "=", conversation)
    .execute();
  if (rows.some(({ invite }) => ids.includes(invite)))
    throw new ProtocolError("malformed-structure", "That invite was there before.");
  const last = rows.reduce((most, { position }) => Math.max(most, position), 0);
  const values = invites.map(({ id, sealKey, signKey, expiresAtMs, uses }, offset) => ({
    conversation,
    invite: id,
    seal_key: sealKey as Bytes,
    sign_key: signKey as Bytes,
    expires_at_ms: expiresAtMs,
    uses_left: uses,
    position: last + 1 + offset,
  }));
  await insertMany(values, (some) => trx.insertInto("room_invites").values(some).execute());
}

export async function setUses(trx: Db, conversation: ConversationId, invites: readonly RoomInvite[]): Promise<void> {
  for (const { id, uses } of invites) {
    await trx
      .updateTable("room_invites")
      .set({ uses_left: uses })
      .where("conversation", "=", conversation)
      .where("invite", "=", id)
      .execute();
  }
}

export async function replacePins(trx: Db, conversation: ConversationId, pins: readonly RoomPin[]): Promise<void> {
  await trx.deleteFrom("room_pins").where("conversation", "=", conversation).execute();
  const rows = pins.map(({ messageId, envelopeHash }, position) => ({
    conversation,
    message_id: messageId,
    envelope_hash: envelopeHash as Bytes,
    position,
  }));
  await insertMany(rows, (some) => trx.insertInto("room_pins").values(some).execute());
}

export async function replaceBans(
  trx: Db,
  conversation: ConversationId,
  before: readonly AccountId[],
  after: readonly AccountId[],
): Promise<void> {
  const lifted = before.filter((account) => !after.includes(account));
  const added = after.filter((account) => !before.includes(account));
  await inChunks(lifted, (some) =>
    trx.deleteFrom("room_bans").where("conversation", "=", conversation).where("account", "in", some).execute(),
  );
  await insertMany(
    added.map((account) => ({ conversation, account })),
    (some) => trx.insertInto("room_bans").values(some).execute(),
  );
}

/** Takes join requests off the list; `accounts` null: all of them. Answers whose they were. */
export async function endJoinRequests(
  trx: Db,
  conversation: ConversationId,
  accounts: readonly AccountId[] | null,
): Promise<AccountId[]> {
  const rows = await trx.selectFrom("join_requests").select("account").where("conversation", "=", conversation).execute();
  const ended = rows.flatMap(({ account }) => (accounts === null || accounts.includes(account) ? [account] : []));
  await inChunks(ended, (some) =>
    trx.deleteFrom("join_requests").where("conversation", "=", conversation).where("account", "in", some).execute(),
  );
  return ended;
}

/** Everything of a deleted room but its records, which say to everybody that it is no more, and the messages' numbers. */
export async function clearRoom(trx: Db, conversation: ConversationId): Promise<void> {
  const tables = [
    "seals",
    "history_letters",
    "keyrings",
    "room_profiles",
    "room_invites",
    "room_pins",
    "room_bans",
    "join_requests",
    "seal_requests",
  ] as const;
  for (const table of tables) await trx.deleteFrom(table).where("conversation", "=", conversation).execute();
}

// A room as its newest record leaves it, read from the tables. Kept in memory for the rooms that change most: a change of
// one member must not cost reading and encoding a thousand.
import {
  type AccountId,
  type ConversationId,
  decodeRecord,
  type EpochRecord,
  equalBytes,
  type JoinPolicy,
  type Member,
  type Right,
  type RoomInvite,
  type RoomState,
} from "@cychat/protocol";
import type { Selectable } from "kysely";
import type { Db } from "../database/engine.ts";
import type { ConversationsTable } from "../database/schema.ts";

export interface Seat extends Member {
  /** The record that gave it. */
  readonly sinceIndex: number;
}

export interface Room {
  readonly conversation: ConversationId;
  readonly index: number;
  /** SHA-256 of the newest record. */
  readonly hash: Uint8Array<ArrayBuffer>;
  readonly epoch: number;
  readonly history: EpochRecord["history"];
  readonly commitment: Uint8Array<ArrayBuffer>;
  readonly seats: ReadonlyMap<AccountId, Seat>;
  readonly state: RoomState;
}

export type ConversationRow = Selectable<ConversationsTable>;

const maxKept = 32;

/** The newest states, by room; the least recently used one goes first. */
export class KeptRooms {
  readonly #rooms = new Map<ConversationId, Room>();

  keep(room: Room): void {
    this.#rooms.delete(room.conversation);
    if (room.state.isDeleted) return;
    this.#rooms.set(room.conversation, room);
    if (this.#rooms.size > maxKept) this.#rooms.delete(this.#rooms.keys().next().value as ConversationId);
  }

  /** Null unless what is kept is what the conversation's newest record left. */
  find({ id, record_hash }: Pick<ConversationRow, "id" | "record_hash">): Room | null {
    const room = this.#rooms.get(id);
    if (!room || !equalBytes(room.hash, record_hash)) return null;
    this.keep(room);
    return room;
  }
}

/** Null when another record came between the reads: then `place` is no longer the newest state either. */
export async function readRoom(db: Db, kept: KeptRooms, place: ConversationRow): Promise<Room | null> {
  const known = kept.find(place);
  if (known) return known;
  const { id } = place;
  const [members, bans, invites, pins, newest] = await Promise.all([
    db
      .selectFrom("members")
      .select(["account", "role", "identity_hash", "generation", "since_index"])
      .where("conversation", "=", id)
      .where("until_seq", "is", null)
      .orderBy("account")
      .execute(),
    db.selectFrom("room_bans").select("account").where("conversation", "=", id).orderBy("account").execute(),
    readInvites(db, id),
    db
      .selectFrom("room_pins")
      .select(["message_id", "envelope_hash"])
      .where("conversation", "=", id)
      .orderBy("position")
      .execute(),
    db
      .selectFrom("records")
      .select("payload")
      .where("conversation", "=", id)
      .where("idx", "=", place.record_index)
      .executeTakeFirstOrThrow(),
  ]);
  const now = await db.selectFrom("conversations").select("record_hash").where("id", "=", id).executeTakeFirst();
  if (!now || !equalBytes(now.record_hash, place.record_hash)) return null;
  const { epoch, history, commitment } = decodeRecord(newest.payload);
  const seats = members.map(({ account, role, identity_hash, generation, since_index }): [AccountId, Seat] => {
    if (identity_hash === null || generation === null) throw new Error("a member of a room without its keys");
    return [account, { account, role, identityHash: identity_hash, generation, sinceIndex: since_index }];
  });
  const room: Room = {
    conversation: id,
    index: place.record_index,
    hash: place.record_hash,
    epoch,
    history,
    commitment,
    seats: new Map(seats),
    state: {
      settings: settingsOf(place),
      profile: place.profile_hash ?? new Uint8Array(32),
      bans: bans.map(({ account }) => account),
      invites,
      pins: pins.map(({ message_id, envelope_hash }) => ({ messageId: message_id, envelopeHash: envelope_hash })),
      isDeleted: place.is_deleted === 1,
    },
  };
  kept.keep(room);
  return room;
}

async function readInvites(db: Db, conversation: ConversationId): Promise<RoomInvite[]> {
  const rows = await db
    .selectFrom("room_invites")
    .selectAll()
    .where("conversation", "=", conversation)
    .where("is_ended", "=", 0)
    .orderBy("position")
    .execute();
  return rows.map(({ invite, seal_key, sign_key, expires_at_ms, uses_left }) => ({
    id: invite,
    sealKey: seal_key,
    signKey: sign_key,
    expiresAtMs: expires_at_ms,
    uses: uses_left,
  }));
}

function settingsOf(place: ConversationRow) {
  return {
    join: place.join_policy as JoinPolicy,
    post: place.post as Right,
    invite: place.invite_right as Right,
    pin: place.pin_right as Right,
    rename: place.rename_right as Right,
    handle: place.handle,
    description: place.description,
  };
}

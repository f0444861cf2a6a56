// What the server's database holds at a quiet point.
import type { AccountId, ConversationId, MessageId } from "@cychat/protocol";
import { type HowItEnded, RoomLedger } from "./room-ledger.ts";
import type { World } from "./world.ts";

export interface StoredMember {
  readonly account: string;
  readonly id: AccountId;
  readonly state: "active" | "request" | "ignored" | "blocked" | "former";
  /** Nothing up to here was ever unread. */
  readonly sinceSeq: number;
  readonly readSeq: number;
  /** Of a room that one is in no more. */
  readonly ended: { readonly seq: number; readonly how: HowItEnded } | null;
  readonly isForgotten: boolean;
}

interface StoredMessage {
  readonly id: MessageId;
  readonly seq: number;
}

/** An edit or a deletion: which of them, and of what, is for those to know who can open it. */
interface StoredAct {
  readonly seq: number;
  readonly sender: AccountId;
}

/** A conversation as the server's database has it. */
export interface Stored {
  readonly id: ConversationId;
  readonly members: readonly StoredMember[];
  /** Messages that are shown, in order. */
  readonly messages: readonly StoredMessage[];
  readonly acts: readonly StoredAct[];
  readonly recordHash: string;
  readonly room: StoredRoom | null;
}

export interface StoredRoom {
  readonly ledger: RoomLedger;
  /** Who waits to be let in. */
  readonly asking: readonly string[];
  /** Under whose key the name and the topic are sealed; 0 for none. */
  readonly profileEpoch: number;
}

/** The messages of it that somebody who is, or was, in it has to see. */
export function messagesFor({ messages, room }: Stored, { id, ended }: StoredMember): readonly StoredMessage[] {
  if (room === null) return messages;
  const { ledger } = room;
  const readable = ledger.mayRead(id);
  return messages.filter(({ seq }) => readable.has(ledger.epochAt(seq)) && (ended === null || seq < ended.seq));
}

/**
 * Whether a message may have been changed or deleted in an epoch that somebody may not read: while they were out, and then
 * came in again under "joined" history. They keep what they had read before (P9.12: no fault of anybody).
 */
export function mayHaveMissed({ room, acts }: Stored, reader: AccountId, message: StoredAct): boolean {
  if (room === null) return false;
  const { ledger } = room;
  const readable = ledger.mayRead(reader);
  return acts.some(({ seq, sender }) => {
    const isItsBusiness = sender === message.sender || ledger.couldEver(sender, "moderate");
    return seq > message.seq && isItsBusiness && !readable.has(ledger.epochAt(seq));
  });
}

/** Whether one who came in later may read a change of a message of before: it is of a time that they were in. */
export function mayReadChangeBy({ room, acts }: Stored, reader: AccountId, author: AccountId | undefined): boolean {
  if (room === null) return true;
  const readable = room.ledger.mayRead(reader);
  return acts.some(({ seq, sender }) => sender === author && readable.has(room.ledger.epochAt(seq)));
}

export async function readStored(world: World): Promise<Stored[]> {
  const { db } = world.server.core;
  const conversations = await db.selectFrom("conversations").select(["id", "kind", "record_hash"]).execute();
  const accounts = await db.selectFrom("accounts").select(["id", "nickname"]).execute();
  for (const { id, nickname } of accounts) world.people.set(nickname, id);
  const names = new Map(accounts.map(({ id, nickname }) => [id, nickname]));
  const members = await db.selectFrom("members").selectAll().execute();
  const requests = await db.selectFrom("join_requests").select(["conversation", "account"]).execute();
  const profiles = await db.selectFrom("room_profiles").select(["conversation", "epoch"]).execute();
  const entries = await db
    .selectFrom("entries")
    .select(["conversation", "message_id", "seq", "sender"])
    .where("kind", "in", ["message", "erased"])
    .orderBy("conversation")
    .orderBy("seq")
    .execute();
  const stored: Stored[] = [];
  for (const { id, kind, record_hash } of conversations) {
    const ledger = kind === "room" ? await readLedger(world, id, record_hash.toHex()) : null;
    const here = entries.filter((entry) => entry.conversation === id);
    const isWritten = ({ message_id }: (typeof here)[number]) => world.truth.written.has(message_id as MessageId);
    const asking = requests.filter(({ conversation }) => conversation === id).map(({ account }) => names.get(account) ?? "");
    stored.push({
      id,
      recordHash: record_hash.toHex(),
      room:
        ledger === null
          ? null
          : { ledger, asking, profileEpoch: profiles.find(({ conversation }) => conversation === id)?.epoch ?? 0 },
      members: members
        .filter(({ conversation }) => conversation === id)
        .map((row) => ({
          account: names.get(row.account) ?? "",
          id: row.account,
          state: row.state,
          sinceSeq: row.since_seq,
          readSeq: row.read_seq,
          ended: ledger?.endOf(row.account) ?? null,
          isForgotten: row.is_forgotten === 1,
        })),
      messages: here.filter(isWritten).map(({ message_id, seq }) => ({ id: message_id as MessageId, seq })),
      // What the truth does not know.
      acts: here.filter((entry) => !isWritten(entry)).map(({ seq, sender }) => ({ seq, sender: sender as AccountId })),
    });
  }
  return stored;
}

/** Worked out anew only when there are more records. */
async function readLedger(world: World, id: ConversationId, hash: string): Promise<RoomLedger> {
  const known = world.ledgers.get(id);
  if (known?.hashes.at(-1) === hash) return known;
  const { db } = world.server.core;
  const rows = await db.selectFrom("records").selectAll().where("conversation", "=", id).orderBy("idx").execute();
  const ledger = RoomLedger.of(
    rows.map(({ seq, at_ms, hash: own, payload, member_list }) => {
      return { seq, atMs: at_ms, hash: own.toHex(), payload, memberList: member_list };
    }),
  );
  world.ledgers.set(id, ledger);
  return ledger;
}

// A room's records: what a reader checks of each one, and what follows from it (PROTOCOL.md P9.1–P9.11).
import {
  type ConversationId,
  decodeJoinRequest,
  type EpochRecord,
  encodeChange,
  encodeRoomState,
  equalBytes,
  labels,
  type Member,
  type RoomChange,
  type RoomState,
  roomIdPreimage,
  toBase64url,
} from "@cychat/protocol";
import type { AccountState } from "./account-log.ts";
import { CryptoError, decoded } from "./errors.ts";
import { verify } from "./identity.ts";
import { verifyJoinRequest } from "./member-requests.ts";
import { type Bytes, sha256 } from "./primitives.ts";
import { type ChainState, endOf, membersOfSeats, type ResolveAccount, recordIndexOf, seatsOf } from "./record-chain.ts";
import { applyChanges, newSeat, type Outcome } from "./room-changes.ts";
import { guestPayload } from "./room-invite.ts";
import { checkRights, needsRenewal } from "./room-rules.ts";

type ChangeOf<K extends RoomChange["kind"]> = Extract<RoomChange, { kind: K }>;

export interface RoomReader {
  readonly author: AccountState;
  readonly seq: number | null;
  readonly resolve: ResolveAccount;
  readonly nowMs: number;
}

/** What stands in a room's record in the place of the member-list hash. */
export function hashRoomState(members: readonly Member[], room: RoomState): Promise<Bytes> {
  return sha256(encodeRoomState(members, room));
}

/** A room's id, from its first record. */
export async function roomIdOf(genesis: Parameters<typeof roomIdPreimage>[0] & Pick<EpochRecord, "changes">) {
  return toBase64url(await sha256(roomIdPreimage(genesis, genesis.changes.map(encodeChange)))) as ConversationId;
}

export function firstRoomState({ settings, profile }: ChangeOf<"create-room">): RoomState {
  return { settings, profile, bans: [], invites: [], pins: [], isDeleted: false };
}

/** Throws not-allowed, broken-chain, member-list-mismatch, wrong-conversation, identity-changed. */
export async function genesisOutcome(record: EpochRecord, author: AccountState, members: readonly Member[]): Promise<Outcome> {
  const [change, more] = record.changes;
  if (change?.kind !== "create-room" || more !== undefined) throw new CryptoError("not-allowed");
  if (record.epoch !== 1) throw new CryptoError("broken-chain");
  const room = firstRoomState(change);
  if (!equalBytes(await hashRoomState(members, room), record.memberListHash)) throw new CryptoError("member-list-mismatch");
  if ((await roomIdOf(record)) !== record.conversation) throw new CryptoError("wrong-conversation");
  const [owner, another] = members.filter(({ role }) => role === "owner");
  if (owner?.account !== record.author || another !== undefined)
    throw new CryptoError("not-allowed", "Whoever makes a room is its only owner.");
  if (!equalBytes(owner.identityHash, author.identityHash)) throw new CryptoError("identity-changed");
  if (members.some(({ generation }) => generation === 0))
    throw new CryptoError("not-allowed", "An account without keys cannot be a member yet.");
  const seats = members.map((member) => newSeat(0, member));
  return { seats, room, posting: [[0, room.settings.post]], owed: null, invites: [] };
}

/** Of a later record; its signature and its author's identity are verified already. Throws as `verifyRecord` says. */
export async function roomOutcome(state: ChainState, record: EpochRecord, reader: RoomReader): Promise<Outcome> {
  const { room } = state;
  if (room === null) throw new CryptoError("not-allowed");
  if (room.isDeleted) throw new CryptoError("room-deleted");
  const changes = record.changes.map((change): RoomChange => {
    if (change.kind === "create" || change.kind === "rotate") throw new CryptoError("not-allowed");
    return change;
  });
  checkRights(state, record.author, changes, reader.nowMs);
  checkForm(state, record, changes);
  const { author, index, history } = record;
  const outcome = applyChanges(state, room, { author, index, history, changes, seq: reader.seq });
  for (const change of changes) {
    if (change.kind === "admit") await checkAdmission(state, change, reader.resolve);
    if (change.kind === "join") await checkGuest(state, room, change, reader.author);
  }
  const hash = await hashRoomState(membersOfSeats(outcome.seats), outcome.room as RoomState);
  if (!equalBytes(hash, record.memberListHash)) throw new CryptoError("member-list-mismatch");
  return outcome;
}

/** Where a new key stands, and that it is there where it must be (P9.4, P9.5, P9.7). */
function checkForm(state: ChainState, record: EpochRecord, changes: readonly RoomChange[]): void {
  const kinds = changes.map(({ kind }) => kind);
  const renews = kinds.includes("renew");
  const isInOrder = renews ? kinds.indexOf("renew") === kinds.length - 1 : kinds.length > 0;
  if (!isInOrder || (kinds.includes("delete") && kinds.length > 1)) throw new CryptoError("not-allowed");
  if (record.history !== state.history && !kinds.includes("settings")) throw new CryptoError("not-allowed");
  if (!renews && needsRenewal(state, changes, record.history)) throw new CryptoError("rotation-missing");
  if (record.epoch !== state.epoch + (renews ? 1 : 0)) throw new CryptoError("broken-chain");
  const commitment = state.epochs.get(state.epoch)?.commitment;
  if (!renews && (commitment === undefined || !equalBytes(record.commitment, commitment)))
    throw new CryptoError("commitment-mismatch");
}

/** Who is let in has asked for it, seeing this room's records, and not before a membership that has ended since. */
async function checkAdmission(state: ChainState, change: ChangeOf<"admit">, resolve: ResolveAccount): Promise<void> {
  const asked = decoded(() => decodeJoinRequest(change.request.payload));
  if (asked.conversation !== state.conversation) throw new CryptoError("wrong-conversation");
  const account = await resolve(asked.account);
  await verifyJoinRequest(change.request, account);
  const seenAt = indexOfHash(state, asked.recordHash);
  if (seenAt === undefined) throw new CryptoError("fork");
  if (seatsOf(state, asked.account).some((seat) => seenAt < endOf(seat)))
    throw new CryptoError("not-allowed", "The request is from before an earlier membership ended.");
  if (change.generation < asked.generation) throw new CryptoError("rollback");
  if (!account.encryptionKeys.has(change.generation)) throw new CryptoError("account-behind");
}

function indexOfHash(state: ChainState, hash: Bytes): number | undefined {
  for (const epoch of state.epochs.keys()) {
    const index = recordIndexOf(state, epoch, hash);
    if (index !== undefined) return index;
  }
  return undefined;
}

/** The invite's key has signed for this account at this very place in the chain. */
async function checkGuest(state: ChainState, room: RoomState, change: ChangeOf<"join">, guest: AccountState): Promise<void> {
  const invite = room.invites.find(({ id }) => id === change.invite);
  if (invite === undefined) throw new CryptoError("invite-ended");
  const payload = guestPayload(state.conversation, state.hash, guest.account, change.identityHash);
  await verify(invite.signKey, labels.inviteGuest, { payload, signature: change.signature });
  if (!equalBytes(change.identityHash, guest.identityHash)) throw new CryptoError("identity-changed");
}

// Making a room's records. What a change needs beside itself (a new key, letters, the profile anew) is added here.
import {
  type AccountId,
  decodeJoinRequest,
  type EpochRecord,
  encodeMemberList,
  encodeRecord,
  type GenerationUpdate,
  labels,
  limits,
  type Member,
  type RoomChange,
  type RoomSettings,
  type RoomState,
} from "@cychat/protocol";
import type { AccountState } from "./account-log.ts";
import { commitTo, generateEpochKey } from "./epoch-key.ts";
import { type Author, type NewRecord, verifyRecord } from "./epochs.ts";
import { CryptoError, decoded } from "./errors.ts";
import { sign } from "./identity.ts";
import { type Bytes, randomBytes, sha256, zeroHash } from "./primitives.ts";
import { type ChainState, membersOfSeats, type ResolveAccount } from "./record-chain.ts";
import { applyChanges } from "./room-changes.ts";
import { checkRoomProfile, sealRoomProfile } from "./room-profile.ts";
import { firstRoomState, hashRoomState, roomIdOf } from "./room-records.ts";
import { checkRights, needsRenewal } from "./room-rules.ts";
import { historyLetters, type Pause, sealingKey, sealToRoom } from "./room-sealing.ts";

export interface RoomInput {
  readonly settings: RoomSettings;
  readonly history: EpochRecord["history"];
  /** Of `encodeRoomProfile`. */
  readonly profile: Bytes;
  /** The others, who become members. */
  readonly members: readonly AccountState[];
}

export interface RoomContext {
  /** The newest verified logs, of those to seal to. */
  readonly resolve: ResolveAccount;
  /** What the author holds. */
  readonly epochKeys: ReadonlyMap<number, Bytes>;
  /** The profile's plaintext, with a `profile` change the new one; null where the author does not know it. */
  readonly profile: Bytes | null;
  /** Another one than the room's opens a new epoch. */
  readonly history?: EpochRecord["history"];
  readonly nowMs: number;
  /** Opens a new epoch even where the changes do not ask for it. */
  readonly renew?: boolean;
  /** Lets others have a turn between slices of work. */
  readonly pause?: Pause;
}

/** Throws not-allowed (an account without keys), already-member (twice the same account), too-large, malformed-structure. */
export async function createRoom(author: Author, input: RoomInput, pause?: Pause): Promise<NewRecord> {
  const { settings, history } = input;
  const accounts = new Map([author.account, ...input.members].map((account) => [account.account, account]));
  if (accounts.size <= input.members.length) throw new CryptoError("already-member");
  if (accounts.size > limits.roomMembers) throw new CryptoError("too-large");
  const members = [...accounts.values()].map((state): Member => {
    const { account, identityHash, newestGeneration: generation } = state;
    const member = { account, identityHash, role: state === author.account ? "owner" : "member", generation } as const;
    sealingKey(state, member);
    return member;
  });
  const profile = await sha256(input.profile);
  const change = { kind: "create-room", nonce: randomBytes(32), settings, profile } as const;
  const memberListHash = await hashRoomState(members, firstRoomState(change));
  const place = { ...authorship(author), index: 0, epoch: 1, prev: zeroHash(), changes: [change], memberListHash, history };
  const conversation = await roomIdOf(place);
  const epochKey = generateEpochKey();
  const commitment = await commitTo(epochKey, conversation, 1);
  const record = await signRecord(author, { ...place, conversation, commitment });
  const memberList = encodeMemberList(members);
  const resolve = (account: AccountId) => accounts.get(account) as AccountState;
  // Our own record passes the very checks that every reader makes.
  const state = await verifyRecord(null, { record, memberList }, resolve, { conversation, nowMs: 0 });
  const seals = await sealToRoom(state, epochKey, accounts, pause);
  const box = await sealRoomProfile(epochKey, conversation, 1, input.profile);
  return { record, memberList, epochKey, seals, letters: [], profile: box, state };
}

/**
 * One record with `wanted` (without `renew`, which is added where it must be or where the author lacks the open key that
 * a letter or profile needs). Throws as `verifyRecord`, and profile-mismatch.
 */
export async function changeRoom(
  state: ChainState,
  author: Author,
  wanted: readonly RoomChange[],
  context: RoomContext,
): Promise<NewRecord> {
  const { nowMs, pause } = context;
  const room = state.room;
  if (room === null) throw new CryptoError("not-allowed");
  if (room.isDeleted) throw new CryptoError("room-deleted");
  const me = author.account.account;
  const resolve: ResolveAccount = (account) => (account === me ? author.account : context.resolve(account));
  const history = context.history ?? state.history;
  const changes = [...wanted];
  if (history !== state.history && !changes.some(({ kind }) => kind === "settings"))
    changes.push({ kind: "settings", settings: room.settings });
  checkRights(state, me, changes, nowMs);
  await checkPresent(changes, room, resolve, nowMs);

  const renews = context.renew === true || needsRenewal(state, changes, history) || lacksKey(state, changes, context);
  const isGuest = changes.some(({ kind }) => kind === "join");
  if (renews && !isGuest) changes.push(...expiredInvites(room, changes, nowMs));
  const step = { author: me, index: state.index + 1, seq: null, history };
  const accounts = new Map<AccountId, AccountState>();
  if (renews) {
    const listed = membersOfSeats(applyChanges(state, room, { ...step, changes }).seats);
    const generations = await newestGenerations(listed, resolve, accounts);
    changes.push({ kind: "renew", generations });
  }
  const after = applyChanges(state, room, { ...step, changes });
  const roomAfter = after.room as RoomState;
  const boxesProfile = renews || changes.some(({ kind }) => kind === "profile");
  if (boxesProfile && context.profile !== null) await checkRoomProfile(context.profile, roomAfter.profile);
  if (changes.some(({ kind }) => kind === "profile") && context.profile === null) throw new CryptoError("profile-mismatch");

  const { conversation } = state;
  const epoch = state.epoch + (renews ? 1 : 0);
  const epochKey = renews ? generateEpochKey() : null;
  const kept = state.epochs.get(state.epoch)?.commitment ?? zeroHash();
  const record = await signRecord(author, {
    ...authorship(author),
    conversation,
    index: step.index,
    epoch,
    prev: state.hash,
    changes,
    memberListHash: await hashRoomState(membersOfSeats(after.seats), roomAfter),
    history,
    commitment: epochKey === null ? kept : await commitTo(epochKey, conversation, epoch),
  });
  const next = await verifyRecord(state, { record, memberList: null }, resolve, { conversation, nowMs });

  const held = epochKey === null ? context.epochKeys : new Map([...context.epochKeys, [epoch, epochKey] as const]);
  const seals = epochKey === null ? [] : await sealToRoom(next, epochKey, accounts, pause);
  const letters = await historyLetters(next, { author: me, changes }, held, resolve, pause);
  const openKey = held.get(epoch);
  const profile =
    boxesProfile && context.profile !== null && openKey !== undefined
      ? await sealRoomProfile(openKey, conversation, epoch, context.profile)
      : null;
  return { record, memberList: null, epochKey, seals, letters, profile, state: next };
}

function authorship({ account, device }: Author) {
  return { author: account.account, device: device.id, authorLog: [account.head.n, account.head.hash] as const };
}

function signRecord(author: Author, record: EpochRecord) {
  return sign(author.device.privateKey, labels.record, encodeRecord(record));
}

/** What only those can see who are there when it happens: a clock, and whether a device is still one. */
async function checkPresent(changes: readonly RoomChange[], room: RoomState, resolve: ResolveAccount, nowMs: number) {
  for (const change of changes) {
    if (change.kind === "join") {
      const invite = room.invites.find(({ id }) => id === change.invite);
      if (invite === undefined || invite.expiresAtMs <= nowMs) throw new CryptoError("invite-ended");
    }
    if (change.kind === "admit") {
      const { account, device } = decoded(() => decodeJoinRequest(change.request.payload));
      // A stolen device may date a request back behind its revocation; by now everybody can know.
      if ((await resolve(account)).devices.get(device)?.state !== "active") throw new CryptoError("device-revoked");
    }
  }
}

/** A letter, or a profile under the open key, cannot be made without that key; under a new one it can. */
function lacksKey(state: ChainState, changes: readonly RoomChange[], { epochKeys }: RoomContext): boolean {
  const hands = changes.some(
    ({ kind }) => kind === "profile" || (state.history === "shared" && (kind === "add" || kind === "admit" || kind === "invite")),
  );
  return hands && !epochKeys.has(state.epoch);
}

function expiredInvites(room: RoomState, changes: readonly RoomChange[], nowMs: number): RoomChange[] {
  const isEnded = (id: string) => changes.some((change) => change.kind === "end-invite" && change.invite === id);
  const expired = room.invites.filter(({ id, expiresAtMs }) => expiresAtMs <= nowMs && !isEnded(id));
  return expired.map(({ id }) => ({ kind: "end-invite", invite: id }));
}

/** Reads everybody that the new key is for into `accounts`, and gives the updates that bring the list up to them. */
async function newestGenerations(
  members: readonly Member[],
  resolve: ResolveAccount,
  accounts: Map<AccountId, AccountState>,
): Promise<GenerationUpdate[]> {
  const updates: GenerationUpdate[] = [];
  for (const member of members) {
    const account = await resolve(member.account);
    sealingKey(account, member);
    accounts.set(member.account, account);
    if (account.newestGeneration !== member.generation) updates.push([member.account, account.newestGeneration]);
  }
  return updates;
}

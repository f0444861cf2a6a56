// Rooms beside their records: finding them, asking to come in, invites, people, lost keys, and the seed's view of them.
import {
  type AccountId,
  type ConversationId,
  type EndpointAnswer,
  type endpoints,
  type InviteId,
  ProtocolError,
  type RoomProfileBox,
  type RoomSummary,
  rotationLeaseMs,
  type SignedJson,
  signedToJson,
} from "@cychat/protocol";
import { type Chats, handleKey, readLetters, readRecords, readSeals, searchPattern } from "../chats/service.ts";
import type { Core } from "../core.ts";
import type { Principal } from "../http/principal.ts";
import type { SeedView } from "../messages/service.ts";
import type { Bus } from "../realtime/events.ts";
import { announceJoins, announceLetter, announceOwnRooms } from "./events.ts";
import { findRooms, summaryOf, waitingSummary } from "./find-rooms.ts";
import { assertInvite, type InviteProof, invitedRoom } from "./invites.ts";
import { type Lease, RotationLeases } from "./leases.ts";
import { type NewLetter, putLetter } from "./letters.ts";
import { createRoomLimits } from "./limits.ts";
import { bannedFrom, knownPeople, memberKeys, roomMembers } from "./people.ts";
import * as requests from "./requests.ts";
import { makeWaitingRoom, waitingRoomOf, wishToJoin } from "./seed-rooms.ts";
import * as store from "./store.ts";

/** How much earlier than now an answer says it was made: what was committing meanwhile shows up in the next one. */
const marginMs = 2_000;

export interface RoomsDeps {
  readonly core: Core;
  readonly bus: Bus;
  readonly chats: Chats;
  readonly now: () => number;
}

/** What proves an invite, as the request has it. */
export type GivenProof = Pick<InviteProof, "conversation" | "signature">;

export type RoomService = ReturnType<typeof createRooms>;

export function createRooms({ core, bus, chats, now }: RoomsDeps) {
  const { db, presence, config } = core;
  const limits = createRoomLimits(config.rateLimitScale, now);
  const leases = new RotationLeases(rotationLeaseMs, now);
  bus.subscribe((message) => {
    if (message.kind === "entry" && message.entry.kind === "record") leases.free(message.conversation);
  });

  /** Throws `not-found` unless the account is in a room of that name or id. */
  const ownRoom = async (account: AccountId, nameOrId: string): Promise<ConversationId> => {
    const conversation = await store.ownRoom(db, account, nameOrId);
    if (conversation === null) throw new ProtocolError("not-found");
    return conversation;
  };

  const proven = async (account: AccountId, invite: InviteId, given: GivenProof): Promise<InviteProof> => {
    const proof = { ...given, account, invite, nowMs: now() };
    await assertInvite(db, proof);
    return proof;
  };

  return {
    /** Throws `room-exists`, or `rate-limited`: also while too many of the account's rooms wait. */
    async make(account: AccountId, handle: string, description: string | null): Promise<RoomSummary> {
      limits.seedRoom.take(account);
      const atMs = now();
      const text = description === "" ? null : description;
      await makeWaitingRoom(db, account, { handle, description: text }, atMs);
      announceOwnRooms(core, account);
      return waitingSummary({ handle, description: text, owner: account, created_at_ms: atMs }, account, false);
    },

    /** Throws `room-unknown`, `room-joined`, `banned` or `rate-limited`. */
    async joinByName(account: AccountId, handle: string): Promise<RoomSummary> {
      limits.seedRoom.take(account);
      const conversation = await wishToJoin(db, account, handle, now());
      announceOwnRooms(core, account);
      if (conversation !== null) {
        const summary = await summaryOf(db, account, conversation);
        if (summary) return summary;
        throw new ProtocolError("room-unknown");
      }
      const waiting = await waitingRoomOf(db, handle);
      if (!waiting) throw new ProtocolError("room-unknown");
      return waitingSummary(waiting, account, true);
    },

    /** Throws `rate-limited`. */
    async find(account: AccountId, search: string | undefined): Promise<RoomSummary[]> {
      if (search !== undefined) limits.search.take(account);
      const wanted = search === undefined ? null : { key: handleKey(search.trim()), pattern: searchPattern(search) };
      return findRooms(db, account, wanted);
    },

    async members(account: AccountId, conversation: ConversationId): Promise<EndpointAnswer<typeof endpoints.roomMembers>> {
      await chats.current(account, conversation);
      const statusOf = (member: AccountId) => presence.statusOf(member);
      const [members, banned] = await Promise.all([
        roomMembers(db, account, conversation, statusOf),
        bannedFrom(db, conversation),
      ]);
      return { members, banned };
    },

    async memberKeys(account: AccountId, conversation: ConversationId, sinceMs = 0) {
      await chats.current(account, conversation);
      const asOfMs = Date.now() - marginMs;
      return { members: await memberKeys(db, conversation, sinceMs), as_of_ms: Math.max(0, asOfMs) };
    },

    people: (account: AccountId, accounts: readonly AccountId[]) => knownPeople(db, account, accounts),

    async profile(account: AccountId, conversation: ConversationId): Promise<RoomProfileBox | null> {
      const { until } = await chats.member(account, conversation);
      return store.profileOf(db, conversation, until?.index ?? null);
    },

    async liveEpochs(account: AccountId, conversation: ConversationId): Promise<number[]> {
      return chats.liveEpochs(await chats.member(account, conversation));
    },

    /** Throws `not-found`, or `not-allowed` while the membership lasts. */
    async forget(account: AccountId, conversation: ConversationId): Promise<void> {
      const membership = await chats.member(account, conversation);
      if (membership.until === null) throw new ProtocolError("not-allowed");
      await store.forget(db, membership);
      announceOwnRooms(core, account, conversation);
      core.events.requestsChanged(conversation);
    },

    /** Throws as {@link requests.checkedJoinRequest}, or `rate-limited`. */
    async requestJoin(principal: Principal, conversation: ConversationId, json: SignedJson): Promise<void> {
      limits.ask.take(principal.account);
      const request = await requests.checkedJoinRequest(db, principal, conversation, json);
      await requests.putJoinRequest(db, principal.account, conversation, request, now());
      await announceJoins(core, conversation, principal.account);
    },

    /** Throws `not-found`. */
    async withdrawJoin(account: AccountId, conversation: ConversationId): Promise<void> {
      if (!(await requests.endJoinRequest(db, conversation, account))) throw new ProtocolError("not-found");
      await announceJoins(core, conversation, account);
    },

    /** Nobody to those who may not let anybody in. Throws `not-found`. */
    async joinRequests(account: AccountId, conversation: ConversationId) {
      const { role } = await chats.current(account, conversation);
      const policy = await joinPolicyOf(conversation);
      if (policy !== "open" && role === "member") return [];
      const found = await requests.joinRequestsOf(db, conversation);
      return found.map(({ person, request, at_ms }) => ({ person, request: signedToJson(request), at_ms }));
    },

    /** Throws `not-found` or `not-allowed`. */
    async declineJoin(account: AccountId, conversation: ConversationId, asker: AccountId): Promise<void> {
      const { role } = await chats.current(account, conversation);
      if (role === "member") throw new ProtocolError("not-allowed");
      if (!(await requests.endJoinRequest(db, conversation, asker))) throw new ProtocolError("not-found");
      await announceJoins(core, conversation, asker);
    },

    /** Throws `not-found`, `malformed-structure`, `bad-signature`, `device-unknown` or `rate-limited`. */
    async requestSeals(principal: Principal, conversation: ConversationId, json: SignedJson): Promise<void> {
      await chats.member(principal.account, conversation);
      limits.ask.take(principal.account);
      const request = await requests.checkedSealRequest(db, principal, conversation, json);
      await requests.putSealRequest(db, principal.account, conversation, request, now());
      core.events.requestsChanged(conversation);
    },

    /** Throws `not-found`, `seal-missing` or `rate-limited`. */
    async putLetter(account: AccountId, conversation: ConversationId, letter: NewLetter): Promise<void> {
      await chats.current(account, conversation);
      limits.letter.take(account);
      await putLetter(db, account, conversation, letter);
      announceLetter(core, conversation, letter.recipient);
    },

    /** Throws `not-found`. */
    async leaseRotation({ account, device, session }: Principal, conversation: ConversationId): Promise<Lease> {
      await chats.current(account, conversation);
      return leases.take(conversation, device ?? session);
    },

    /** Throws `not-found`, `bad-signature`, `banned`, `invite-ended` or `rate-limited`. */
    async openInvite(account: AccountId, invite: InviteId, given: GivenProof) {
      limits.invite.take(account);
      const proof = await proven(account, invite, given);
      const { conversation } = proof;
      const [room, seals, letters, profile] = await Promise.all([
        invitedRoom(db, proof),
        readSeals(db, conversation, invite),
        readLetters(db, conversation, invite),
        store.profileOf(db, conversation, null),
      ]);
      return { conversation, ...room, seals, letters, profile };
    },

    /** Throws as `openInvite`. */
    async inviteRecords(account: AccountId, invite: InviteId, given: GivenProof, from: number) {
      (from === 0 ? limits.invite : limits.invitePage).take(account);
      const { conversation } = await proven(account, invite, given);
      return readRecords(db, conversation, from, null);
    },

    ownRoom,

    /** A room as one of its members sees it, in the seed's terms. Throws `not-found`. */
    async seedView(account: AccountId, nameOrId: string): Promise<SeedView> {
      const conversation = await ownRoom(account, nameOrId);
      const people = await store.seedPeople(db, account, conversation);
      return { conversation, self: account, people: new Map(people.map((person) => [person.id, person])) };
    },
  };

  async function joinPolicyOf(conversation: ConversationId) {
    const row = await db.selectFrom("conversations").select("join_policy").where("id", "=", conversation).executeTakeFirst();
    return row?.join_policy ?? null;
  }
}

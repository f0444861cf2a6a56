// Conversations: what their members may do with them, and who hears of it.
import {
  type AccountId,
  type BlobId,
  type Conversation,
  type ConversationId,
  type Entry,
  type MessageEntry,
  type MessageId,
  ProtocolError,
  type RecordEntry,
} from "@cychat/protocol";
import { RateLimit, scaled } from "../auth/service.ts";
import type { Core } from "../core.ts";
import type { Principal } from "../http/principal.ts";
import type { Bus } from "../realtime/events.ts";
import { addRecord } from "./add-record.ts";
import { admittersOf } from "./admitters.ts";
import { type Directory, readersOf } from "./directory.ts";
import { type Page, readEntries, readMessages, readRecords } from "./entries.ts";
import { mayReadBlob } from "./entry-blobs.ts";
import { type Erased, eraseBefore, eraseMessages, eraseRoom, halfDeletedRooms } from "./erase.ts";
import { type NewKeyring, putKeyring, readKeyring, readLetters, readSeals } from "./keyrings.ts";
import { type ListFilter, listConversations, readConversation } from "./list.ts";
import { readLiveEpochs } from "./live-epochs.ts";
import { directConversationId } from "./member-states.ts";
import { type CurrentMembership, type Membership, requireCurrent, requireMembership, requireWriter } from "./membership.ts";
import type { Submission } from "./read-submission.ts";
import type { AddedRecord } from "./record-context.ts";
import { KeptRooms } from "./room-state.ts";

export { admittersOf } from "./admitters.ts";
export { createDirectory, type Directory, isSmall, type Members, readersOf } from "./directory.ts";
export { readRecords } from "./entries.ts";
export { handleKey, searchKey, searchPattern } from "./handles.ts";
export { readLetters, readSeals } from "./keyrings.ts";
export { checkLogPlace, findDeviceKey } from "./member-keys.ts";
export { createMemberStates, directConversationId, type MemberStates, touch } from "./member-states.ts";
export type { CurrentMembership, Membership } from "./membership.ts";
export { sealRow } from "./read-submission.ts";
export { checkInviteProof, checkJoinRequest, checkRecordKnown, isBanned } from "./room-newcomers.ts";
export { inChunks } from "./statements.ts";

/** How much earlier than now a list says it was made: what was committing meanwhile shows up in the next one. */
const listMarginMs = 2_000;

export interface Chats {
  /** Also of former members of rooms. Throws `not-found`. */
  member(account: AccountId, conversation: ConversationId): Promise<Membership>;
  /** Throws `not-found`, for former members too. */
  current(account: AccountId, conversation: ConversationId): Promise<CurrentMembership>;
  /** Throws `not-found`, or `not-allowed` where the role may not write. */
  writer(account: AccountId, conversation: ConversationId): Promise<CurrentMembership>;
  /** Whether the account may read the entry that refers to the file. */
  mayReadBlob(account: AccountId, blob: BlobId): Promise<boolean>;
  list(account: AccountId, filter: ListFilter): Promise<{ conversations: Conversation[]; asOfMs: number }>;
  read(membership: Membership): Promise<Conversation>;
  entries(membership: Membership, page: Page): Promise<{ entries: Entry[]; lastSeq: number }>;
  messages(membership: Membership, page: Page): Promise<MessageEntry[]>;
  records(membership: Membership, from: number): Promise<RecordEntry[]>;
  addRecord(principal: Principal, conversation: ConversationId, submission: Submission): Promise<AddedRecord>;
  seals(membership: Membership): ReturnType<typeof readSeals>;
  letters(membership: Membership): ReturnType<typeof readLetters>;
  liveEpochs(membership: Membership): Promise<number[]>;
  keyring(membership: Membership): ReturnType<typeof readKeyring>;
  putKeyring(membership: Membership, keyring: NewKeyring): Promise<void>;
  erase(membership: Membership, ids: readonly MessageId[] | null): Promise<number>;
  /** Erases every message that is older, everywhere: for the retention job. */
  eraseBefore(beforeMs: number): Promise<number>;
  /** Ends what deleting a room began, where the server was cut off; to be called at start. */
  finishDeletions(): Promise<void>;
  /** The direct chat with whoever has this e-mail address (in its normal form); throws `not-found`. */
  directWith(account: AccountId, email: string): Promise<Membership>;
}

export interface ChatsDeps {
  readonly core: Core;
  readonly bus: Bus;
  readonly directory: Directory;
  readonly now: () => number;
}

/** A signature to verify and a sync of the disk each; a client that comes back to many chats rotates some of them. */
const recordRate = { burst: 200, perMinute: 120 };

export function createChats({ core, bus, directory, now }: ChatsDeps): Chats {
  const { db, engine, events, config } = core;
  const recording = new RateLimit(scaled(recordRate, config.rateLimitScale), now);

  const kept = new KeptRooms();

  async function afterErasing(conversation: ConversationId, { seqs, blobs }: Erased, author: AccountId | null): Promise<void> {
    audience(conversation, author, (to) => events.announce({ to, frame: { type: "erased", conversation, seqs: [...seqs] } }));
    await core.blobs.remove(blobs);
  }

  /** Nobody is told: they have the record that deletes the room. */
  async function clearRoom(conversation: ConversationId): Promise<void> {
    await eraseRoom(db, conversation, ({ blobs }) => core.blobs.remove(blobs));
  }

  function audience(conversation: ConversationId, author: AccountId | null, then: (to: readonly AccountId[]) => void): void {
    directory.withMembers(conversation, (members) => {
      if (members) then(readersOf(members, author));
    });
  }

  function tellDirect(conversation: ConversationId, author: AccountId, { entry, isNew }: AddedRecord): void {
    audience(conversation, author, (to) => {
      bus.publish({ kind: "entry", to, conversation, entry, from: null });
      if (isNew) events.announce({ to, frame: { type: "changed", what: "conversations", conversation } });
    });
  }

  /** Whom the record ends the membership of hears that much, and nothing after it. A first record is too large to be told. */
  async function tellRoom(conversation: ConversationId, author: AccountId, added: AddedRecord): Promise<void> {
    const { entry, isNew, newcomers, gone, askers } = added;
    events.membersChanged(conversation);
    const hint = [...newcomers, ...gone];
    if (hint.length > 0) events.announce({ to: hint, frame: { type: "changed", what: "conversations", conversation } });
    if (!isNew) {
      directory.withMembers(conversation, (members) => {
        const to = [...(members ? readersOf(members, author) : []), ...gone];
        bus.publish({ kind: "entry", to, conversation, entry, from: null });
      });
    }
    if (askers.length > 0) {
      const to = new Set([...askers, ...(await admittersOf(db, conversation))]);
      events.announce({ to, frame: { type: "changed", what: "joins", conversation } });
    }
    events.requestsChanged(conversation);
  }

  return {
    member: (account, conversation) => requireMembership(db, account, conversation),
    current: (account, conversation) => requireCurrent(db, account, conversation),
    writer: (account, conversation) => requireWriter(db, account, conversation),
    mayReadBlob: (account, blob) => mayReadBlob(db, account, blob),

    async list(account, filter) {
      const asOfMs = Date.now() - listMarginMs;
      return { conversations: await listConversations(db, account, filter), asOfMs };
    },

    async read(membership) {
      const conversation = await readConversation(db, membership);
      if (!conversation) throw new ProtocolError("not-found");
      return conversation;
    },

    async entries(membership, page) {
      const [entries, { last_seq: lastSeq }] = await Promise.all([
        readEntries(db, membership, page),
        db.selectFrom("conversations").select("last_seq").where("id", "=", membership.conversation).executeTakeFirstOrThrow(),
      ]);
      return { entries, lastSeq: membership.until?.seq ?? lastSeq };
    },

    messages: (membership, page) => readMessages(db, membership, page),
    records: ({ conversation, until }, from) => readRecords(db, conversation, from, until?.index ?? null),

    async addRecord(principal, conversation, submission) {
      recording.take(principal.account);
      const added = await addRecord({ db, kept, principal, nowMs: now() }, conversation, submission);
      if (added.isDeleted) {
        await clearRoom(conversation);
        await engine.scrub();
      }
      if (added.kind === "direct") tellDirect(conversation, principal.account, added);
      else await tellRoom(conversation, principal.account, added);
      return added;
    },

    seals: ({ conversation, account }) => readSeals(db, conversation, account),
    letters: ({ conversation, account }) => readLetters(db, conversation, account),
    liveEpochs: (membership) => readLiveEpochs(db, membership),
    keyring: (membership) => readKeyring(db, membership),

    async putKeyring(membership, keyring) {
      await putKeyring(db, membership, keyring);
      const { account, conversation } = membership;
      events.announce({ to: [account], frame: { type: "changed", what: "keyring", conversation } });
    },

    async erase(membership, ids) {
      const { conversation, account } = membership;
      const erased = await eraseMessages(db, membership, ids, (some) => afterErasing(conversation, some, account));
      if (erased > 0) await engine.scrub();
      return erased;
    },

    async eraseBefore(beforeMs) {
      const erased = await eraseBefore(db, beforeMs, (conversation, some) => afterErasing(conversation, some, null));
      if (erased > 0) await engine.scrub();
      return erased;
    },

    async finishDeletions() {
      const rooms = await halfDeletedRooms(db);
      for (const conversation of rooms) await clearRoom(conversation);
      if (rooms.length > 0) await engine.scrub();
    },

    async directWith(account, email) {
      const row = await db.selectFrom("accounts").select("id").where("email", "=", email).executeTakeFirst();
      if (!row || row.id === account) throw new ProtocolError("not-found");
      return requireMembership(db, account, directConversationId(account, row.id));
    },
  };
}

// Conversations: what their members may do with them, and who hears of it.
import {
  type AccountId,
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
import { type AddedRecord, addRecord } from "./add-record.ts";
import type { Submission } from "./check-record.ts";
import type { Directory } from "./directory.ts";
import { type Page, readEntries, readMessages, readRecords } from "./entries.ts";
import { eraseBefore, eraseOwn } from "./erase.ts";
import { type NewKeyring, putKeyring, readKeyring, readSeals } from "./keyrings.ts";
import { type ListFilter, listConversations, readConversation } from "./list.ts";
import { directConversationId } from "./member-states.ts";
import { type Membership, requireMembership } from "./membership.ts";

export { createDirectory, type Directory, type Members } from "./directory.ts";
export { createMemberStates, directConversationId, type MemberStates } from "./member-states.ts";

/** How much earlier than now a list says it was made: what was committing meanwhile shows up in the next one. */
const listMarginMs = 2_000;

export interface Chats {
  member(account: AccountId, conversation: ConversationId): Promise<Membership>;
  list(account: AccountId, filter: ListFilter): Promise<{ conversations: Conversation[]; asOfMs: number }>;
  read(membership: Membership): Promise<Conversation>;
  entries(membership: Membership, page: Page): Promise<{ entries: Entry[]; lastSeq: number }>;
  messages(membership: Membership, page: Page): Promise<MessageEntry[]>;
  records(membership: Membership, from: number): Promise<RecordEntry[]>;
  addRecord(principal: Principal, conversation: ConversationId, submission: Submission): Promise<AddedRecord>;
  seals(membership: Membership): ReturnType<typeof readSeals>;
  keyring(membership: Membership): ReturnType<typeof readKeyring>;
  putKeyring(membership: Membership, keyring: NewKeyring): Promise<void>;
  erase(membership: Membership, ids: readonly MessageId[] | null): Promise<number>;
  /** Erases every message that is older, everywhere: for the retention job. */
  eraseBefore(beforeMs: number): Promise<number>;
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

  function tellErased(conversation: ConversationId, seqs: number[], author: AccountId | null): void {
    audience(conversation, author, (to) => events.announce({ to, frame: { type: "erased", conversation, seqs } }));
  }

  /** Everybody but those who blocked `author`. */
  function audience(conversation: ConversationId, author: AccountId | null, then: (to: AccountId[]) => void): void {
    directory.withMembers(conversation, (members) => {
      if (members)
        then([...members].filter(([account, state]) => account === author || state !== "blocked").map(([account]) => account));
    });
  }

  return {
    member: (account, conversation) => requireMembership(db, account, conversation),

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
      return { entries, lastSeq };
    },

    messages: (membership, page) => readMessages(db, membership, page),
    records: (membership, from) => readRecords(db, membership, from),

    async addRecord(principal, conversation, submission) {
      recording.take(principal.account);
      const added = await addRecord(db, principal, conversation, submission);
      audience(conversation, principal.account, (to) => {
        bus.publish({ kind: "entry", to, conversation, entry: added.entry, from: null });
        if (added.isNew) events.announce({ to, frame: { type: "changed", what: "conversations", conversation } });
      });
      return added;
    },

    seals: (membership) => readSeals(db, membership),
    keyring: (membership) => readKeyring(db, membership),

    async putKeyring(membership, keyring) {
      await putKeyring(db, membership, keyring);
      const { account, conversation } = membership;
      events.announce({ to: [account], frame: { type: "changed", what: "keyring", conversation } });
    },

    async erase(membership, ids) {
      const { conversation, account } = membership;
      const erased = await eraseOwn(db, membership, ids, (seqs) => tellErased(conversation, seqs, account));
      if (erased > 0) await engine.scrub();
      return erased;
    },

    async eraseBefore(beforeMs) {
      const erased = await eraseBefore(db, beforeMs, (conversation, seqs) => tellErased(conversation, seqs, null));
      if (erased > 0) await engine.scrub();
      return erased;
    },

    async directWith(account, email) {
      const row = await db.selectFrom("accounts").select("id").where("email", "=", email).executeTakeFirst();
      if (!row || row.id === account) throw new ProtocolError("not-found");
      return requireMembership(db, account, directConversationId(account, row.id));
    },
  };
}

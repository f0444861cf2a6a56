// What a client keeps, table by table. A record that can be rebuilt from the server is a cache; the rest is named so.
import type { AccountState, ChainPoint, FileReference, MessageTarget } from "@cychat/crypto";
import type { AccountId, BlobId, ConversationId, DeviceId, MessageId, Role } from "@cychat/protocol";
import type { ContactView, ConversationView, PersonView, Problem, Profile, RoomStanding, RoomView } from "../client-api.ts";
import type { KeptPeople } from "../rooms/kept-people.ts";
import type { TokenPair } from "../transport/tokens.ts";
import { Table } from "./store.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Who is signed in here. Not a cache. */
export interface SessionRecord {
  readonly account: AccountId;
  readonly profile: Profile;
  /** null until the account was unlocked here. The private halves are in the store's keys: `device`, `vault`. */
  readonly device: { readonly id: DeviceId; readonly publicKey: Bytes } | null;
  readonly hasRecoveryKey: boolean;
  readonly shouldSetPassword: boolean;
  /** The newest wraps statement seen: an older one is a rollback. */
  readonly wrapsVersion: number;
}

/** Why a client is signed out: shown after a restart, too. */
export interface SignedOutRecord {
  readonly reason: "log-out" | "revoked" | "expired";
}

export interface VaultRecord {
  readonly version: number;
  /** As the server has it: the vault key is needed to open it. */
  readonly ciphertext: Bytes;
}

/** The verified keys of somebody, own account included. Also a pin, until the vault holds one. */
export interface AccountRecord {
  readonly state: AccountState;
  readonly firstSeenMs: number;
  readonly verified: boolean;
}

export interface EpochMark {
  readonly seq: number;
  /** Server's clock at the commit of the record that opened the epoch. */
  readonly openedAtMs: number;
  /** This machine's clock when it first saw that record. */
  readonly seenAtLocalMs: number;
}

/** The verified records of a conversation. Also a pin. */
export interface ChainRecord {
  /** As `encodeChainState` makes it. */
  readonly bytes: Bytes;
  readonly marks: ReadonlyMap<number, EpochMark>;
}

export interface KeyringRecord {
  readonly version: number;
  readonly previousHash: Bytes;
  readonly ciphertext: Bytes;
}

/** Where this device's own chain in a conversation stands. Not a cache. */
export interface CounterRecord {
  readonly device: DeviceId;
  readonly point: ChainPoint;
}

/** Whom a text names. */
export type Mention = AccountId | "all";

/** One thing that a record of a room did, by whoever wrote the record. */
export type RoomEvent =
  | { readonly kind: "created" | "left" | "deleted" | "settings" | "renamed" | "invite" | "invite-ended" | "pinned" | "unpinned" }
  | { readonly kind: "joined"; readonly by: "link" | "request" | "added"; readonly who: AccountId }
  | { readonly kind: "removed" | "banned" | "unbanned"; readonly who: AccountId }
  | { readonly kind: "role"; readonly role: Role; readonly succeeded: boolean; readonly who: AccountId }
  | { readonly kind: "history"; readonly history: "shared" | "joined" };

export interface StoredMessage {
  readonly seq: number;
  readonly atMs: number;
  /** Of a `system` entry: made of the record's index. */
  readonly id: MessageId;
  readonly sender: AccountId;
  readonly device: DeviceId;
  /** `control`: says something about other messages (a deletion, an edit), or is of a time before one came, and is not shown
   * itself. `system`: a record of a room. */
  readonly kind: "text" | "files" | "deleted" | "unreadable" | "unknown" | "control" | "system";
  readonly text: string;
  /** Of the kind `files`, `text` being the caption. */
  readonly files?: readonly FileReference[];
  readonly mentions?: readonly Mention[];
  /** The number of the edit whose text this is. */
  readonly editSeq?: number;
  /** The moderator who deleted it. */
  readonly deletedBy?: AccountId;
  /** Of a `system` entry. */
  readonly events?: readonly RoomEvent[];
  /** As signed; null when it could not be read. */
  readonly sentAtMs: number | null;
  readonly envelopeHash: Bytes | null;
  readonly problem: Problem | null;
  /** Of an unreadable message: to try again when keys come. */
  readonly envelope: string | null;
}

/** First and last known message of one device in a conversation, within the range that is stored. */
export interface DeviceChain {
  readonly account: AccountId;
  readonly first: { readonly counter: number; readonly prev: Bytes; readonly seq: number } | null;
  readonly last: { readonly counter: number; readonly hash: Bytes; readonly seq: number } | null;
  /** Entries of this device whose ciphertext was erased, before `first` and after `last`. */
  readonly erasedBefore: readonly MessageId[];
  readonly erasedAfter: readonly MessageId[];
}

/** A hole in a device's chain that nothing has explained yet. */
export interface OpenGap {
  readonly device: DeviceId;
  readonly account: AccountId;
  /** The message behind the hole. */
  readonly seq: number;
  readonly fromCounter: number;
  readonly missing: number;
  /** Erased entries that stand in the hole. */
  readonly erased: readonly MessageId[];
  /** The user was told. */
  readonly reported: boolean;
}

/** An entry that the server says was erased by its sender, without a signed deletion known yet. */
export interface Unexplained {
  /** Whether the server still has older messages; before that it may be its retention. */
  readonly certain: boolean;
  readonly seq: number;
  readonly id: MessageId;
  readonly sender: AccountId;
}

/** What a screen shows of a room, taken from the verified records and the opened profile whenever these change. */
export interface RoomRecord
  extends Pick<
    RoomView,
    "topic" | "picture" | "handle" | "description" | "join" | "history" | "settings" | "memberCount" | "myRole" | "pinned"
  > {
  readonly name: string;
  /** How the membership ended, as the records tell it. */
  readonly ended: Extract<RoomStanding, "removed" | "banned" | "left" | "deleted"> | null;
  readonly isWithoutKeys: boolean;
  readonly joinRequests: number;
  /** The number from which on this account may read, as the server lists it. */
  readonly firstSeq: number;
  /** A record that was shown before one came in: it must be in the chain. Null once that is checked. */
  readonly anchor: Bytes | null;
  /** The newest message that names one. */
  readonly mentionSeq: number;
  /** The record (its index) that all of this is as of; null while something of it is missing. */
  readonly settledAt: number | null;
}

export interface ConversationRecord {
  readonly id: ConversationId;
  /** null for rooms. */
  readonly peer: PersonView | null;
  /** null for direct chats. */
  readonly room: RoomRecord | null;
  readonly state: ConversationView["state"];
  /** Whether it exists on the server. */
  readonly created: boolean;
  /** The newest number known to exist. */
  readonly lastSeq: number;
  /** Entries `fromSeq` … `toSeq` are stored without a hole; empty while `fromSeq` is `toSeq` + 1. */
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly readSeq: number;
  /** What the server is known to have of our own receipts. */
  readonly serverReadSeq: number;
  readonly serverDeliveredSeq: number;
  readonly peerReadSeq: number;
  readonly peerDeliveredSeq: number;
  readonly unread: number;
  readonly lastMessage: StoredMessage | null;
  readonly changedAtMs: number;
  /** The server's clock of its last change, in the newest listing that was taken. */
  readonly listedAtMs: number;
  /** What the server was caught with here; it stays. */
  readonly problem: Problem | null;
  /** Why reading on is not possible now; gone as soon as it is. */
  readonly failure: Problem | null;
  readonly chains: ReadonlyMap<DeviceId, DeviceChain>;
  readonly gaps: readonly OpenGap[];
  readonly unexplained: readonly Unexplained[];
  /** Numbers of messages to try again when keys come. */
  readonly unreadable: readonly number[];
}

/** A file that is encrypted, and kept here until its message is accepted. */
export interface OutboxFile extends Omit<FileReference, "blob"> {
  /** null: no upload was begun. */
  readonly blob: BlobId | null;
  /** All of it is on the server. */
  readonly isUploaded: boolean;
}

export type OutboxContent =
  | { readonly kind: "text"; readonly text: string; readonly mentions?: readonly Mention[] }
  | {
      readonly kind: "files";
      readonly text: string;
      readonly mentions?: readonly Mention[];
      readonly files: readonly OutboxFile[];
    }
  | { readonly kind: "edit"; readonly target: MessageTarget; readonly text: string; readonly mentions?: readonly Mention[] }
  | { readonly kind: "delete"; readonly targets: readonly MessageTarget[] };

export interface SealedEnvelope {
  /** base64url, exactly as sent. */
  readonly envelope: string;
  readonly hash: Bytes;
  readonly epoch: number;
  readonly sentAtMs: number;
  /** This device's chain before this message: what to go back to if it is never accepted. */
  readonly before: ChainPoint | null;
  readonly counter: number;
}

/** What waits to be accepted by the server. Not a cache. */
export interface OutboxRecord {
  readonly order: number;
  readonly id: MessageId;
  readonly conversation: ConversationId;
  readonly content: OutboxContent;
  readonly writtenAtLocalMs: number;
  /** Why it was refused for good; the user retries or discards it. */
  readonly failed: Problem | null;
  /** The user took it back while the server's answer was out: if it was accepted, it is deleted right away. */
  readonly discarded: boolean;
  /** Its files wait until the user lets them go on. */
  readonly isPaused?: boolean;
  readonly sealed: SealedEnvelope | null;
}

/** Ciphertext to erase on the server, its signed deletion being accepted. Not a cache. */
export interface ErasureRecord {
  readonly conversation: ConversationId;
  readonly ids: readonly MessageId[];
}

/** Why a message is not there to be read. */
export interface DeletionRecord {
  readonly by: AccountId;
  /** By an admin or owner of the room: it counts whoever wrote the message. */
  readonly isModerated?: boolean;
  /** The number of the message that says so. */
  readonly seq?: number;
  /** What a verified deletion names; null where something else explains it: the server's retention, or that it is there,
   * and shown as unreadable. */
  readonly envelopeHash: Bytes | null;
}

/** The newest text of a message that its account changed. */
export interface EditRecord {
  readonly by: AccountId;
  readonly envelopeHash: Bytes;
  readonly text: string;
  readonly mentions: readonly Mention[];
  readonly seq: number;
}

/** A room's profile as it was opened, to be sealed again for the next epoch. */
export interface ProfileRecord {
  readonly bytes: Bytes;
}

export interface PictureRecord {
  readonly version: number;
  readonly bytes: Bytes;
  readonly type: string;
}

export interface SyncRecord {
  /** The server's `as_of_ms` of the last listing; null before the first one. */
  readonly asOfMs: number | null;
  /** Server clock minus local clock, as last seen. */
  readonly clockOffsetMs: number;
}

export const tables = {
  session: new Table<SessionRecord>("session"),
  signedOut: new Table<SignedOutRecord>("signed-out"),
  tokens: new Table<TokenPair>("tokens"),
  vault: new Table<VaultRecord>("vault"),
  accounts: new Table<AccountRecord>("accounts"),
  contacts: new Table<readonly ContactView[]>("contacts"),
  chains: new Table<ChainRecord>("chains"),
  keyrings: new Table<KeyringRecord>("keyrings"),
  counters: new Table<CounterRecord>("counters"),
  conversations: new Table<ConversationRecord>("conversations"),
  /** group: conversation, key: number of a block of {@link blockSize} entries. */
  history: new Table<readonly StoredMessage[]>("history"),
  /** group: conversation, key: message id, and the account that deletes. */
  deletions: new Table<DeletionRecord>("deletions"),
  /** group: conversation, key: message id, and the account that edits. */
  edits: new Table<EditRecord>("edits"),
  profiles: new Table<ProfileRecord>("profiles"),
  /** Names of people in rooms; see `keptUnder`. */
  people: new Table<KeptPeople>("people"),
  /** group: conversation, key: order. */
  outbox: new Table<OutboxRecord>("outbox"),
  /** Ciphertext of files that wait to be sent. group: message id and number of the file, key: number of the segment. Not a cache. */
  fileSegments: new Table<Blob>("file-segments"),
  /** Files that are being encrypted, by message: how many segments each has at most. What is left of a crash is deleted. */
  unfinishedFiles: new Table<readonly number[]>("unfinished-files"),
  /** group: conversation, key: id of the deletion. */
  erasures: new Table<ErasureRecord>("erasures"),
  drafts: new Table<string>("drafts"),
  pictures: new Table<PictureRecord>("pictures"),
  sync: new Table<SyncRecord>("sync"),
} as const;

export const blockSize = 64;

/** The key of the tables that have one record. */
export const only = "only";

// Epoch records: the signed, hash-chained log of a conversation. PROTOCOL.md section 4.
import { type CborValue, encodeCbor } from "../cbor.ts";
import { AccountId, ConversationId, DeviceId } from "../ids.ts";
import { labels } from "../labels.ts";
import { branded } from "./envelope.ts";
import { ArrayReader } from "./read.ts";

export const recordVersion = 1;

export type Role = "member" | "admin" | "owner";

export type RecordChange =
  /** index 0 only. A direct chat's members are its two accounts, both owners. */
  { readonly kind: "create"; readonly conversationKind: "direct" | "room" } | { readonly kind: "rotate" };

export interface Member {
  readonly account: AccountId;
  /** SHA-256 of the identity public key. */
  readonly identityHash: Uint8Array<ArrayBuffer>;
  readonly role: Role;
  /** The encryption-key generation the epoch key was sealed to. */
  readonly generation: number;
}

export interface EpochRecord {
  readonly conversation: ConversationId;
  /** 0, 1, 2 …: grows by one with every record. */
  readonly index: number;
  /** 1, 2, 3 …: grows by one with every new epoch key. */
  readonly epoch: number;
  /** SHA-256 of the previous record's payload; 32 zero bytes for index 0. */
  readonly prev: Uint8Array<ArrayBuffer>;
  readonly author: AccountId;
  readonly device: DeviceId;
  /** The newest entry of the author's account log: its n and SHA-256 of its payload. */
  readonly authorLog: readonly [n: number, hash: Uint8Array<ArrayBuffer>];
  readonly changes: readonly RecordChange[];
  /** SHA-256 of {@link encodeMemberList}. */
  readonly memberListHash: Uint8Array<ArrayBuffer>;
  readonly history: "shared" | "joined";
  /** 32 bytes that commit to the epoch key. */
  readonly commitment: Uint8Array<ArrayBuffer>;
}

export function encodeRecord(record: EpochRecord): Uint8Array<ArrayBuffer> {
  return encodeCbor([
    recordVersion,
    record.conversation,
    record.index,
    record.epoch,
    record.prev,
    record.author,
    record.device,
    [...record.authorLog],
    record.changes.map(encodeChange),
    record.memberListHash,
    record.history,
    record.commitment,
  ]);
}

export function decodeRecord(bytes: Uint8Array): EpochRecord {
  const reader = ArrayReader.ofBytes(bytes, "a record");
  reader.literal(recordVersion);
  const conversation = branded(ConversationId, reader.text());
  const index = reader.count();
  const epoch = reader.count();
  const prev = reader.bytes(32);
  const author = branded(AccountId, reader.text());
  const device = branded(DeviceId, reader.text());
  const log = reader.array("an account-log position");
  const authorLog = [log.count(), log.bytes(32)] as const;
  log.end();
  const changes = reader.list("a change", readChange);
  const memberListHash = reader.bytes(32);
  const history = reader.text();
  if (history !== "shared" && history !== "joined") return reader.fail("has an unknown history policy");
  const commitment = reader.bytes(32);
  reader.end();
  return { conversation, index, epoch, prev, author, device, authorLog, changes, memberListHash, history, commitment };
}

/** Sorted by account, so that one membership has one encoding. */
export function encodeMemberList(members: readonly Member[]): Uint8Array<ArrayBuffer> {
  const sorted = [...members].sort((a, b) => (a.account < b.account ? -1 : 1));
  return encodeCbor([labels.memberList, sorted.map((m) => [m.account, m.identityHash, m.role, m.generation])]);
}

export function decodeMemberList(bytes: Uint8Array): Member[] {
  const reader = ArrayReader.ofBytes(bytes, "a member list");
  reader.literal(labels.memberList);
  const members = reader.list("a member", (item): Member => {
    const account = branded(AccountId, item.text());
    const identityHash = item.bytes(32);
    const role = item.text();
    if (role !== "member" && role !== "admin" && role !== "owner") return item.fail("has an unknown role");
    return { account, identityHash, role, generation: item.count() };
  });
  reader.end();
  for (let i = 1; i < members.length; i++) {
    if ((members[i - 1] as Member).account >= (members[i] as Member).account)
      reader.fail("is not sorted, or names somebody twice");
  }
  return members;
}

/** What a direct conversation's id is the SHA-256 of: the same whoever of the two starts. */
export function directConversationPreimage(a: AccountId, b: AccountId): Uint8Array<ArrayBuffer> {
  return encodeCbor([labels.direct, a < b ? [a, b] : [b, a]]);
}

function encodeChange(change: RecordChange): CborValue {
  return change.kind === "create" ? ["create", change.conversationKind] : ["rotate"];
}

function readChange(item: ArrayReader): RecordChange {
  const kind = item.text();
  if (kind === "rotate") return { kind };
  if (kind !== "create") return item.fail("is of a kind that this software does not know");
  const conversationKind = item.text();
  if (conversationKind !== "direct" && conversationKind !== "room") return item.fail("makes an unknown kind of conversation");
  return { kind, conversationKind };
}

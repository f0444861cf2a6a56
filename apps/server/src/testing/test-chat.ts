// Records and envelopes of a direct chat, well formed unless a test says otherwise. Ciphertext is random: the server cannot tell.
import { randomBytes } from "node:crypto";
import {
  type BlobId,
  type ConversationId,
  type EpochRecord,
  encodeEnvelope,
  encodeHeader,
  encodeMemberList,
  encodeRecord,
  labels,
  type Member,
  type MessageId,
  newMessageId,
  type Seal,
  signedToJson,
  toBase64url,
} from "@cychat/protocol";
import { directConversationId } from "../chats/member-states.ts";
import type { TestAccount } from "./test-account.ts";
import { hashOf, signWith } from "./test-keys.ts";

/** Where envelopes go. */
export interface TestConversation {
  readonly id: ConversationId;
  readonly epoch: number;
}

export class TestChat implements TestConversation {
  readonly id: ConversationId;
  index = 0;
  epoch = 1;
  /** SHA-256 of the newest record's payload. */
  head: Uint8Array<ArrayBuffer> = new Uint8Array(32);

  constructor(
    readonly a: TestAccount,
    readonly b: TestAccount,
  ) {
    this.id = directConversationId(a.id, b.id);
  }
}

export interface RecordParts {
  readonly record?: Partial<EpochRecord>;
  readonly members?: readonly Member[];
  readonly seals?: readonly Seal[];
  /** Signs it instead of the author. */
  readonly signer?: TestAccount;
}

export function membersOf({ a, b }: TestChat): Member[] {
  return [a, b]
    .map(
      (account): Member => ({
        account: account.id,
        identityHash: hashOf(account.keys.identity.point),
        role: "owner",
        generation: account.keys.generation,
      }),
    )
    .sort((x, y) => (x.account < y.account ? -1 : 1));
}

export function sealTo(account: TestAccount): Seal {
  return {
    recipient: account.id,
    generation: account.keys.generation,
    encapsulated: toBase64url(randomBytes(1153)),
    ciphertext: toBase64url(randomBytes(48)),
  };
}

/** The body of a record's POST, and moves the chat on as if it were accepted. */
export function recordBody(chat: TestChat, author: TestAccount, fields: Partial<EpochRecord>, parts: RecordParts = {}) {
  const members = parts.members ?? membersOf(chat);
  const list = encodeMemberList(members);
  const last = author.keys.log.length - 1;
  const payload = encodeRecord({
    conversation: chat.id,
    index: 0,
    epoch: 1,
    prev: new Uint8Array(32),
    author: author.id,
    device: author.device,
    authorLog: [last, hashOf(author.keys.log[last]?.payload ?? new Uint8Array())],
    changes: [{ kind: "create" }],
    memberListHash: hashOf(list),
    history: "shared",
    commitment: new Uint8Array(randomBytes(32)),
    ...fields,
    ...parts.record,
  });
  const body = {
    record: signedToJson(signWith((parts.signer ?? author).keys.device, labels.record, payload)),
    members: toBase64url(list),
    seals: [...(parts.seals ?? [sealTo(chat.a), sealTo(chat.b)])],
  };
  return { body, hash: hashOf(payload) };
}

export function genesisOf(chat: TestChat, author: TestAccount, parts?: RecordParts) {
  const { body, hash } = recordBody(chat, author, {}, parts);
  chat.head = hash;
  return body;
}

/** The rotation that follows what the chat knows; {@link accepted} moves the chat on. */
export function rotationOf(chat: TestChat, author: TestAccount, parts?: RecordParts) {
  const { body, hash } = recordBody(
    chat,
    author,
    { index: chat.index + 1, epoch: chat.epoch + 1, prev: chat.head, changes: [{ kind: "rotate" }] },
    parts,
  );
  const accepted = () => Object.assign(chat, { index: chat.index + 1, epoch: chat.epoch + 1, head: hash });
  return { body, accepted };
}

export interface EnvelopeParts {
  readonly id?: MessageId;
  readonly epoch?: number;
  readonly bytes?: number;
  readonly conversation?: ConversationId;
  /** Another account's name on it. */
  readonly account?: TestAccount;
  readonly content?: Uint8Array;
  readonly blobs?: readonly BlobId[];
}

export interface TestEnvelope {
  readonly id: MessageId;
  readonly text: string;
}

export function envelopeOf(chat: TestConversation, sender: TestAccount, parts: EnvelopeParts = {}): TestEnvelope {
  const { id = newMessageId(), epoch = chat.epoch, bytes = 256, conversation = chat.id, account = sender } = parts;
  const { content, blobs = [] } = parts;
  const headerBytes = encodeHeader({
    conversation,
    epoch,
    messageId: id,
    account: account.id,
    device: account.device,
    blobs,
  });
  const ciphertext = new Uint8Array(content ?? randomBytes(bytes));
  return { id, text: toBase64url(encodeEnvelope({ headerBytes, iv: new Uint8Array(randomBytes(12)), ciphertext })) };
}

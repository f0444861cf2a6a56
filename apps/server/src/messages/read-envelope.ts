// The hot path's reading of an envelope. Almost every one has exactly the header that its request makes us expect; that is
// recognised byte by byte, at a tenth of the cost of decoding. Whatever differs goes to the protocol's decoder, which
// gives the verdict.
import {
  type BlobId,
  type ConversationId,
  decodeEnvelope,
  fromBase64url,
  limits,
  MessageId,
  ProtocolError,
} from "@cychat/protocol";
import * as v from "valibot";
import type { Principal } from "../http/principal.ts";

/** What the server needs to know of an envelope. */
export interface EnvelopeFacts {
  readonly messageId: MessageId;
  readonly epoch: number;
  /** Whether it names this sender, this device and this conversation. */
  readonly isExpected: boolean;
  /** The uploaded files that it refers to. */
  readonly blobs: readonly BlobId[];
}

const none: readonly BlobId[] = [];

/** Throws `not-encrypted` for what is no envelope, `too-large` above the limit. */
export function readEnvelope(bytes: Uint8Array<ArrayBuffer>, principal: Principal, conversation: ConversationId): EnvelopeFacts {
  return recognise(bytes, principal, conversation) ?? decode(bytes, principal, conversation);
}

/** For those who do not know the conversation yet: throws as {@link readEnvelope} does, `text` being base64url. */
export function assertEnvelope(text: string): void {
  try {
    decodeEnvelope(fromBase64url(text));
  } catch (error) {
    throw asRefusal(error);
  }
}

function asRefusal(error: unknown): ProtocolError {
  const isTooLarge = error instanceof ProtocolError && error.code === "too-large";
  return new ProtocolError(isTooLarge ? "too-large" : "not-encrypted");
}

function decode(bytes: Uint8Array<ArrayBuffer>, { account, device }: Principal, conversation: ConversationId): EnvelopeFacts {
  try {
    const { header } = decodeEnvelope(bytes);
    const isExpected = header.account === account && header.device === device && header.conversation === conversation;
    return { messageId: header.messageId, epoch: header.epoch, isExpected, blobs: header.blobs };
  } catch (error) {
    throw asRefusal(error);
  }
}

// CBOR [header bytes, IV (12), ciphertext (16 and more)], each length in its shortest form; the header itself is CBOR
// [1, conversation, epoch, message id, account, device, []]. See PROTOCOL.md section 5.
const arrayOf3 = 0x83;
const bytesWith1ByteLength = 0x58;
const bytesWith2ByteLength = 0x59;
const ivHead = 0x40 + 12;
const headerPrefix = "\x87\x01\x78\x2b";
const uuidHead = "\x78\x24";
const deviceHead = "\x78\x2b";
const noBlobs = "\x80";
const conversationEnd = headerPrefix.length + 43;

function recognise(
  bytes: Uint8Array<ArrayBuffer>,
  { account, device }: Principal,
  conversation: ConversationId,
): EnvelopeFacts | null {
  if (bytes.length > limits.envelopeBytes || bytes[0] !== arrayOf3 || bytes[1] !== bytesWith1ByteLength) return null;
  const headerLength = bytes[2] ?? 0;
  const headerEnd = 3 + headerLength;
  if (headerLength < 24 || bytes[headerEnd] !== ivHead || !endsWithCiphertext(bytes, headerEnd + 13)) return null;

  // Not `bytes.buffer`: asking for it makes one, which costs more than all the rest.
  const header = Buffer.prototype.toString.call(bytes, "latin1", 3, headerEnd);
  if (!header.startsWith(headerPrefix) || header.slice(headerPrefix.length, conversationEnd) !== conversation) return null;
  const [epoch, epochEnd] = readEpoch(header, conversationEnd);
  if (epoch === null) return null;
  const messageId = header.slice(epochEnd + uuidHead.length, epochEnd + uuidHead.length + 36);
  const isExpected = header.slice(epochEnd) === `${uuidHead}${messageId}${uuidHead}${account}${deviceHead}${device}${noBlobs}`;
  if (!isExpected || !v.is(MessageId, messageId)) return null;
  return { messageId: messageId as MessageId, epoch, isExpected, blobs: none };
}

/** A number below 256 in its shortest form, and where it ends; rarer ones are for the decoder. */
function readEpoch(header: string, at: number): [epoch: number | null, end: number] {
  const first = header.charCodeAt(at);
  if (first < 24) return [first, at + 1];
  const second = header.charCodeAt(at + 1);
  return [first === 0x18 && second >= 24 ? second : null, at + 2];
}

/** Whether a byte string of 24 to 65,535 bytes starts here and ends with the envelope. */
function endsWithCiphertext(bytes: Uint8Array, at: number): boolean {
  const head = bytes[at] ?? 0;
  if (head === bytesWith2ByteLength) {
    const length = ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    return length > 0xff && at + 3 + length === bytes.length;
  }
  if (head !== bytesWith1ByteLength) return false;
  const length = bytes[at + 1] ?? 0;
  return length >= 24 && at + 2 + length === bytes.length;
}

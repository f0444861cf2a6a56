// The envelope: one message, encrypted under a key of its own and signed inside.
//
//   message key = HKDF(epoch key, salt = message id, info = [label, conversation, sender device])
//   payload     = CBOR [header hash, record hash, sentAtMs, counter, prev, content], signed by the device
//   envelope    = CBOR [header, IV, AES-256-GCM(message key, AAD = header, Padmé(CBOR [payload, signature]))]
import {
  type AccountId,
  ArrayReader,
  type BlobId,
  type ConversationId,
  decodeEnvelope,
  type EnvelopeHeader,
  encodeCbor,
  encodeEnvelope,
  encodeHeader,
  equalBytes,
  labels,
  limits,
  type MessageId,
  type Role,
  type Signed,
} from "@cychat/protocol";
import type { AccountDevice, AccountState } from "./account-log.ts";
import { type Content, decodeContent, encodeContent } from "./content.ts";
import type { Device } from "./device.ts";
import { CryptoError, decoded } from "./errors.ts";
import { sign, verify } from "./identity.ts";
import { pad, unpad } from "./padding.ts";
import { aesOpen, aesSeal, assertKeyLength, type Bytes, hashBytes, hkdfAesKey, sha256 } from "./primitives.ts";
import { type ChainState, endOf, epochEnd, recordIndexOf, roleAt, type Seat, seatAt, seatsOf, valueAt } from "./record-chain.ts";
import { hasRight } from "./room-rules.ts";

const signatureBytes = 64;

export interface MessageToSeal {
  readonly conversation: ConversationId;
  readonly epoch: number;
  readonly epochKey: Uint8Array;
  readonly messageId: MessageId;
  readonly account: AccountId;
  readonly device: Device;
  /** SHA-256 of the newest record that the sender knows: one of `epoch`. */
  readonly recordHash: Bytes;
  readonly sentAtMs: number;
  /** 1, 2, 3 … per device and conversation. */
  readonly counter: number;
  /** Envelope hash of this device's message before; 32 zero bytes for the first. */
  readonly prev: Bytes;
  readonly content: Content;
}

export interface SealedMessage {
  /** Store them before sending; once accepted they are never remade. */
  readonly bytes: Bytes;
  /** SHA-256 of `bytes`: the next message's `prev`, and what an edit or deletion names. */
  readonly envelopeHash: Bytes;
}

/** Throws malformed-content, too-large, malformed-key. */
export async function sealMessage(message: MessageToSeal): Promise<SealedMessage> {
  const { conversation, epoch, messageId, account, device } = message;
  const blobs = blobsOf(message.content);
  const header: EnvelopeHeader = { conversation, epoch, messageId, account, device: device.id, blobs };
  const headerBytes = encodeHeader(header);
  const payload = encodeCbor([
    await sha256(headerBytes),
    message.recordHash,
    message.sentAtMs,
    message.counter,
    message.prev,
    encodeContent(message.content),
  ]);
  const { signature } = await sign(device.privateKey, labels.message, payload);
  const key = await messageKey(message.epochKey, header);
  const bytes = encodeEnvelope({ headerBytes, ...(await aesSeal(key, headerBytes, pad(encodeCbor([payload, signature])))) });
  if (bytes.length > limits.envelopeBytes) throw new CryptoError("too-large");
  return { bytes, envelopeHash: await sha256(bytes) };
}

export interface OpenContext {
  /** The verified records of the conversation that was asked for. */
  readonly chain: ChainState;
  /** The key of the envelope's epoch. */
  readonly epochKey: Uint8Array;
  /** The verified account log of the envelope's sender. */
  readonly author: AccountState;
  /** The message's seq, and that of the record that closed its epoch, where known: a later message is `late-epoch`. */
  readonly seq?: number;
  readonly epochClosedAtSeq?: number | null;
}

export interface OpenedMessage {
  readonly header: EnvelopeHeader;
  readonly envelopeHash: Bytes;
  readonly recordHash: Bytes;
  /** Of the record that the message names. */
  readonly recordIndex: number;
  /** The sender's at that record; `owner` in direct chats. */
  readonly role: Role;
  readonly sentAtMs: number;
  readonly counter: number;
  readonly prev: Bytes;
  readonly content: Content;
  /** Of the sending device by now. Show it when it is `revoked` and the epoch is still the open one. */
  readonly deviceState: AccountDevice["state"];
}

/**
 * Opens and verifies everything about one envelope alone; where it stands in its device's chain is `placeInChain`'s.
 * Throws malformed-structure, too-large, wrong-conversation, unknown-epoch, late-epoch, not-a-member, identity-changed,
 * unknown-device, wrong-key, malformed-padding, bad-signature, unknown-record, device-revoked (before the epoch opened),
 * not-allowed (to post), malformed-content.
 */
export async function openMessage(bytes: Uint8Array, context: OpenContext): Promise<OpenedMessage> {
  const envelope = decoded(() => decodeEnvelope(bytes));
  const { header, headerBytes } = envelope;
  const { chain, author } = context;
  if (header.conversation !== chain.conversation) throw new CryptoError("wrong-conversation");
  const epoch = chain.epochs.get(header.epoch);
  if (epoch === undefined) throw new CryptoError("unknown-epoch");
  const { seq, epochClosedAtSeq } = context;
  if (seq !== undefined && epochClosedAtSeq != null && seq > epochClosedAtSeq) throw new CryptoError("late-epoch");
  if (author.account !== header.account) throw new CryptoError("not-a-member");
  checkSeats(chain, header.epoch, author);
  const device = author.devices.get(header.device);
  if (device === undefined) throw new CryptoError("unknown-device");

  const plaintext = unpad(await aesOpen(await messageKey(context.epochKey, header), headerBytes, envelope));
  const signed = decoded(() => readSigned(plaintext));
  await verify(device.publicKey, labels.message, signed);
  const payload = decoded(() => readPayload(signed.payload));
  if (!equalBytes(payload.headerHash, await sha256(headerBytes)))
    throw new CryptoError("bad-signature", "The signature is of another header.");
  const { recordHash, sentAtMs, counter, prev } = payload;
  const recordIndex = recordIndexOf(chain, header.epoch, recordHash);
  if (recordIndex === undefined) throw new CryptoError("unknown-record");
  const seat = seatAt(chain, header.account, recordIndex);
  if (seat === undefined || isAfter(seq, seat)) throw new CryptoError("not-a-member");
  if (!equalBytes(seat.identityHash, author.identityHash)) throw new CryptoError("identity-changed");
  // The epoch's key was sealed to a generation that was published after the revocation: no such device had it honestly.
  const sealedAt = author.generationEntries.get(valueAt(seat.generations, epoch.openedIndex)) ?? 0;
  if (device.state === "revoked" && device.endedAt !== null && device.endedAt <= sealedAt)
    throw new CryptoError("device-revoked");
  const role = roleAt(seat, recordIndex);
  if (chain.posting.length > 0 && !hasRight(role, valueAt(chain.posting, recordIndex))) throw new CryptoError("not-allowed");
  const content = decodeContent(payload.content);
  // Else the server would keep, or delete, other blobs than the reader is told of.
  if (content.kind !== "unknown" && blobsOf(content).join() !== header.blobs.join()) throw new CryptoError("malformed-content");
  const envelopeHash = await sha256(bytes);
  const deviceState = device.state;
  return { header, envelopeHash, recordHash, recordIndex, role, sentAtMs, counter, prev, content, deviceState };
}

/** What the header names (PROTOCOL.md P10.2). */
function blobsOf(content: Content): BlobId[] {
  return content.kind === "files" ? content.files.map(({ blob }) => blob) : [];
}

/** Before anything is decrypted: somebody with this identity had a seat at some time of the epoch. */
function checkSeats(chain: ChainState, epoch: number, author: AccountState): void {
  const openedIndex = chain.epochs.get(epoch)?.openedIndex ?? 0;
  const seats = seatsOf(chain, author.account).filter((seat) => openedIndex < endOf(seat) && seat.since < epochEnd(chain, epoch));
  if (seats.length === 0) throw new CryptoError("not-a-member");
  if (!seats.some(({ identityHash }) => equalBytes(identityHash, author.identityHash))) throw new CryptoError("identity-changed");
}

/** Whether an entry's number lies after the record that ended the seat. */
function isAfter(seq: number | undefined, seat: Seat): boolean {
  return seq !== undefined && seat.untilSeq !== null && seq > seat.untilSeq;
}

/** Salted by the message id, so every message has a key of its own and no IV ever repeats under one. */
function messageKey(epochKey: Uint8Array, header: EnvelopeHeader): Promise<CryptoKey> {
  assertKeyLength(epochKey);
  const salt = new TextEncoder().encode(header.messageId);
  return hkdfAesKey(epochKey, [labels.messageKey, header.conversation, header.device], salt);
}

function readSigned(plaintext: Bytes): Signed {
  const reader = ArrayReader.ofBytes(plaintext, "a message");
  const signed = { payload: reader.bytes(), signature: reader.bytes(signatureBytes) };
  reader.end();
  return signed;
}

function readPayload(bytes: Bytes) {
  const reader = ArrayReader.ofBytes(bytes, "a message payload");
  const payload = {
    headerHash: reader.bytes(hashBytes),
    recordHash: reader.bytes(hashBytes),
    sentAtMs: reader.count(),
    counter: reader.count(),
    prev: reader.bytes(hashBytes),
    content: reader.value(),
  };
  reader.end();
  return payload;
}

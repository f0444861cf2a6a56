// The encrypted form of one message: header in clear (and authenticated), IV, ciphertext. PROTOCOL.md section 5.
import * as v from "valibot";
import { encodeCbor } from "../cbor.ts";
import { ProtocolError } from "../errors.ts";
import { AccountId, BlobId, ConversationId, DeviceId, MessageId } from "../ids.ts";
import { limits } from "../limits.ts";
import { ArrayReader } from "./read.ts";

export const envelopeVersion = 1;

export interface EnvelopeHeader {
  readonly conversation: ConversationId;
  readonly epoch: number;
  readonly messageId: MessageId;
  readonly account: AccountId;
  readonly device: DeviceId;
  /** Ids of the uploaded blobs this message refers to, so that the server can count references. Empty without files. */
  readonly blobs: readonly BlobId[];
}

export interface Envelope {
  readonly header: EnvelopeHeader;
  /** The header exactly as sent: the associated data of the encryption. */
  readonly headerBytes: Uint8Array<ArrayBuffer>;
  /** 12 bytes. */
  readonly iv: Uint8Array<ArrayBuffer>;
  /** Ciphertext and its 16-byte tag. */
  readonly ciphertext: Uint8Array<ArrayBuffer>;
}

export function encodeHeader(header: EnvelopeHeader): Uint8Array<ArrayBuffer> {
  return encodeCbor([
    envelopeVersion,
    header.conversation,
    header.epoch,
    header.messageId,
    header.account,
    header.device,
    header.blobs,
  ]);
}

export function decodeHeader(bytes: Uint8Array): EnvelopeHeader {
  const reader = ArrayReader.ofBytes(bytes, "an envelope header");
  reader.literal(envelopeVersion);
  const header = {
    conversation: branded(ConversationId, reader.text()),
    epoch: reader.count(),
    messageId: branded(MessageId, reader.text()),
    account: branded(AccountId, reader.text()),
    device: branded(DeviceId, reader.text()),
    blobs: readBlobs(reader.value()),
  };
  reader.end();
  return header;
}

export function encodeEnvelope(envelope: Pick<Envelope, "headerBytes" | "iv" | "ciphertext">): Uint8Array<ArrayBuffer> {
  return encodeCbor([envelope.headerBytes, envelope.iv, envelope.ciphertext]);
}

/** Throws `malformed-structure`, or `too-large` above `limits.envelopeBytes`. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length > limits.envelopeBytes) throw new ProtocolError("too-large");
  const reader = ArrayReader.ofBytes(bytes, "an envelope");
  const headerBytes = reader.bytes();
  const iv = reader.bytes(12);
  const ciphertext = reader.bytes();
  reader.end();
  if (ciphertext.length < 16) throw new ProtocolError("malformed-structure", "an envelope without a tag");
  return { header: decodeHeader(headerBytes), headerBytes, iv, ciphertext };
}

function readBlobs(value: unknown): BlobId[] {
  if (!Array.isArray(value) || value.length > limits.filesPerMessage)
    throw new ProtocolError("malformed-structure", "an envelope header wants a list of blob ids here");
  const blobs = value.map((id) => branded(BlobId, id));
  if (new Set(blobs).size !== blobs.length) throw new ProtocolError("malformed-structure", "a blob is named twice");
  return blobs;
}

/** Checks an id inside a decoded structure. Ids in structures are always in their canonical form already. */
export function branded<S extends v.GenericSchema<string>>(schema: S, text: string): v.InferOutput<S> {
  const result = v.safeParse(schema, text);
  if (!result.success || result.output !== text) throw new ProtocolError("malformed-structure", "an id is not well formed");
  return result.output;
}

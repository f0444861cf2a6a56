// What somebody asks a room's members for, signed by one of their devices. PROTOCOL.md section 9.
import { encodeCbor } from "../cbor.ts";
import { AccountId, ConversationId, DeviceId } from "../ids.ts";
import { branded } from "./envelope.ts";
import { ArrayReader } from "./read.ts";

export const requestVersion = 1;

interface Asked {
  readonly conversation: ConversationId;
  readonly account: AccountId;
  readonly device: DeviceId;
  /** The newest entry of the account log of who asks: its n and SHA-256 of its payload. */
  readonly accountLog: readonly [n: number, hash: Uint8Array<ArrayBuffer>];
  /** SHA-256 of the newest record that who asks was shown. */
  readonly recordHash: Uint8Array<ArrayBuffer>;
}

/** "Let me in." */
export interface JoinRequest extends Asked {
  /** SHA-256 of the identity public key. */
  readonly identityHash: Uint8Array<ArrayBuffer>;
  readonly generation: number;
}

/** "Write me these epoch keys again: the letters are missing or do not open." */
export interface SealRequest extends Asked {
  /** To be sealed to this encryption key. */
  readonly generation: number;
  readonly epochs: readonly number[];
}

/** One request asks for so many epochs at most. */
export const maxRequestedEpochs = 256;

export function encodeJoinRequest(request: JoinRequest): Uint8Array<ArrayBuffer> {
  const { conversation, account, device, accountLog, recordHash, identityHash, generation } = request;
  return encodeCbor([requestVersion, conversation, account, device, [...accountLog], recordHash, identityHash, generation]);
}

export function decodeJoinRequest(bytes: Uint8Array): JoinRequest {
  const reader = ArrayReader.ofBytes(bytes, "a join request");
  const request = { ...readAsked(reader), identityHash: reader.bytes(32), generation: reader.count() };
  reader.end();
  return request;
}

export function encodeSealRequest(request: SealRequest): Uint8Array<ArrayBuffer> {
  const { conversation, account, device, accountLog, recordHash, generation, epochs } = request;
  return encodeCbor([requestVersion, conversation, account, device, [...accountLog], recordHash, generation, epochs]);
}

export function decodeSealRequest(bytes: Uint8Array): SealRequest {
  const reader = ArrayReader.ofBytes(bytes, "a seal request");
  const asked = readAsked(reader);
  const generation = reader.count();
  const numbers = reader.value();
  const areEpochs = Array.isArray(numbers) && numbers.every((epoch) => typeof epoch === "number" && epoch > 0);
  if (!areEpochs || numbers.length < 1 || numbers.length > maxRequestedEpochs) return reader.fail("wants epoch numbers here");
  reader.end();
  return { ...asked, generation, epochs: numbers as number[] };
}

function readAsked(reader: ArrayReader): Asked {
  reader.literal(requestVersion);
  const conversation = branded(ConversationId, reader.text());
  const account = branded(AccountId, reader.text());
  const device = branded(DeviceId, reader.text());
  const log = reader.array("an account-log position");
  const accountLog = [log.count(), log.bytes(32)] as const;
  log.end();
  return { conversation, account, device, accountLog, recordHash: reader.bytes(32) };
}

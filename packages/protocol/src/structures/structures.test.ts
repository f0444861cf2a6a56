import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { type CborValue, decodeCbor, encodeCbor } from "../cbor.ts";
import { ProtocolError } from "../errors.ts";
import { AccountId, ConversationId, DeviceId, MessageId, newMessageId } from "../ids.ts";
import { type AccountLogEntry, decodeAccountLogEntry, encodeAccountLogEntry } from "./account-log.ts";
import { decodeEnvelope, encodeEnvelope, encodeHeader } from "./envelope.ts";
import {
  decodeMemberList,
  decodeRecord,
  directConversationPreimage,
  type EpochRecord,
  encodeMemberList,
  encodeRecord,
} from "./record.ts";
import { decodeWraps, encodeWraps } from "./wraps.ts";

const filled = (length: number, byte: number) => new Uint8Array(length).fill(byte);
const alice = v.parse(AccountId, "2f1dd3c8-8f8c-4b8e-9d7e-1a2b3c4d5e6f");
const bob = v.parse(AccountId, "0e9c1f7a-4c2d-4d3e-8f4a-5b6c7d8e9f0a");
const conversation = v.parse(ConversationId, "A".repeat(43));
const device = v.parse(DeviceId, `${"B".repeat(42)}A`);
const messageId = v.parse(MessageId, "01932c07-209c-7aaa-8bbb-0123456789ab");

const header = { conversation, epoch: 3, messageId, account: alice, device, blobs: [] };
const record: EpochRecord = {
  conversation,
  index: 1,
  epoch: 2,
  prev: filled(32, 1),
  author: alice,
  device,
  authorLog: [4, filled(32, 2)],
  changes: [{ kind: "rotate" }],
  memberListHash: filled(32, 3),
  history: "shared",
  commitment: filled(32, 4),
};
const entry: AccountLogEntry = {
  account: alice,
  n: 1,
  prev: filled(32, 5),
  body: { kind: "device", deviceKey: filled(65, 6), vaultVersion: 1, vaultHash: filled(32, 7) },
};
const wraps = {
  account: alice,
  version: 2,
  identityHash: filled(32, 8),
  wraps: [
    {
      method: "m".repeat(22),
      kind: "password" as const,
      publicKey: filled(9, 1),
      encapsulated: filled(9, 2),
      ciphertext: filled(48, 3),
    },
  ],
};
const members = [
  { account: alice, identityHash: filled(32, 1), role: "owner" as const, generation: 1 },
  { account: bob, identityHash: filled(32, 2), role: "owner" as const, generation: 2 },
];

const structures: [string, Uint8Array, (bytes: Uint8Array) => unknown, unknown][] = [
  ["an account-log entry", encodeAccountLogEntry(entry), decodeAccountLogEntry, entry],
  ["a record", encodeRecord(record), decodeRecord, record],
  ["a wraps statement", encodeWraps(wraps), decodeWraps, wraps],
  ["a member list", encodeMemberList(members), decodeMemberList, [members[1], members[0]]],
];

describe("[P3] signed structures", () => {
  test.each(structures)("[P3.1] %s comes back as it was", (_what, bytes, decode, expected) => {
    expect(decode(bytes)).toEqual(expected as never);
  });

  test.each(structures)("[P3.2] %s with a field too many or too few, or of another type, is refused", (_what, bytes, decode) => {
    const fields = decodeCbor(bytes) as CborValue[];
    expect(() => decode(encodeCbor([...fields, 0]))).toThrow(ProtocolError);
    for (let index = 0; index < fields.length; index++) {
      expect(() => decode(encodeCbor(fields.toSpliced(index, 1)))).toThrow(ProtocolError);
      expect(() => decode(encodeCbor(fields.with(index, null)))).toThrow(ProtocolError);
    }
  });

  test("[P3.3] an identity key stands at n = 0 and nowhere else", () => {
    const identity = { ...entry, body: { kind: "identity" as const, identityKey: filled(65, 1) } };
    expect(() => decodeAccountLogEntry(encodeAccountLogEntry(identity))).toThrow(ProtocolError);
    expect(decodeAccountLogEntry(encodeAccountLogEntry({ ...identity, n: 0 })).n).toBe(0);
    expect(() => decodeAccountLogEntry(encodeAccountLogEntry({ ...entry, n: 0 }))).toThrow(ProtocolError);
  });

  test("[P4.3] a member list that is not sorted, or names somebody twice, is refused", () => {
    const [label, list] = decodeCbor(encodeMemberList(members)) as [string, CborValue[]];
    expect(() => decodeMemberList(encodeCbor([label, list.toReversed()]))).toThrow(ProtocolError);
    expect(() => decodeMemberList(encodeCbor([label, [list[0] as CborValue, list[0] as CborValue]]))).toThrow(ProtocolError);
  });

  test("[P4.2] a direct conversation has one preimage whoever starts", () => {
    expect(directConversationPreimage(alice, bob)).toEqual(directConversationPreimage(bob, alice));
  });
});

describe("[P5] envelopes", () => {
  const bytes = encodeEnvelope({ headerBytes: encodeHeader(header), iv: filled(12, 1), ciphertext: filled(64, 2) });

  test("[P5.1] an envelope comes back with the exact header bytes", () => {
    const envelope = decodeEnvelope(bytes);
    expect(envelope.header).toEqual(header);
    expect(envelope.headerBytes).toEqual(encodeHeader(header));
  });

  test("[P5.2] every truncation and every trailing byte is refused", () => {
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeEnvelope(bytes.subarray(0, length))).toThrow(ProtocolError);
    expect(() => decodeEnvelope(new Uint8Array([...bytes, 0]))).toThrow(ProtocolError);
  });

  test("[P5.3] ids in another spelling are refused: one message has one header", () => {
    const upper = encodeHeader({ ...header, messageId: header.messageId.toUpperCase() as MessageId });
    expect(() => decodeEnvelope(encodeEnvelope({ headerBytes: upper, iv: filled(12, 1), ciphertext: filled(64, 2) }))).toThrow(
      ProtocolError,
    );
  });
});

describe("[P4] message ids", () => {
  test("[P4.1] are UUIDv7: they parse, carry the time and sort by it", () => {
    const early = newMessageId(1_000_000_000_000);
    const late = newMessageId(1_800_000_000_000);
    expect(v.parse(MessageId, early)).toBe(early);
    expect(Number.parseInt(early.slice(0, 13).replace("-", ""), 16)).toBe(1_000_000_000_000);
    expect(early < late).toBe(true);
  });
});

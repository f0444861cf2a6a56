import { expect, test } from "bun:test";
import {
  type AccountId,
  type BlobId,
  type ConversationId,
  type DeviceId,
  decodeEnvelope,
  type EnvelopeHeader,
  encodeEnvelope,
  encodeHeader,
  newMessageId,
  type SessionId,
} from "@cychat/protocol";
import fc from "fast-check";
import type { Principal } from "../http/principal.ts";
import { readEnvelope } from "./read-envelope.ts";

const principal: Principal = {
  account: "0190b2a0-0000-4000-8000-000000000001" as AccountId,
  session: "0190b2a0-0000-4000-8000-000000000002" as SessionId,
  device: `${"d".repeat(42)}A` as DeviceId,
};
const conversation = `${"c".repeat(42)}A` as ConversationId;

const header = (fields: Partial<EnvelopeHeader> = {}): EnvelopeHeader => ({
  conversation,
  epoch: 1,
  messageId: newMessageId(),
  account: principal.account,
  device: principal.device as DeviceId,
  blobs: [],
  ...fields,
});

const blob = (n: number) => `${String(n).padStart(42, "b")}A` as BlobId;

function envelope(fields: Partial<EnvelopeHeader>, ciphertextBytes: number): Uint8Array<ArrayBuffer> {
  return encodeEnvelope({
    headerBytes: encodeHeader(header(fields)),
    iv: new Uint8Array(12),
    ciphertext: new Uint8Array(ciphertextBytes),
  });
}

/** What the protocol's decoder makes of it. */
function verdict(bytes: Uint8Array<ArrayBuffer>) {
  try {
    const { header } = decodeEnvelope(bytes);
    const isExpected =
      header.account === principal.account && header.device === principal.device && header.conversation === conversation;
    return { messageId: header.messageId, epoch: header.epoch, isExpected, blobs: header.blobs };
  } catch {
    return "refused";
  }
}

function answer(bytes: Uint8Array<ArrayBuffer>) {
  try {
    return readEnvelope(bytes, principal, conversation);
  } catch {
    return "refused";
  }
}

test("reads every well-formed envelope as the protocol's decoder does", () => {
  const epochs = fc.oneof(fc.nat(300), fc.nat(2 ** 40));
  const sizes = fc.oneof(fc.integer({ min: 16, max: 300 }), fc.constantFrom(23, 24, 255, 256, 65_535, 65_536, 100_000));
  const blobs = fc.uniqueArray(fc.integer({ min: 10 ** 9, max: 2 * 10 ** 9 }).map(blob), { maxLength: 2 });
  fc.assert(
    fc.property(epochs, sizes, blobs, (epoch, size, blobIds) => {
      const bytes = envelope({ epoch, blobs: blobIds }, size);
      expect(answer(bytes)).toEqual(verdict(bytes));
      expect(answer(bytes)).toMatchObject({ epoch, isExpected: true, blobs: blobIds });
    }),
    { seed: 20261123, numRuns: 500 },
  );
});

test("tells envelopes of another sender, device or conversation", () => {
  const account = "0190b2a0-0000-4000-8000-00000000000f" as AccountId;
  const device = `${"e".repeat(42)}A` as DeviceId;
  for (const other of [{ account }, { device }, { conversation: `${"x".repeat(42)}A` as ConversationId }]) {
    expect(answer(envelope(other, 64))).toMatchObject({ isExpected: false });
  }
});

test("agrees with the protocol's decoder about every changed, cut and lengthened envelope", () => {
  const change = fc.record({
    at: fc.nat(340),
    to: fc.nat(255),
    cut: fc.nat(340),
    kind: fc.constantFrom("change", "cut", "lengthen", "insert"),
  });
  fc.assert(
    fc.property(
      fc.constantFrom(20, 24, 60, 256),
      fc.constantFrom(1, 23, 24, 255, 256),
      change,
      (size, epoch, { at, to, cut, kind }) => {
        const bytes = envelope({ epoch }, size);
        const changed = {
          change: () => bytes.map((byte, index) => (index === at ? to : byte)),
          cut: () => bytes.slice(0, cut),
          lengthen: () => new Uint8Array([...bytes, to]),
          insert: () => new Uint8Array([...bytes.slice(0, at), to, ...bytes.slice(at)]),
        }[kind]();
        expect(answer(changed)).toEqual(verdict(changed));
      },
    ),
    { seed: 20261123, numRuns: 5_000 },
  );
});

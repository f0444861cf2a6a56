import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import * as v from "valibot";
import { type CborValue, cborArrayOf, decodeCbor, encodeCbor } from "../cbor.ts";
import { AccountId, ConversationId, DeviceId, InviteId, MessageId } from "../ids.ts";
import { decodeRecord, type EpochRecord, encodeRecord, type Member, type RecordChange, type RoomChange } from "./record.ts";
import { decodeJoinRequest, decodeSealRequest, encodeJoinRequest, encodeSealRequest, maxRequestedEpochs } from "./requests.ts";
import { encodeRoomState, type RoomInvite, type RoomSettings, type RoomState } from "./room.ts";

const filled = (length: number, byte: number) => new Uint8Array(length).fill(byte);
const alice = v.parse(AccountId, "2f1dd3c8-8f8c-4b8e-9d7e-1a2b3c4d5e6f");
const bob = v.parse(AccountId, "0e9c1f7a-4c2d-4d3e-8f4a-5b6c7d8e9f0a");
const conversation = v.parse(ConversationId, "A".repeat(43));
const device = v.parse(DeviceId, `${"B".repeat(42)}A`);
const messageId = v.parse(MessageId, "01932c07-209c-7aaa-8bbb-0123456789ab");
const inviteId = v.parse(InviteId, `${"c".repeat(21)}A`);

const settings: RoomSettings = {
  join: "open",
  post: "member",
  invite: "admin",
  pin: "admin",
  rename: "member",
  handle: "Garden",
  description: null,
};
const invite: RoomInvite = { id: inviteId, sealKey: filled(1249, 1), signKey: filled(65, 4), expiresAtMs: 5, uses: 2 };
const signed = { payload: filled(7, 1), signature: filled(64, 2) };
const changes: readonly RoomChange[] = [
  { kind: "create-room", nonce: filled(32, 1), settings, profile: filled(32, 2) },
  { kind: "add", member: { account: bob, identityHash: filled(32, 3), role: "member", generation: 1 } },
  { kind: "admit", request: signed, generation: 2 },
  { kind: "join", identityHash: filled(32, 4), generation: 3, invite: inviteId, signature: filled(64, 5) },
  { kind: "remove", account: bob, ban: true },
  { kind: "ban", account: bob },
  { kind: "unban", account: bob },
  { kind: "leave" },
  { kind: "role", account: bob, role: "admin" },
  { kind: "settings", settings: { ...settings, join: "invitation", handle: null, description: "words" } },
  { kind: "profile", profile: filled(32, 6) },
  { kind: "invite", invite },
  { kind: "end-invite", invite: inviteId },
  { kind: "pin", pin: { messageId, envelopeHash: filled(32, 7) } },
  { kind: "unpin", messageId },
  { kind: "delete" },
  {
    kind: "renew",
    generations: [
      [bob, 2],
      [alice, 5],
    ],
  },
];

function recordWith(...list: readonly RecordChange[]): EpochRecord {
  return {
    conversation,
    index: 1,
    epoch: 2,
    prev: filled(32, 1),
    author: alice,
    device,
    authorLog: [4, filled(32, 2)],
    changes: list,
    memberListHash: filled(32, 3),
    history: "joined",
    commitment: filled(32, 4),
  };
}

/** A record in which one change was put together by hand. */
function recordWithRaw(change: CborValue): Uint8Array {
  const fields = [...(decodeCbor(encodeRecord(recordWith({ kind: "leave" }))) as CborValue[])];
  fields[8] = [change];
  return encodeCbor(fields);
}

describe("[P9.4] the changes of a room", () => {
  for (const change of changes)
    test(`${change.kind} is read as it was written, and encodes to the same bytes again`, () => {
      const bytes = encodeRecord(recordWith(change));
      expect(decodeRecord(bytes).changes).toEqual([change]);
      expect(encodeRecord(decodeRecord(bytes))).toEqual(bytes);
    });

  const malformed: readonly [why: string, change: CborValue][] = [
    ["an unknown kind", ["promote", bob]],
    ["a field too many", ["leave", 1]],
    ["a field too few", ["remove", bob]],
    ["an account that is none", ["ban", "somebody"]],
    ["an unknown role", ["role", bob, "king"]],
    [
      "updates that are not sorted",
      [
        "renew",
        [
          [alice, 1],
          [bob, 1],
        ],
      ],
    ],
    [
      "an update that names somebody twice",
      [
        "renew",
        [
          [bob, 1],
          [bob, 2],
        ],
      ],
    ],
    [
      "a short nonce",
      ["create", "room", filled(31, 1), ["open", "member", "admin", "admin", "member", "Garden", null], filled(32, 2)],
    ],
    ["settings with an unknown word", ["settings", ["ajar", "member", "admin", "admin", "member", "Garden", null]]],
    [
      "[P9.3] a room that is open and has no name in clear",
      ["settings", ["open", "member", "admin", "admin", "member", null, null]],
    ],
    ["an empty handle", ["settings", ["open", "member", "admin", "admin", "member", "", null]]],
    ["a handle that is too long", ["settings", ["open", "member", "admin", "admin", "member", "x".repeat(51), null]]],
    ["an invite that nobody can use", ["invite", inviteId, filled(1249, 1), filled(65, 4), 5, 0]],
    ["an invite with a key of another length", ["invite", inviteId, filled(1248, 1), filled(65, 4), 5, 1]],
    ["an invite id with bits too many", ["end-invite", "c".repeat(22)]],
    ["a pin of nothing", ["pin", messageId, filled(31, 7)]],
  ];
  for (const [why, change] of malformed)
    test(`${why} is refused`, () => expect(() => decodeRecord(recordWithRaw(change))).toThrow());
});

describe("[P9.2] the state that a record names", () => {
  const state: RoomState = {
    settings,
    profile: filled(32, 1),
    bans: [bob],
    invites: [invite],
    pins: [{ messageId, envelopeHash: filled(32, 2) }],
    isDeleted: false,
  };
  const members: Member[] = [
    { account: alice, identityHash: filled(32, 1), role: "owner", generation: 1 },
    { account: bob, identityHash: filled(32, 2), role: "member", generation: 30 },
  ];

  test("has one encoding, whatever the order of the members, and it is deterministic CBOR", () => {
    const bytes = encodeRoomState(members, state);
    expect(encodeRoomState(members.toReversed(), state)).toEqual(bytes);
    expect(encodeCbor(decodeCbor(bytes))).toEqual(bytes);
  });

  test("changes with every part of it", () => {
    const texts = [
      encodeRoomState(members, state),
      encodeRoomState(members.slice(0, 1), state),
      encodeRoomState(members, { ...state, settings: { ...settings, post: "admin" } }),
      encodeRoomState(members, { ...state, profile: filled(32, 9) }),
      encodeRoomState(members, { ...state, bans: [] }),
      encodeRoomState(members, { ...state, invites: [{ ...invite, uses: 1 }] }),
      encodeRoomState(members, { ...state, pins: [] }),
      encodeRoomState(members, { ...state, isDeleted: true }),
    ].map((bytes) => bytes.toHex());
    expect(new Set(texts).size).toBe(texts.length);
  });

  test("an array put together from encoded items is the array encoded whole, of any length", () => {
    const lengths = fc.oneof(fc.nat(30), fc.constantFrom(255, 256, 65_535, 65_536));
    fc.assert(
      fc.property(lengths, fc.string(), (length, text) => {
        const items: CborValue[] = Array.from({ length }, (_, index) => (index % 2 === 0 ? index : text.toWellFormed()));
        expect(cborArrayOf(items.map((item) => encodeCbor(item)))).toEqual(encodeCbor(items));
      }),
      { numRuns: 60, seed: 9 },
    );
  });
});

describe("[P9.9] [P9.13] requests", () => {
  const asked = { conversation, account: alice, device, accountLog: [3, filled(32, 1)] as const, recordHash: filled(32, 2) };
  const join = { ...asked, identityHash: filled(32, 3), generation: 4 };
  const seals = { ...asked, generation: 4, epochs: [1, 2, 9] };

  test("are read as they were written", () => {
    expect(decodeJoinRequest(encodeJoinRequest(join))).toEqual(join);
    expect(decodeSealRequest(encodeSealRequest(seals))).toEqual(seals);
  });

  test("of one kind are not taken for the other", () => {
    expect(() => decodeJoinRequest(encodeSealRequest(seals))).toThrow();
    expect(() => decodeSealRequest(encodeJoinRequest(join))).toThrow();
  });

  test("for no epoch, for epoch 0, for too many or for what is no number are refused", () => {
    const many = Array.from({ length: maxRequestedEpochs + 1 }, (_, index) => index + 1);
    for (const epochs of [[], [0], many, ["1" as unknown as number]])
      expect(() => decodeSealRequest(encodeSealRequest({ ...seals, epochs }))).toThrow();
  });
});

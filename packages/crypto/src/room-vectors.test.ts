// Fixed answers for what rooms derive and encode, in vectors/room.json.
import { expect, test } from "bun:test";
import {
  type AccountId,
  type ConversationId,
  type DeviceId,
  encodeCbor,
  encodeChange,
  encodeJoinRequest,
  encodeRoomState,
  encodeSealRequest,
  labels,
  type Member,
  type MessageId,
  type RoomChange,
} from "@cychat/protocol";
import { checkVector } from "../testing/vectors.ts";
import { commitTo } from "./epoch-key.ts";
import { hkdf, sha256, zeroHash } from "./primitives.ts";
import { newSeat } from "./room-changes.ts";
import { deriveInvite, guestPayload, inviteFragment, parseInvite } from "./room-invite.ts";
import { firstRoomState, hashRoomState, roomIdOf } from "./room-records.ts";
import { decodeChainState, encodeChainState } from "./stored-chain.ts";

const bytes = (length: number, first: number) => Uint8Array.from({ length }, (_, at) => (first + at) & 255);
const secret = bytes(32, 0);
const [ada, bob] = ["aaaaaaaa-0000-4000-8000-000000000000" as AccountId, "bbbbbbbb-0000-4000-8000-000000000000" as AccountId];
const device = "taPq3iOv_j8YnZbhoTGKE_gTOpxk3V2LtkgsmuKUQxE" as DeviceId;
const messageId = "01890a5d-ac96-774b-bcce-b302099a8057" as MessageId;
const settings = {
  join: "open",
  post: "member",
  invite: "admin",
  pin: "admin",
  rename: "admin",
  handle: "Schach",
  description: null,
} as const;

test("vectors/room.json", async () => {
  const members: Member[] = [
    { account: bob, identityHash: bytes(32, 2), role: "member", generation: 3 },
    { account: ada, identityHash: bytes(32, 1), role: "owner", generation: 1 },
  ];
  const create = { kind: "create-room", nonce: bytes(32, 3), settings, profile: bytes(32, 4) } as const;
  const first = firstRoomState(create);
  const authorLog = [2, bytes(32, 5)] as const;
  const memberListHash = await hashRoomState(members, first);
  const genesis = { author: ada, device, authorLog, memberListHash, history: "shared", changes: [create] } as const;
  const conversation: ConversationId = await roomIdOf(genesis);
  const invite = await deriveInvite(secret, conversation);
  const link = inviteFragment(conversation, secret);
  expect(parseInvite(link)).toEqual({ conversation, secret });
  const listed = {
    id: invite.id,
    sealKey: invite.sealKeyPair.publicKey,
    signKey: invite.signKey.publicKey,
    expiresAtMs: 1,
    uses: 2,
  };
  const full = { ...first, bans: [bob], invites: [listed], pins: [{ messageId, envelopeHash: bytes(32, 6) }], isDeleted: true };
  const asked = { conversation, account: bob, device, accountLog: authorLog, recordHash: bytes(32, 7), generation: 3 };
  const request = { payload: encodeJoinRequest({ ...asked, identityHash: bytes(32, 2) }), signature: bytes(64, 8) };
  const changes: RoomChange[] = [
    create,
    { kind: "renew", generations: [[bob, 4]] },
    { kind: "add", member: members[0] as Member },
    { kind: "admit", request, generation: 3 },
    { kind: "join", identityHash: bytes(32, 2), generation: 3, invite: invite.id, signature: bytes(64, 9) },
    { kind: "remove", account: bob, ban: true },
    { kind: "ban", account: bob },
    { kind: "unban", account: bob },
    { kind: "leave" },
    { kind: "role", account: bob, role: "admin" },
    { kind: "settings", settings },
    { kind: "profile", profile: bytes(32, 4) },
    { kind: "invite", invite: listed },
    { kind: "end-invite", invite: invite.id },
    { kind: "pin", pin: { messageId, envelopeHash: bytes(32, 6) } },
    { kind: "unpin", messageId },
    { kind: "delete" },
  ];
  const epoch = {
    openedIndex: 0,
    commitment: bytes(32, 10),
    history: "shared",
    recordHashes: [bytes(32, 11), bytes(32, 12)],
    invites: [invite.id],
  } as const;
  const chain = {
    conversation,
    kind: "room",
    index: 1,
    hash: bytes(32, 12),
    epoch: 1,
    history: "shared",
    seats: [newSeat(0, members[1] as Member), { ...newSeat(0, members[0] as Member), until: 1, untilSeq: 9 }],
    epochs: new Map([[1, epoch]]),
    unsettledFrom: null,
    room: full,
    posting: [[0, "member"]],
    owed: "left",
  } as const;
  const stored = encodeChainState(chain);
  expect(decodeChainState(stored)).toEqual(chain);
  await checkVector("room", {
    secret: secret.toHex(),
    firstStateHash: memberListHash.toHex(),
    conversation,
    commitmentOfEpoch1: (await commitTo(secret, conversation, 1)).toHex(),
    profileKey: (await hkdf(secret, [labels.roomProfile, conversation, 1])).toHex(),
    invite: {
      fragment: link,
      id: invite.id,
      sealPublicKeySha256: (await sha256(invite.sealKeyPair.publicKey)).toHex(),
      signPublicKey: invite.signKey.publicKey.toHex(),
      guestPayload: guestPayload(conversation, zeroHash(), bob, bytes(32, 2)).toHex(),
    },
    state: {
      bytesSha256: (await sha256(encodeRoomState(members, full))).toHex(),
      bytes: encodeRoomState(members, first).toHex(),
    },
    joinRequest: request.payload.toHex(),
    sealRequest: encodeSealRequest({ ...asked, epochs: [1, 2] }).toHex(),
    changesSha256: Object.fromEntries(
      await Promise.all(changes.map(async (change) => [change.kind, (await sha256(encodeCbor(encodeChange(change)))).toHex()])),
    ),
    storedChainSha256: (await sha256(stored)).toHex(),
  });
});

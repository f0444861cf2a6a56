// Rooms of the crowd alone, made with the cryptography and REST: to send in, or to have grown.
import {
  type Author,
  type Bytes,
  type ChainState,
  changeRoom,
  createRoom,
  deriveInvite,
  encodeRoomProfile,
  generateInviteSecret,
  inviteFragment,
  type NewRecord,
  signGuest,
} from "@cychat/crypto";
import { conversationEndpoints, type RoomChange, type RoomInvite } from "@cychat/protocol";
import type { CrowdMember } from "./crowd.ts";
import { recordBody } from "./record-body.ts";
import { call } from "./rest.ts";

export interface CrowdRoom {
  readonly name: string;
  chain: ChainState;
  readonly epochKey: Bytes;
  readonly profile: Bytes;
  readonly owner: CrowdMember;
}

const settings = { join: "invitation", post: "member", invite: "admin", pin: "admin", rename: "admin" } as const;
const dayMs = 24 * 3600 * 1000;

export async function createCrowdRoom(
  url: string,
  name: string,
  owner: CrowdMember,
  others: readonly CrowdMember[],
): Promise<CrowdRoom> {
  const profile = encodeRoomProfile({ name, topic: "", picture: null });
  const record = await createRoom(authorOf(owner), {
    settings: { ...settings, handle: null, description: null },
    history: "shared",
    profile,
    members: others.map(({ state }) => state),
  });
  if (record.epochKey === null) throw new Error("a new room has a key");
  await submit(url, owner, record);
  return { name, chain: record.state, epochKey: record.epochKey, profile, owner };
}

/** The room takes in each of the guests by an invite link, one record each. Gives what stands behind `/join#`. */
export async function growByLink(url: string, room: CrowdRoom, guests: readonly CrowdMember[]): Promise<string> {
  const { conversation } = room.chain;
  const secret = generateInviteSecret();
  const { id, sealKeyPair, signKey } = await deriveInvite(secret, conversation);
  const invite: RoomInvite = {
    id,
    sealKey: sealKeyPair.publicKey,
    signKey: signKey.publicKey,
    expiresAtMs: Date.now() + dayMs,
    uses: guests.length + 1_000,
  };
  await change(url, room, room.owner, { kind: "invite", invite });
  const derived = await deriveInvite(secret, conversation);
  for (const guest of guests) {
    const { account, identityHash, newestGeneration: generation } = guest.state;
    const signature = await signGuest(derived, conversation, room.chain.hash, account, identityHash);
    await change(url, room, guest, { kind: "join", identityHash, generation, invite: id, signature });
  }
  return inviteFragment(conversation, secret);
}

async function change(url: string, room: CrowdRoom, author: CrowdMember, wanted: RoomChange): Promise<void> {
  const record = await changeRoom(room.chain, authorOf(author), [wanted], {
    resolve: () => author.state,
    epochKeys: new Map([[room.chain.epoch, room.epochKey]]),
    profile: room.profile,
    nowMs: Date.now(),
  });
  await submit(url, author, record);
  room.chain = record.state;
}

async function submit(url: string, author: CrowdMember, record: NewRecord): Promise<void> {
  const { conversation } = record.state;
  await call(url, conversationEndpoints.addRecord, {
    token: author.sender.token,
    params: { id: conversation },
    body: recordBody(record),
  });
}

function authorOf({ state, sender }: CrowdMember): Author {
  return { account: state, device: sender.device };
}

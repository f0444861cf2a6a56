// For tests only: a room whose records are made, verified and kept as a server would keep them.
import {
  type AccountId,
  type ConversationId,
  type EpochRecord,
  encodeRecord,
  labels,
  type RoomChange,
  type RoomInvite,
  type RoomSettings,
} from "@cychat/protocol";
import { openSeal } from "../src/epoch-key.ts";
import { type NewRecord, type RecordEvidence, verifyRecord, verifyRecords } from "../src/epochs.ts";
import { CryptoError } from "../src/errors.ts";
import { openHistory, type SealedLetter } from "../src/history-letter.ts";
import type { SealKeyPair } from "../src/hpke.ts";
import { sign } from "../src/identity.ts";
import { createJoinRequest } from "../src/member-requests.ts";
import { type Bytes, randomBytes } from "../src/primitives.ts";
import { type ChainState, epochReference, type ResolveAccount } from "../src/record-chain.ts";
import { type DerivedInvite, deriveInvite, generateInviteSecret, signGuest } from "../src/room-invite.ts";
import { encodeRoomProfile } from "../src/room-profile.ts";
import { changeRoom, createRoom, type RoomContext } from "../src/rooms.ts";
import type { Person } from "./world.ts";

export const privateRoom: RoomSettings = {
  join: "invitation",
  post: "member",
  invite: "admin",
  pin: "admin",
  rename: "admin",
  handle: null,
  description: null,
};
export const openRoom: RoomSettings = { ...privateRoom, join: "open", handle: "general", invite: "member" };

export interface RoomOptions {
  readonly settings?: RoomSettings;
  readonly history?: EpochRecord["history"];
  readonly members?: readonly Person[];
  /** May ask to come in, or be added later. */
  readonly others?: readonly Person[];
}

export class Room {
  readonly records: RecordEvidence[] = [];
  readonly made: NewRecord[] = [];
  /** Every epoch's key; nobody alone holds all of them. */
  readonly keys = new Map<number, Bytes>();
  readonly people = new Map<AccountId, Person>();
  chain!: ChainState;
  profile!: Bytes;
  nowMs = 1_764_000_000_000;

  static async create(owner: Person, options: RoomOptions = {}): Promise<Room> {
    const room = new Room();
    const { members = [], others = [], settings = privateRoom, history = "shared" } = options;
    for (const person of [owner, ...members, ...others]) room.people.set(person.account, person);
    room.profile = encodeRoomProfile({ name: "Chess club", topic: "", picture: null });
    const states = members.map(({ state }) => state);
    await room.accept(await createRoom(owner.author, { settings, history, profile: room.profile, members: states }));
    return room;
  }

  get conversation(): ConversationId {
    return this.chain?.conversation;
  }
  get options() {
    return { conversation: this.conversation, nowMs: this.nowMs };
  }
  readonly resolve: ResolveAccount = (account) => {
    const person = this.people.get(account);
    if (person === undefined) throw new CryptoError("not-a-member");
    return person.state;
  };

  async accept(made: NewRecord): Promise<NewRecord> {
    const { record, memberList, state } = made;
    const evidence = { record, memberList, seq: 10 * (this.records.length + 1) };
    const options = { conversation: state.conversation, nowMs: this.nowMs };
    this.chain = await verifyRecord(this.chain ?? null, evidence, this.resolve, options);
    this.records.push(evidence);
    this.made.push(made);
    if (made.epochKey !== null) this.keys.set(state.epoch, made.epochKey);
    return made;
  }

  make(by: Person, changes: readonly RoomChange[], context: Partial<RoomContext> = {}): Promise<NewRecord> {
    const { resolve, keys: epochKeys, profile, nowMs } = this;
    return changeRoom(this.chain, by.author, changes, { resolve, epochKeys, profile, nowMs, ...context });
  }

  async change(by: Person, changes: readonly RoomChange[], context: Partial<RoomContext> = {}): Promise<NewRecord> {
    return this.accept(await this.make(by, changes, context));
  }

  /** Signed by a device of `by`, with whatever is to be wrong about it. */
  async forge(by: Person, changes: EpochRecord["changes"], wrong: Partial<EpochRecord> = {}): Promise<RecordEvidence> {
    const { conversation, index, epoch, hash, history, epochs } = this.chain;
    const renews = changes.some(({ kind }) => kind === "renew");
    const record: EpochRecord = {
      conversation,
      index: index + 1,
      epoch: epoch + (renews ? 1 : 0),
      prev: hash,
      author: by.account,
      device: by.device.id,
      authorLog: [by.state.head.n, by.state.head.hash],
      changes,
      memberListHash: randomBytes(32),
      history,
      commitment: renews ? randomBytes(32) : (epochs.get(epoch)?.commitment ?? randomBytes(32)),
      ...wrong,
    };
    return { record: await sign(by.device.privateKey, labels.record, encodeRecord(record)), memberList: null };
  }

  verify(evidence: RecordEvidence): Promise<ChainState> {
    return verifyRecord(this.chain, evidence, this.resolve, this.options);
  }

  /** From nothing, as somebody does who has just come in. */
  verifyAll(): Promise<ChainState> {
    return verifyRecords(null, this.records, this.resolve, this.options);
  }

  async asksToJoin(person: Person, recordHash: Bytes = this.chain.hash): Promise<RoomChange & { kind: "admit" }> {
    this.people.set(person.account, person);
    const request = await createJoinRequest(person.author, this.conversation, recordHash);
    return { kind: "admit", request, generation: person.state.newestGeneration };
  }

  async newInvite(
    uses = 10,
    expiresAtMs = this.nowMs + 3_600_000,
  ): Promise<{ invite: DerivedInvite; change: RoomChange & { kind: "invite" } }> {
    const invite = await deriveInvite(generateInviteSecret(), this.conversation);
    return { invite, change: { kind: "invite", invite: inviteOf(invite, uses, expiresAtMs) } };
  }

  async joins(person: Person, invite: DerivedInvite): Promise<RoomChange & { kind: "join" }> {
    this.people.set(person.account, person);
    const { identityHash, newestGeneration: generation } = person.state;
    const signature = await signGuest(invite, this.conversation, this.chain.hash, person.account, identityHash);
    return { kind: "join", identityHash, generation, invite: invite.id, signature };
  }

  openLetter(made: NewRecord, letter: SealedLetter, keyPair: SealKeyPair): Promise<Map<number, Bytes>> {
    const { recipient, generation } = letter;
    const { hash: recordHash, conversation } = made.state;
    return openHistory(made.state, { conversation, recordHash, recipient, generation }, letter, keyPair);
  }

  /** Every epoch key that `person` gets out of the seals and letters of all records so far. */
  async keysOf(person: Person): Promise<Set<number>> {
    const found = new Set<number>();
    for (const made of this.made) {
      for (const seal of made.seals.filter(({ recipient }) => recipient === person.account)) {
        const keyPair = person.keyPairs.get(seal.generation) as SealKeyPair;
        await openSeal(epochReference(this.chain, made.state.epoch), seal, keyPair);
        found.add(made.state.epoch);
      }
      for (const letter of made.letters.filter(({ recipient }) => recipient === person.account)) {
        const keys = await this.openLetter(made, letter, person.keyPairs.get(letter.generation) as SealKeyPair);
        for (const epoch of keys.keys()) found.add(epoch);
      }
    }
    return found;
  }
}

export function inviteOf(invite: DerivedInvite, uses: number, expiresAtMs: number): RoomInvite {
  return { id: invite.id, sealKey: invite.sealKeyPair.publicKey, signKey: invite.signKey.publicKey, expiresAtMs, uses };
}

export function adding(person: Person, role: "member" | "admin" | "owner" = "member"): RoomChange & { kind: "add" } {
  const { account, identityHash, newestGeneration: generation } = person.state;
  return { kind: "add", member: { account, identityHash, role, generation } };
}

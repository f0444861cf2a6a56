// Rooms as their members' clients would hold them: records with real signatures and state hashes, made-up ciphertext.
import { randomBytes } from "node:crypto";
import {
  type AccountId,
  type ConversationId,
  decodeJoinRequest,
  type EndpointInput,
  type EpochRecord,
  encodeCbor,
  encodeChange,
  encodeJoinRequest,
  encodeMemberList,
  encodeRecord,
  encodeRoomState,
  encodeSealRequest,
  endpoints,
  type HistoryLetter,
  type InviteId,
  type JoinRequest,
  labels,
  type Member,
  type RecordChange,
  type Role,
  type RoomChange,
  type RoomInvite,
  type RoomSettings,
  type RoomState,
  roomIdPreimage,
  type Seal,
  type SealRequest,
  type Signed,
  signedToJson,
  toBase64url,
} from "@cychat/protocol";
import type { Answer, RefusalAnswer, TestAccount } from "./test-account.ts";
import { sealTo, type TestConversation } from "./test-chat.ts";
import { hashOf, newKey, signWith, type TestKey } from "./test-keys.ts";
import { applied, type RoomView } from "./test-room-view.ts";

export type RecordBody = EndpointInput<typeof endpoints.addRecord>["body"];

const bytes = (length: number) => new Uint8Array(randomBytes(length));

export const openSettings: RoomSettings = {
  join: "open",
  post: "member",
  invite: "member",
  pin: "member",
  rename: "member",
  handle: "garden",
  description: "Everything that grows",
};

export const closedSettings: RoomSettings = { ...openSettings, join: "invitation", handle: null, description: null };

export interface RoomRecordParts {
  readonly record?: Partial<EpochRecord>;
  readonly seals?: readonly Seal[];
  readonly letters?: readonly HistoryLetter[];
  readonly profile?: string | null;
  readonly members?: string | null;
  readonly history?: "shared" | "joined";
  /** Another state than the one that follows. */
  readonly after?: { readonly members?: readonly Member[]; readonly state?: Partial<RoomState> };
  readonly signer?: TestAccount;
}

export interface MadeRecord {
  readonly body: RecordBody;
  readonly view: RoomView;
}

export interface GenesisParts extends RoomRecordParts {
  readonly settings?: RoomSettings;
  readonly others?: readonly (readonly [TestAccount, Role])[];
}

export class TestRoom implements TestConversation {
  view: RoomView;

  constructor(
    readonly id: ConversationId,
    view: RoomView,
    /** Everybody that seals may be made for. */
    readonly people: Map<AccountId, TestAccount>,
    readonly invites = new Map<InviteId, TestInvite>(),
  ) {
    this.view = view;
  }

  get epoch(): number {
    return this.view.epoch;
  }

  /** The record that follows; {@link add} also sends it. */
  make(author: TestAccount, changes: readonly RoomChange[], parts: RoomRecordParts = {}): MadeRecord {
    const { view } = this;
    const history = parts.history ?? view.history;
    const renews = changes.some(({ kind }) => kind === "renew");
    const after = applied(view, author, changes);
    const members = parts.after?.members ?? after.members;
    const state = { ...after.state, ...parts.after?.state };
    const commitment = renews ? bytes(32) : view.commitment;
    const payload = encodeRecord({
      conversation: this.id,
      index: view.index + 1,
      epoch: view.epoch + (renews ? 1 : 0),
      prev: view.head,
      author: author.id,
      device: author.device,
      authorLog: logPlace(author),
      changes,
      memberListHash: hashOf(encodeRoomState(members, state)),
      history,
      commitment,
      ...parts.record,
    });
    const head = hashOf(payload);
    const body: RecordBody = {
      record: signedToJson(signWith((parts.signer ?? author).keys.device, labels.record, payload)),
      members: parts.members ?? null,
      seals: [...(parts.seals ?? (renews ? this.seals(members, state, history) : []))],
      letters: [...(parts.letters ?? this.letters(changes, history, renews))],
      profile:
        parts.profile === undefined
          ? changes.some(({ kind }) => kind === "renew" || kind === "profile")
            ? box()
            : null
          : parts.profile,
    };
    const next = { index: view.index + 1, epoch: view.epoch + (renews ? 1 : 0), head, history, commitment, members, state };
    return { body, view: next };
  }

  seals(members: readonly Member[], { invites }: RoomState, history: "shared" | "joined"): Seal[] {
    const toMembers = members.map(({ account }) => sealTo(this.person(account)));
    return [...toMembers, ...(history === "shared" ? invites.map(({ id }) => sealToInvite(id)) : [])];
  }

  letters(changes: readonly RoomChange[], history: "shared" | "joined", renews: boolean): HistoryLetter[] {
    if (history === "joined") return [];
    return changes.flatMap((change) => {
      if (change.kind === "invite") return [letterTo(change.invite.id)];
      if (renews) return [];
      if (change.kind === "add") return [letterTo(change.member.account, change.member.generation)];
      if (change.kind === "admit") return [letterTo(decodeJoinRequest(change.request.payload).account, change.generation)];
      return [];
    });
  }

  person(account: AccountId): TestAccount {
    const found = this.people.get(account);
    if (!found) throw new Error("a member that the test does not know");
    return found;
  }

  /** Sends a record; the room goes on only if it is accepted. */
  async attempt(author: TestAccount, changes: readonly RoomChange[], parts?: RoomRecordParts): Promise<Answer<RefusalAnswer>> {
    this.people.set(author.id, author);
    const { body, view } = this.make(author, changes, parts);
    const answer = await author.attempt(endpoints.addRecord, { params: { id: this.id }, body });
    if (answer.status === 201) this.view = view;
    return answer;
  }

  /** The record's seq. */
  async add(author: TestAccount, ...changes: readonly RoomChange[]): Promise<number> {
    const answer = await this.attempt(author, changes);
    if (answer.status !== 201) throw new Error(`${changes.map(({ kind }) => kind)}: ${JSON.stringify(answer.body)}`);
    return (answer.body as unknown as { seq: number }).seq;
  }

  /** What `renew` has to say when these have newer keys. */
  renew(...rolled: readonly TestAccount[]): RoomChange {
    const generations = rolled.map(({ id, keys }) => [id, keys.generation] as const).sort(([a], [b]) => (a < b ? -1 : 1));
    return { kind: "renew", generations };
  }

  adding(account: TestAccount, role: Role = "member"): RoomChange {
    this.people.set(account.id, account);
    return { kind: "add", member: memberOf(account, role) };
  }

  joinRequest(account: TestAccount, fields: Partial<JoinRequest> = {}, signer = account): Signed {
    this.people.set(account.id, account);
    const payload = encodeJoinRequest({
      conversation: this.id,
      account: account.id,
      device: account.device,
      accountLog: logPlace(account),
      recordHash: this.view.head,
      identityHash: identityHash(account),
      generation: account.keys.generation,
      ...fields,
    });
    return signWith(signer.keys.device, labels.joinRequest, payload);
  }

  sealRequest(account: TestAccount, fields: Partial<SealRequest> = {}, signer = account): Signed {
    const payload = encodeSealRequest({
      conversation: this.id,
      account: account.id,
      device: account.device,
      accountLog: logPlace(account),
      recordHash: this.view.head,
      generation: account.keys.generation,
      epochs: [1],
      ...fields,
    });
    return signWith(signer.keys.device, labels.sealRequest, payload);
  }

  /** Asks to be let in, by REST. */
  async ask(account: TestAccount): Promise<Signed> {
    const request = this.joinRequest(account);
    await account.call(endpoints.requestJoin, { params: { id: this.id }, body: { request: signedToJson(request) } });
    return request;
  }

  admitting(account: TestAccount, request = this.joinRequest(account)): RoomChange {
    return { kind: "admit", request, generation: account.keys.generation };
  }

  async invite(author: TestAccount, fields: Partial<RoomInvite> = {}): Promise<TestInvite> {
    const invite = newInvite(fields);
    await this.add(author, { kind: "invite", invite: invite.fields });
    this.invites.set(invite.id, invite);
    return invite;
  }

  joining(account: TestAccount, invite: TestInvite, key: TestKey = invite.key): RoomChange {
    this.people.set(account.id, account);
    const payload = encodeCbor([this.id, this.view.head, account.id, identityHash(account)]);
    const { signature } = signWith(key, labels.inviteGuest, payload);
    return {
      kind: "join",
      identityHash: identityHash(account),
      generation: account.keys.generation,
      invite: invite.id,
      signature,
    };
  }

  /** The body that proves the link towards the server. */
  proof(account: TestAccount, invite: TestInvite, key: TestKey = invite.key) {
    const { signature } = signWith(key, labels.inviteOpen, encodeCbor([this.id, invite.id, account.id]));
    return { conversation: this.id, signature: toBase64url(signature) };
  }
}

export interface TestInvite {
  readonly id: InviteId;
  readonly key: TestKey;
  readonly fields: RoomInvite;
}

export function newInvite(fields: Partial<RoomInvite> = {}): TestInvite {
  const key = newKey();
  const id = toBase64url(randomBytes(16)) as InviteId;
  const invite = { id, sealKey: bytes(1249), signKey: key.point, expiresAtMs: 2 ** 45, uses: 2, ...fields };
  return { id: invite.id, key, fields: invite };
}

function box(): string {
  return toBase64url(randomBytes(200));
}

export function sealToInvite(recipient: InviteId): Seal {
  return { recipient, generation: 1, encapsulated: toBase64url(randomBytes(1153)), ciphertext: toBase64url(randomBytes(48)) };
}

export function letterTo(recipient: AccountId | InviteId, generation = 1): HistoryLetter {
  const encapsulated = toBase64url(randomBytes(1153));
  return { recipient, generation, encapsulated, ciphertext: toBase64url(randomBytes(120)) };
}

function identityHash(account: TestAccount): Uint8Array<ArrayBuffer> {
  return hashOf(account.keys.identity.point);
}

export function memberOf(account: TestAccount, role: Role): Member {
  return { account: account.id, identityHash: identityHash(account), role, generation: account.keys.generation };
}

function logPlace({ keys }: TestAccount): readonly [number, Uint8Array<ArrayBuffer>] {
  const last = keys.log.length - 1;
  return [last, hashOf(keys.log[last]?.payload ?? new Uint8Array())];
}

/** A room's first record, and the room as it is once that is accepted. */
export function roomGenesis(
  owner: TestAccount,
  parts: GenesisParts = {},
): { readonly room: TestRoom; readonly body: RecordBody } {
  const { settings = closedSettings, others = [], history = "shared" } = parts;
  const members = [memberOf(owner, "owner"), ...others.map(([account, role]) => memberOf(account, role))].sort((a, b) =>
    a.account < b.account ? -1 : 1,
  );
  const profile = bytes(32);
  const change: RecordChange = { kind: "create-room", nonce: bytes(32), settings, profile };
  const state: RoomState = { settings, profile, bans: [], invites: [], pins: [], isDeleted: false };
  const memberListHash = hashOf(encodeRoomState(parts.after?.members ?? members, { ...state, ...parts.after?.state }));
  const place = { author: owner.id, device: owner.device, authorLog: logPlace(owner), memberListHash, history };
  const changes = parts.record?.changes ?? [change];
  const id = toBase64url(hashOf(roomIdPreimage({ ...place, ...parts.record }, changes.map(encodeChange)))) as ConversationId;
  const commitment = bytes(32);
  const first = { conversation: id, index: 0, epoch: 1, prev: new Uint8Array(32), changes, commitment };
  const payload = encodeRecord({ ...first, ...place, ...parts.record });
  const people = new Map([owner, ...others.map(([account]) => account)].map((account) => [account.id, account]));
  const view = { index: 0, epoch: 1, head: hashOf(payload), history, commitment, members, state };
  const room = new TestRoom(id, view, people);
  const body: RecordBody = {
    record: signedToJson(signWith((parts.signer ?? owner).keys.device, labels.record, payload)),
    members: parts.members === undefined ? toBase64url(encodeMemberList(members)) : parts.members,
    seals: [...(parts.seals ?? [...people.values()].map(sealTo))],
    letters: [...(parts.letters ?? [])],
    profile: parts.profile === undefined ? box() : parts.profile,
  };
  return { room, body };
}

/** Makes a room, by REST. */
export async function createRoom(owner: TestAccount, parts: GenesisParts = {}): Promise<TestRoom> {
  const { room, body } = roomGenesis(owner, parts);
  await owner.call(endpoints.addRecord, { params: { id: room.id }, body });
  return room;
}

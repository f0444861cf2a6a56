// Invite links: making and ending them, looking at a room through one, and coming in by it with nobody else online.
import {
  type ChainState,
  changeRoom,
  checkPin,
  type DerivedInvite,
  deriveInvite,
  epochReference,
  generateInviteSecret,
  inviteFragment,
  memberOf,
  membersOf,
  openHistory,
  openRoomProfile,
  openSeal,
  parseInvite,
  proveInvite,
  type RecordPin,
  type RoomProfile,
  recordHashAt,
  recordPinOf,
  signGuest,
} from "@cychat/crypto";
import {
  type CborValue,
  type ConversationId,
  decodeRecord,
  type EndpointAnswer,
  endpoints,
  fromBase64url,
  type InviteId,
  type RoomInvite,
  signedFromJson,
  toBase64url,
} from "@cychat/protocol";
import type { ConversationView, InvitePreview, InviteView } from "../client-api.ts";
import { ClientError, hasCode } from "../client-error.ts";
import { bodyOf } from "../conversations/submit-record.ts";
import { verifiedRecord } from "../conversations/verified-record.ts";
import { changeRoomBy } from "./change-room.ts";
import type { RoomParts } from "./room-parts.ts";

type Bytes = Uint8Array<ArrayBuffer>;

interface Opened {
  readonly conversation: ConversationId;
  readonly invite: DerivedInvite;
  readonly answer: EndpointAnswer<typeof endpoints.openInvite>;
  readonly chain: ChainState;
  readonly keys: ReadonlyMap<number, Bytes>;
  readonly profile: { readonly bytes: Bytes; readonly profile: RoomProfile } | null;
}

const yearMs = 366 * 24 * 3600 * 1000;
const maxUses = 10_000;
const attempts = 8;
const recordPage = 100;
/** A link that is being made is in the vault for so long, at most, before it is in the records. */
const makingMs = 3600_000;

export class Invites {
  constructor(readonly parts: RoomParts) {}

  async create(id: ConversationId, { expiresInMs, uses }: { expiresInMs: number; uses: number }): Promise<InviteView> {
    const { core, directory } = this.parts;
    if (!(expiresInMs > 0 && expiresInMs <= yearMs && Number.isInteger(uses) && uses >= 1 && uses <= maxUses))
      throw new ClientError("malformed-request");
    const secret = generateInviteSecret();
    const derived = await deriveInvite(secret, id);
    const expiresAtMs = Math.round(core.time.now() + expiresInMs);
    const { sealKeyPair, signKey } = derived;
    const invite: RoomInvite = { id: derived.id, sealKey: sealKeyPair.publicKey, signKey: signKey.publicKey, expiresAtMs, uses };
    // First the vault: a link that the room knows and nobody can show any more would be of no use to anybody.
    const conversation = directory.room(id);
    const chain = await conversation.run(async () => conversation.chain.state);
    const live = new Set((chain?.room?.invites ?? []).map((known) => known.id));
    const nowMs = Math.round(core.time.now());
    await core.vault.changeSetting(linksSetting(id), (value) => [
      // Those of links that have ended go; one that another device is just making is not in the records yet.
      ...linksOf(value).filter(([known, , madeAtMs]) => live.has(known) || nowMs - madeAtMs < makingMs),
      [derived.id, secret, nowMs],
    ]);
    await changeRoomBy(conversation, (chain) => {
      if (chain.room?.invites.some((known) => known.id === derived.id)) return null;
      return { changes: [{ kind: "invite", invite }] };
    });
    return this.#view(id, invite);
  }

  async list(id: ConversationId): Promise<InviteView[]> {
    const conversation = this.parts.directory.room(id);
    const chain = await conversation.run(async () => conversation.chain.state);
    const nowMs = this.parts.core.time.now();
    const live = (chain?.room?.invites ?? []).filter(({ expiresAtMs }) => expiresAtMs > nowMs);
    return live.map((invite) => this.#view(id, invite));
  }

  async end(id: ConversationId, invite: InviteId): Promise<void> {
    await changeRoomBy(this.parts.directory.room(id), (chain) => {
      const isLive = chain.room?.invites.some((known) => known.id === invite) ?? false;
      return isLive ? { changes: [{ kind: "end-invite", invite }] } : null;
    });
    await this.parts.core.vault.changeSetting(linksSetting(id), (value) => linksOf(value).filter(([known]) => known !== invite));
  }

  async preview(link: string): Promise<InvitePreview> {
    const { conversation, chain, profile } = await this.#open(link);
    return {
      conversation,
      name: profile?.profile.name ?? chain.room?.settings.handle ?? "",
      topic: profile?.profile.topic ?? "",
      // As the records say, and not the server.
      memberCount: membersOf(chain).length,
      history: chain.history,
      isMember: this.#isIn(chain),
    };
  }

  /** Nobody needs to be online: the link is a member of the room as far as its keys are concerned. */
  async join(link: string): Promise<ConversationView> {
    const { directory } = this.parts;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const opened = await this.#open(link);
      const { conversation: id } = opened;
      if (this.#isIn(opened.chain)) await this.parts.read(id);
      else if (!(await this.#comeIn(opened))) continue;
      return directory.view(directory.room(id));
    }
    throw new ClientError("record-conflict");
  }

  /** False: somebody else changed the room at the same moment. */
  async #comeIn({ conversation: id, chain, invite, keys, profile }: Opened): Promise<boolean> {
    const { core, directory } = this.parts;
    const author = { account: await core.accounts.fresh(core.me.account), device: core.me.device };
    const { account, identityHash, newestGeneration: generation } = author.account;
    const signature = await signGuest(invite, id, chain.hash, account, identityHash);
    // Under "joined" the newcomer opens a new epoch, sealed to everybody.
    if (chain.history === "joined") await core.accounts.freshen(membersOf(chain).map(({ account }) => account));
    const record = await changeRoom(chain, author, [{ kind: "join", identityHash, generation, invite: invite.id, signature }], {
      resolve: (member) => core.accounts.freshAs(member, memberOf(chain, member)?.identityHash),
      epochKeys: keys,
      profile: profile?.bytes ?? null,
      nowMs: core.time.now(),
      pause: () => core.pause(),
    });
    let accepted: EndpointAnswer<typeof endpoints.addRecord>;
    try {
      accepted = await core.http.call(endpoints.addRecord, { params: { id }, body: bodyOf(record), timeoutMs: 60_000 });
    } catch (error) {
      if (hasCode(error, "record-conflict")) return false;
      if (!hasCode(error, "seal-missing")) throw error;
      core.accounts.stale();
      return false;
    }
    const conversation = await directory.expectRoom(id, "active", { name: profile?.profile.name ?? "" });
    await conversation.run(async () => {
      const known = conversation.chain.state;
      if (known === null || known.index < record.state.index)
        await conversation.chain.adopt(record.state, accepted.seq, accepted.at_ms);
      if (profile !== null) await conversation.profile.keep(profile.bytes);
      const opened = record.epochKey === null ? keys : new Map([[record.state.epoch, record.epochKey]]);
      // A keyring of an earlier stay goes on.
      await conversation.keyring.refresh();
      // The letter to ourselves holds nothing more.
      const letters = record.letters.length > 0 ? [record.state.index] : [];
      if (opened.size > 0) await conversation.keyring.addAll(record.state, opened, letters);
    });
    await this.parts.read(id);
    return true;
  }

  #isIn(chain: ChainState): boolean {
    return memberOf(chain, this.parts.core.me.account) !== undefined;
  }

  /** The newest record that was seen of the room in an earlier stay. */
  async #pinOf(id: ConversationId): Promise<RecordPin | null> {
    const known = this.parts.directory.find(id);
    if (known === undefined) return null;
    return known.run(async () => (known.chain.state === null ? known.keyring.pin : recordPinOf(known.chain.state)));
  }

  /** Everything about the room that the link opens, verified from its first record on. */
  async #open(link: string): Promise<Opened> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#read(link);
      } catch (error) {
        // The profile comes before the records: somebody may have changed it in between.
        if (!hasCode(error, "profile-mismatch") || attempt === attempts) throw error;
      }
    }
  }

  async #read(link: string): Promise<Opened> {
    const { core } = this.parts;
    const { conversation, secret } = parsed(link);
    const invite = await deriveInvite(secret, conversation);
    const signature = toBase64url(await proveInvite(invite, conversation, core.me.account));
    const params = { invite: invite.id };
    const proof = { conversation, signature };
    const answer = await core.http.call(endpoints.openInvite, { params, body: proof });
    if (answer.conversation !== conversation) throw new ClientError("wrong-conversation");
    const pin = await this.#pinOf(conversation);
    let chain: ChainState | null = null;
    for (;;) {
      const from: number = (chain?.index ?? -1) + 1;
      const { records } = await core.http.call(endpoints.inviteRecords, { params, body: { ...proof, from } });
      await core.accounts.prefetch(records.map(({ record }) => decodeRecord(signedFromJson(record).payload).author));
      for (const [index, entry] of records.entries()) {
        if (index % 16 === 15) await core.pause();
        chain = await verifiedRecord(core, conversation, chain, entry, pin);
      }
      if (records.length < recordPage) break;
      // The same ones again and again would keep this going for ever.
      if ((chain?.index ?? -1) < from) throw new ClientError("rollback");
    }
    if (chain === null) throw new ClientError("rollback");
    if (pin !== null) checkPin(chain, pin);
    const keys = await openKeys(chain, invite, answer);
    return { conversation, invite, answer, chain, keys, profile: await openProfile(chain, keys, answer) };
  }

  #view(id: ConversationId, { id: invite, expiresAtMs, uses }: RoomInvite): InviteView {
    const [, secret] = linksOf(this.parts.core.vault.setting(linksSetting(id))).find(([known]) => known === invite) ?? [];
    const link = secret === undefined ? null : `${this.parts.origin}/join#${inviteFragment(id, secret)}`;
    return { id: invite, link, expiresAtMs, usesLeft: uses };
  }
}

/** The secrets of links that this account made in a room, in its vault. */
const linksSetting = (id: ConversationId): string => `invites:${id}`;

type KeptLink = readonly [invite: InviteId, secret: Bytes, madeAtMs: number];

function linksOf(value: CborValue | undefined): KeptLink[] {
  return Array.isArray(value) ? (value as readonly KeptLink[]).filter((link) => Array.isArray(link)) : [];
}

function parsed(link: string): ReturnType<typeof parseInvite> {
  try {
    return parseInvite(link.trim());
  } catch {
    throw new ClientError("invite-malformed");
  }
}

/** Under "joined" history a link is sealed nothing. */
async function openKeys(chain: ChainState, invite: DerivedInvite, answer: Opened["answer"]): Promise<Map<number, Bytes>> {
  const keys = new Map<number, Bytes>();
  const { conversation } = chain;
  for (const { record_index, generation, encapsulated, ciphertext } of answer.letters) {
    const recordHash = recordHashAt(chain, record_index);
    if (recordHash === undefined) continue;
    const sealed = { encapsulated: fromBase64url(encapsulated), ciphertext: fromBase64url(ciphertext) };
    const reference = { conversation, recordHash, recipient: invite.id, generation };
    for (const [epoch, key] of await openHistory(chain, reference, sealed, invite.sealKeyPair)) keys.set(epoch, key);
  }
  for (const { epoch, generation, encapsulated, ciphertext } of answer.seals) {
    if (!chain.epochs.has(epoch)) continue;
    const seal = {
      recipient: invite.id,
      generation,
      encapsulated: fromBase64url(encapsulated),
      ciphertext: fromBase64url(ciphertext),
    };
    keys.set(epoch, await openSeal(epochReference(chain, epoch), seal, invite.sealKeyPair));
  }
  return keys;
}

async function openProfile(chain: ChainState, keys: ReadonlyMap<number, Bytes>, { profile }: Opened["answer"]) {
  const epochKey = profile === null ? undefined : keys.get(profile.epoch);
  if (profile === null || epochKey === undefined || chain.room === null) return null;
  const box = fromBase64url(profile.ciphertext);
  return openRoomProfile(epochKey, chain.conversation, profile.epoch, box, chain.room.profile);
}

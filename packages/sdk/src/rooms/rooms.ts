// What a user does with rooms. Every change is a record of this account's, made on the newest state and taken by the server
// only if it is the next one; see change-room.ts. The people in them: members.ts.
import { createJoinRequest, createRoom, encodeRoomProfile, memberOf, type RoomProfile, sha256 } from "@cychat/crypto";
import {
  type ConversationId,
  endpoints,
  fromBase64url,
  limits,
  type MessageId,
  type RoomChange,
  type RoomSettings,
  type RoomSummary,
  signedToJson,
} from "@cychat/protocol";
import type { ChatApi, ConversationView, FoundRoom, NewRoom, RoomPicture } from "../client-api.ts";
import { ClientError, hasCode } from "../client-error.ts";
import type { Conversation } from "../conversations/conversation.ts";
import { bodyOf } from "../conversations/submit-record.ts";
import { assertKeys } from "../keys/account-directory.ts";
import { problem } from "../problems.ts";
import { makeRoomRecord } from "./change-room.ts";
import { leftSetting } from "./left-room.ts";
import { changeRoomOf, type RoomParts } from "./room-parts.ts";

const initialSettings = { post: "member", invite: "admin", pin: "admin", rename: "admin" } as const;

export class Rooms {
  constructor(readonly parts: RoomParts) {}

  async create({ name, topic = "", picture = null, join, history, people = [] }: NewRoom): Promise<ConversationView> {
    const { core } = this.parts;
    await core.accounts.freshen(people);
    const members = [];
    for (const account of new Set(people)) members.push(assertKeys(await core.accounts.fresh(account)));
    const settings: RoomSettings = {
      ...initialSettings,
      join,
      handle: join === "invitation" ? null : trimmed(name),
      description: join === "invitation" ? null : trimmed(topic).slice(0, limits.roomDescriptionChars) || null,
    };
    const conversation = await this.#create(settings, { name: trimmed(name), topic: trimmed(topic), picture }, history, members);
    return this.parts.directory.view(conversation);
  }

  async #create(
    settings: RoomSettings,
    profile: RoomProfile,
    history: "shared" | "joined",
    members: Parameters<typeof createRoom>[1]["members"],
  ): Promise<Conversation> {
    const { core, directory } = this.parts;
    const author = { account: await core.accounts.fresh(core.me.account), device: core.me.device };
    const bytes = encodeRoomProfile(profile);
    const record = await createRoom(author, { settings, history, profile: bytes, members }, () => core.pause());
    const id = record.state.conversation;
    const { seq, at_ms } = await core.http.call(endpoints.addRecord, {
      params: { id },
      body: bodyOf(record),
      timeoutMs: 60_000,
    });
    core.time.seen(at_ms);
    const conversation = await directory.expectRoom(id, "active", { name: profile.name });
    await conversation.run(async () => {
      if ((conversation.chain.state?.index ?? -1) < 0) await conversation.chain.adopt(record.state, seq, at_ms);
      await conversation.profile.keep(bytes);
      if (record.epochKey !== null) await conversation.keyring.add(record.state, record.epochKey);
      await conversation.patch({ lastSeq: Math.max(seq, conversation.record.lastSeq), changedAtMs: at_ms });
    });
    await this.parts.read(id);
    return conversation;
  }

  /** Rooms that a script made in this account's name, or asked to join, wait for their first client with keys: this one. */
  async open({ id, room_name: name, description, record_hash, join }: RoomSummary): Promise<void> {
    if (name === null) return;
    if (id !== null) return record_hash === null ? undefined : void (await this.#ask(id, name, join, record_hash));
    const settings: RoomSettings = { ...initialSettings, join: "open", handle: name, description };
    const profile = { name, topic: description ?? "", picture: null };
    await this.#create(settings, profile, "shared", []).catch((error: unknown) => {
      // Another device of ours was faster.
      if (!hasCode(error, "room-exists")) throw error;
    });
  }

  async find(search: string): Promise<FoundRoom[]> {
    const { result } = await this.parts.core.http.call(endpoints.rooms, { query: { search } });
    return result.flatMap((room) =>
      room.room_name === null || room.join === "invitation" ? [] : [foundRoom(room, room.room_name)],
    );
  }

  async join(handle: string): Promise<ConversationView> {
    const { core, directory } = this.parts;
    const wanted = handle.trim().normalize("NFC").toLowerCase();
    const { result } = await core.http.call(endpoints.rooms, { query: { search: handle.trim() } });
    const found = result.find(({ room_name }) => room_name?.normalize("NFC").toLowerCase() === wanted);
    if (found === undefined || found.room_name === null) throw new ClientError("room-unknown");
    if (found.id === null) throw new ClientError("room-not-opened");
    if (found.member_role !== null) {
      await this.parts.read(found.id);
      return directory.view(directory.room(found.id));
    }
    if (found.record_hash === null) throw new ClientError("room-unknown");
    return directory.view(await this.#ask(found.id, found.room_name, found.join, found.record_hash));
  }

  async #ask(id: ConversationId, handle: string, join: RoomSummary["join"], recordHash: string): Promise<Conversation> {
    const { core, directory } = this.parts;
    const anchor = fromBase64url(recordHash);
    const author = { account: await core.accounts.fresh(core.me.account), device: core.me.device };
    const request = signedToJson(await createJoinRequest(author, id, anchor));
    const conversation = await directory.expectRoom(id, "pending", { handle, join, anchor });
    try {
      await core.http.call(endpoints.requestJoin, { params: { id }, body: { request } });
      await conversation.patch({ changedAtMs: Math.round(core.time.now()) });
    } catch (error) {
      if (hasCode(error, "room-joined")) await this.parts.read(id);
      else {
        if (!hasCode(error, "offline", "timeout")) await this.#giveUp(id);
        throw error;
      }
    }
    return conversation;
  }

  async withdraw(id: ConversationId): Promise<void> {
    const { core, directory } = this.parts;
    if (directory.room(id).record.state !== "pending") throw new ClientError("not-found");
    await core.http.call(endpoints.withdrawJoin, { params: { id } }).catch((error: unknown) => {
      if (!hasCode(error, "not-found")) throw error;
    });
    // Somebody may have been faster and let us in.
    if (directory.room(id).record.state === "pending") await this.#giveUp(id);
  }

  /** No longer waits to be let in. What is here of an earlier stay stays. */
  async #giveUp(id: ConversationId): Promise<void> {
    const { directory } = this.parts;
    const conversation = directory.room(id);
    if (!conversation.record.created) return directory.drop(id);
    await conversation.patch({ state: "former", failure: null });
    await conversation.settle();
  }

  async leave(id: ConversationId): Promise<void> {
    const { core } = this.parts;
    await changeRoomOf(this.parts, id, (chain) => (memberOf(chain, core.me.account) ? { changes: [{ kind: "leave" }] } : null));
    await this.forget(id);
  }

  async delete(id: ConversationId): Promise<void> {
    await changeRoomOf(this.parts, id, (chain) => (chain.room?.isDeleted ? null : { changes: [{ kind: "delete" }] }));
    await this.forget(id);
  }

  async forget(id: ConversationId): Promise<void> {
    const { core, directory } = this.parts;
    if (directory.room(id).record.state === "active") throw new ClientError("not-allowed");
    // Up to its end: a device that has read further than this one must know that it is meant, too.
    await this.parts.read(id);
    const conversation = directory.find(id);
    if (conversation === undefined) return;
    const { lastSeq, state } = conversation.record;
    if (state === "active") throw new ClientError("not-allowed");
    // First the vault: it tells our other devices that the room is gone by our own wish, and not by the server's.
    await core.vault.setSetting(leftSetting(id), lastSeq);
    await core.http.call(endpoints.forgetConversation, { params: { id } }).catch((error: unknown) => {
      if (!hasCode(error, "not-found")) throw error;
    });
    await directory.drop(id);
  }

  async update(id: ConversationId, changes: { name?: string; topic?: string; picture?: RoomPicture | null }): Promise<void> {
    const conversation = this.parts.directory.room(id);
    await changeRoomOf(this.parts, id, async (chain) => {
      // On what others have made of it meanwhile, so that nobody's change undoes another's.
      try {
        await conversation.profile.refresh(chain);
      } catch (error) {
        if (!hasCode(error, "profile-mismatch")) throw error;
        await conversation.chain.catchUp();
        if (conversation.chain.state !== chain) return "again";
        throw error;
      }
      const isWhole = changes.name !== undefined && changes.topic !== undefined && changes.picture !== undefined;
      const before = conversation.profile.current(chain) === null ? null : conversation.profile.profile;
      if (before === null && !isWhole) throw new ClientError("undecryptable", problem("undecryptable").message);
      const profile = encodeRoomProfile({
        name: changes.name === undefined ? (before?.name ?? "") : trimmed(changes.name),
        topic: changes.topic === undefined ? (before?.topic ?? "") : trimmed(changes.topic),
        picture: changes.picture === undefined ? (before?.picture ?? null) : changes.picture,
      });
      return hashed(profile);
    });
  }

  updateSettings(id: ConversationId, changes: Parameters<ChatApi["updateRoomSettings"]>[1]): Promise<void> {
    const conversation = this.parts.directory.room(id);
    return changeRoomOf(this.parts, id, (chain) => {
      if (chain.room === null) throw new ClientError("not-found");
      const before = chain.room.settings;
      const { history, description, ...rest } = changes;
      const join = rest.join ?? before.join;
      // What can be found needs a name in clear: the room's own.
      const handle = join === "invitation" ? null : (before.handle ?? conversation.record.room?.name ?? null);
      const text = description === undefined ? before.description : description === null ? null : trimmed(description) || null;
      const settings: RoomSettings = { ...before, ...rest, join, handle, description: join === "invitation" ? null : text };
      return { changes: [{ kind: "settings", settings }], ...(history === undefined ? {} : { history }) };
    });
  }

  setPinned(id: ConversationId, messageId: MessageId, pinned: boolean): Promise<void> {
    const conversation = this.parts.directory.room(id);
    return conversation.run(async () => {
      const { fromSeq, toSeq } = conversation.record;
      const message = await conversation.history.find(messageId, fromSeq, toSeq);
      await makeRoomRecord(conversation, (chain) => {
        const isPinned = chain.room?.pins.some((pin) => pin.messageId === messageId) ?? false;
        if (isPinned === pinned) return null;
        if (!pinned) return { changes: [{ kind: "unpin", messageId }] };
        if (message?.envelopeHash == null) throw new ClientError("not-found");
        return { changes: [{ kind: "pin", pin: { messageId, envelopeHash: message.envelopeHash } }] };
      });
    });
  }
}

const trimmed = (text: string): string => text.trim().normalize("NFC");

async function hashed(profile: Uint8Array<ArrayBuffer>): Promise<{ changes: RoomChange[]; profile: Uint8Array<ArrayBuffer> }> {
  return { changes: [{ kind: "profile", profile: await sha256(profile) }], profile };
}

function foundRoom(room: RoomSummary, handle: string): FoundRoom {
  return {
    conversation: room.id,
    handle,
    description: room.description,
    memberCount: room.member_count,
    join: room.join,
    isMember: room.member_role !== null,
    isPending: room.pending !== "no",
  };
}

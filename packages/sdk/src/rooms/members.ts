// The people in a room: who is in, who comes in, who has to go, and in which role.
import { memberOf, membersOf, verifyJoinRequest } from "@cychat/crypto";
import {
  type AccountId,
  type ConversationId,
  endpoints,
  type JoinPolicy,
  type Member,
  type Role,
  type Signed,
  signedFromJson,
} from "@cychat/protocol";
import type { JoinRequestView, RoomMemberView, RoomPeopleView } from "../client-api.ts";
import { ClientError } from "../client-error.ts";
import { assertKeys } from "../keys/account-directory.ts";
import { changeRoomOf, type RoomParts } from "./room-parts.ts";
import { mayDoWith } from "./room-record.ts";

const ranks: readonly Role[] = ["owner", "admin", "member"];
const nothing = { remove: false, ban: false, roles: [] } as const;

export class Members {
  constructor(readonly parts: RoomParts) {}

  async people(id: ConversationId): Promise<RoomPeopleView> {
    const { core, directory, contacts, names } = this.parts;
    const conversation = directory.room(id);
    const { members, banned } = await core.http.call(endpoints.roomMembers, { params: { id } });
    await names.take([...members, ...banned]);
    for (const { id: account, read_seq: readSeq, delivered_seq: deliveredSeq } of members) {
      if (account !== core.me.account) conversation.progress.set(account, { readSeq, deliveredSeq });
    }
    const presence = new Map(members.map((member) => [member.id, member.presence]));
    const chain = await conversation.run(async () => conversation.chain.state);
    if (chain === null) return { members: [], banned: [] };
    const own = memberOf(chain, core.me.account)?.role ?? null;
    // Who is in, and in which role, is what the records say; the server adds names and presence.
    const views = membersOf(chain).map(
      ({ account, role }): RoomMemberView => ({
        ...names.of(account),
        role,
        presence: presence.get(account) ?? "offline",
        isContact: contacts.get(account) !== undefined,
        isMe: account === core.me.account,
        may:
          account === core.me.account ? { ...nothing, roles: own === "owner" ? ["admin", "member"] : [] } : mayDoWith(own, role),
        problem: core.accounts.problem(account),
      }),
    );
    views.sort(
      (a, b) => ranks.indexOf(a.role) - ranks.indexOf(b.role) || a.nickname.localeCompare(b.nickname) || (a.id < b.id ? -1 : 1),
    );
    return { members: views, banned: (chain.room?.bans ?? []).map((account) => names.of(account)) };
  }

  async add(id: ConversationId, who: { email: string } | { account: AccountId }): Promise<void> {
    const { core, contacts } = this.parts;
    const account = "account" in who ? who.account : (contacts.withEmail(who.email)?.id ?? (await this.#find(who.email)));
    const state = assertKeys(await core.accounts.fresh(account));
    await changeRoomOf(this.parts, id, (chain) => {
      if (memberOf(chain, account) !== undefined) throw new ClientError("room-joined", "This person is in the room already.");
      const member: Member = { account, identityHash: state.identityHash, role: "member", generation: state.newestGeneration };
      return { changes: [{ kind: "add", member }] };
    });
  }

  /** The address of somebody who is no contact yet: they become one, as with a first message. */
  async #find(email: string): Promise<AccountId> {
    return (await this.parts.contacts.add({ email })).id;
  }

  remove(id: ConversationId, account: AccountId, { ban = false }: { ban?: boolean } = {}): Promise<void> {
    return changeRoomOf(this.parts, id, (chain) => {
      if (memberOf(chain, account) !== undefined) return { changes: [{ kind: "remove", account, ban }] };
      const isBanned = chain.room?.bans.includes(account) ?? false;
      return ban && !isBanned ? { changes: [{ kind: "ban", account }] } : null;
    });
  }

  unban(id: ConversationId, account: AccountId): Promise<void> {
    return changeRoomOf(this.parts, id, (chain) =>
      chain.room?.bans.includes(account) ? { changes: [{ kind: "unban", account }] } : null,
    );
  }

  setRole(id: ConversationId, account: AccountId, role: Role): Promise<void> {
    return changeRoomOf(this.parts, id, (chain) => {
      const member = memberOf(chain, account);
      if (member === undefined) throw new ClientError("not-found");
      return member.role === role ? null : { changes: [{ kind: "role", account, role }] };
    });
  }

  handOver(id: ConversationId, account: AccountId): Promise<void> {
    const me = this.parts.core.me.account;
    return changeRoomOf(this.parts, id, (chain) => {
      if (memberOf(chain, account) === undefined || account === me) throw new ClientError("not-found");
      if (memberOf(chain, me)?.role !== "owner") throw new ClientError("not-allowed");
      return {
        changes: [
          { kind: "role", account, role: "owner" },
          { kind: "role", account: me, role: "admin" },
        ],
      };
    });
  }

  async joinRequests(id: ConversationId): Promise<JoinRequestView[]> {
    const { core, directory, names } = this.parts;
    directory.room(id);
    const { requests } = await core.http.call(endpoints.joinRequests, { params: { id } });
    await names.take(requests.map(({ person }) => person));
    return requests.map(({ person, at_ms }) => ({
      person: { id: person.id, nickname: person.nickname, pictureVersion: person.picture_version },
      atMs: at_ms,
    }));
  }

  async answerJoinRequest(id: ConversationId, account: AccountId, action: "admit" | "decline"): Promise<void> {
    const { core } = this.parts;
    if (action === "decline") {
      await core.http.call(endpoints.declineJoin, { params: { id, account } });
      return this.parts.read(id);
    }
    const { requests } = await core.http.call(endpoints.joinRequests, { params: { id } });
    const found = requests.find(({ person }) => person.id === account);
    if (found === undefined) throw new ClientError("not-found");
    await this.admit(id, account, signedFromJson(found.request));
    await this.parts.read(id);
  }

  /**
   * Lets somebody in who asked. Somebody else may have done so meanwhile. `onlyIf`: how the room must be joined when it
   * happens, for devices that answer by themselves.
   */
  async admit(id: ConversationId, account: AccountId, request: Signed, onlyIf?: JoinPolicy): Promise<void> {
    const { core } = this.parts;
    const state = assertKeys(await core.accounts.refresh(account));
    const asked = await verifyJoinRequest(request, state);
    if (asked.conversation !== id || asked.account !== account) throw new ClientError("not-found");
    await changeRoomOf(this.parts, id, (chain) => {
      const isOtherwise = onlyIf !== undefined && chain.room?.settings.join !== onlyIf;
      if (isOtherwise || memberOf(chain, account) !== undefined) return null;
      return { changes: [{ kind: "admit", request, generation: state.newestGeneration }] };
    });
  }
}

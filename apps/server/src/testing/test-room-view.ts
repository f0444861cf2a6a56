// What follows from a room's changes, in a few lines of its own, so that the server is not compared with itself.
import { type AccountId, decodeJoinRequest, type Member, type RoomChange, type RoomState } from "@cychat/protocol";
import type { TestAccount } from "./test-account.ts";

/** What a client knows of a room after a record. */
export interface RoomView {
  readonly index: number;
  readonly epoch: number;
  readonly head: Uint8Array<ArrayBuffer>;
  readonly history: "shared" | "joined";
  readonly commitment: Uint8Array<ArrayBuffer>;
  /** In the order of coming in; those who came in together by account. */
  readonly members: readonly Member[];
  readonly state: RoomState;
}

/** Members and state after these changes. */
export function applied(view: RoomView, author: TestAccount, changes: readonly RoomChange[]) {
  let members = [...view.members];
  let state: RoomState = { ...view.state };
  const set = (account: AccountId, fields: Partial<Member>) => {
    members = members.map((member) => (member.account === account ? { ...member, ...fields } : member));
  };
  const drop = (account: AccountId) => {
    members = members.filter((member) => member.account !== account);
  };
  for (const change of changes) {
    switch (change.kind) {
      case "renew":
        for (const [account, generation] of change.generations) set(account, { generation });
        break;
      case "add":
        members.push(change.member);
        break;
      case "admit": {
        const { account, identityHash: identity } = decodeJoinRequest(change.request.payload);
        members.push({ account, identityHash: identity, role: "member", generation: change.generation });
        break;
      }
      case "join": {
        const { identityHash: identity, generation, invite } = change;
        members.push({ account: author.id, identityHash: identity, role: "member", generation });
        const invites = state.invites.flatMap((one) =>
          one.id !== invite ? [one] : one.uses > 1 ? [{ ...one, uses: one.uses - 1 }] : [],
        );
        state = { ...state, invites };
        break;
      }
      case "remove":
        drop(change.account);
        if (change.ban) state = { ...state, bans: [...state.bans, change.account].sort() };
        break;
      case "leave":
        drop(author.id);
        break;
      case "ban":
        state = { ...state, bans: [...state.bans, change.account].sort() };
        break;
      case "unban":
        state = { ...state, bans: state.bans.filter((account) => account !== change.account) };
        break;
      case "role":
        set(change.account, { role: change.role });
        break;
      case "settings":
        state = { ...state, settings: change.settings };
        break;
      case "profile":
        state = { ...state, profile: change.profile };
        break;
      case "invite":
        state = { ...state, invites: [...state.invites, change.invite] };
        break;
      case "end-invite":
        state = { ...state, invites: state.invites.filter(({ id }) => id !== change.invite) };
        break;
      case "pin":
        state = { ...state, pins: [...state.pins, change.pin] };
        break;
      case "unpin":
        state = { ...state, pins: state.pins.filter(({ messageId }) => messageId !== change.messageId) };
        break;
      case "delete":
        state = { ...state, isDeleted: true };
    }
  }
  // `members` stands in the order of coming in, so the first of the highest role has stood the longest.
  if (members.length === 0) state = { ...state, isDeleted: true };
  else if (!members.some(({ role }) => role === "owner")) {
    const heir = members.find(({ role }) => role === "admin") ?? (members[0] as Member);
    set(heir.account, { role: "owner" });
  }
  return { members, state };
}

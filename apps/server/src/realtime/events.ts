// What the features announce. Commit first, then announce: never inside a transaction.
import type { AccountId, ConversationId, DeviceId, ServerFrame, SessionId, User } from "@cychat/protocol";
import type { Bus } from "./bus.ts";

export type { Bus } from "./bus.ts";

export interface Announcement {
  readonly to: Iterable<AccountId>;
  readonly frame: ServerFrame;
}

export interface Events {
  /** Sends a frame to every connection of these accounts. */
  announce(announcement: Announcement): void;
  /** Closes the sockets of this session at once (4404). */
  sessionRevoked(account: AccountId, session: SessionId): void;
  /** Open sockets of this session may send from now on. */
  deviceBound(account: AccountId, session: SessionId, device: DeviceId): void;
  /** After any change to the members of a conversation or to their states. */
  membersChanged(conversation: ConversationId): void;
  /** After any change to who waits to be let into a room, or for lost keys. */
  requestsChanged(conversation: ConversationId): void;
  /** After a change of an account's chat status: tells those who may see it. */
  chatStatusChanged(account: AccountId, status: User["chat_status"]): void;
}

export function createEvents(bus: Bus): Events {
  return {
    announce: ({ to, frame }) => bus.publish({ kind: "frame", to: [...to], frame }),
    sessionRevoked: (account, session) => bus.publish({ kind: "session-revoked", account, session }),
    deviceBound: (account, session, device) => bus.publish({ kind: "device-bound", account, session, device }),
    membersChanged: (conversation) => bus.publish({ kind: "members-changed", conversation }),
    requestsChanged: (conversation) => bus.publish({ kind: "requests-changed", conversation }),
    chatStatusChanged: (account, status) => bus.publish({ kind: "chat-status", account, status }),
  };
}

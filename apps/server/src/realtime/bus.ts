// How one part of the server, or one node of it, tells the others. A hint each: losing one delays and never loses.
import type { AccountId, ConversationId, DeviceId, Entry, ServerFrame, SessionId, User } from "@cychat/protocol";

export type BusMessage =
  /** A frame for every connection of these accounts. */
  | { readonly kind: "frame"; readonly to: readonly AccountId[]; readonly frame: ServerFrame }
  /** A committed entry, for every connection of these accounts but the one that sent it. */
  | {
      readonly kind: "entry";
      readonly to: readonly AccountId[];
      readonly conversation: ConversationId;
      readonly entry: Entry;
      /** The connection that gets an `ack` instead. */
      readonly from: string | null;
    }
  | { readonly kind: "session-revoked"; readonly account: AccountId; readonly session: SessionId }
  | { readonly kind: "device-bound"; readonly account: AccountId; readonly session: SessionId; readonly device: DeviceId }
  /** Members of a conversation, or their states, are others than before. */
  | { readonly kind: "members-changed"; readonly conversation: ConversationId }
  /** Somebody asks a room's members for something, or does not any more. */
  | { readonly kind: "requests-changed"; readonly conversation: ConversationId }
  | { readonly kind: "chat-status"; readonly account: AccountId; readonly status: User["chat_status"] };

export interface Bus {
  publish(message: BusMessage): void;
  /** Every node hears every message, its own too, in the order of publishing. */
  subscribe(listener: (message: BusMessage) => void): void;
}

/** One process: hears itself at once. */
export function createMemoryBus(): Bus {
  const listeners: ((message: BusMessage) => void)[] = [];
  return {
    publish: (message) => {
      for (const listener of listeners) listener(message);
    },
    subscribe: (listener) => void listeners.push(listener),
  };
}

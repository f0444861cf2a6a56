// "… is typing": told, never kept.
import type { AccountId, ConversationId } from "@cychat/protocol";
import { type Directory, isSmall } from "../chats/service.ts";
import type { Connection } from "./connection.ts";
import type { Events } from "./events.ts";

const burst = 10;
const perSecond = 3;

/** `onRefused` is called when the account is no member there; too many are dropped without a word. */
export type Typing = (
  connection: Connection,
  account: AccountId,
  conversation: ConversationId,
  active: boolean,
  onRefused: () => void,
) => void;

export function createTyping(directory: Directory, events: Events): Typing {
  return (connection, account, conversation, active, onRefused) => {
    if (!mayTell(connection)) return;
    directory.withMembers(conversation, (members) => {
      const own = members?.states.get(account);
      if (!members || !own) return onRefused();
      // Who has not accepted a request, or stands aside, does not show that they are there.
      if (own !== "active" || !isSmall(members)) return;
      const to = [...members.states].filter(([other, state]) => other !== account && state === "active").map(([other]) => other);
      events.announce({ to, frame: { type: "typing", conversation, account, active } });
    });
  };
}

function mayTell(connection: Connection): boolean {
  const nowMs = Date.now();
  const earned = ((nowMs - connection.typingAtMs) * perSecond) / 1000;
  const tokens = Math.min(burst, connection.typingTokens + earned);
  connection.typingAtMs = nowMs;
  connection.typingTokens = tokens >= 1 ? tokens - 1 : tokens;
  return tokens >= 1;
}

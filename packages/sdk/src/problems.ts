// What is wrong with a conversation or a message, in the user's words. The codes are stable; texts may change.
import { CryptoError } from "@cychat/crypto";
import type { Problem } from "./client-api.ts";
import { toClientError } from "./client-error.ts";

const texts: Readonly<Record<string, string>> = {
  "identity-changed": "This person's security key has changed. Compare the safety number before you go on.",
  fork: "The server showed two different versions of the same history. What you write may not reach who you think.",
  rollback: "The server shows an older state of this conversation than this device has already seen.",
  "broken-chain": "The server shows a history with a piece missing.",
  "bad-signature": "A signature does not verify: somebody other than the sender may have made or changed this.",
  gap: "A message before this one is missing.",
  replayed: "The server showed an old message once more. The copy is hidden.",
  reordered: "The server showed messages of one device in another order than they were sent.",
  forked: "The sending device shows two different pasts.",
  undecryptable: "The key for this message has not arrived yet. It appears by itself as soon as it does.",
  "unknown-device": "The sending device is not one that this person has certified.",
  "device-revoked": "The device that sent this was signed out by its owner, yet its key is still in use.",
  "late-epoch": "This message was placed after its key had been replaced.",
  "not-a-member": "The sender is not a member of this conversation.",
  "not-a-message": "What the server holds here is not what its sender made.",
  "unexplained-erasure": "The server no longer has this message, and no signed deletion says why.",
  "history-truncated": "The server holds back messages of this room that you are entitled to read.",
  "member-list-mismatch": "The server showed members of this conversation that its signed records do not name.",
  "not-allowed": "Somebody did something in this room that their role does not allow. It does not count.",
  "rotation-missing": "Somebody left this room without its key being renewed. The change does not count.",
  "already-member": "The server showed somebody coming into this room twice. It does not count.",
  banned: "The server showed somebody coming in who is banned from this room. It does not count.",
  "invite-ended": "The server showed somebody coming in by an invite link that had ended. It does not count.",
  "profile-mismatch": "The server shows another name or picture of this room than its members have chosen.",
  "membership-unproved": "The server says that you are no member of this room any more, and shows no proof of it.",
  "request-forged":
    "The server passed on a request in somebody's name that they did not sign. Nobody was let in, and no key was given away.",
  "join-declined": "Your wish to come into this room was turned down, or withdrawn.",
  "commitment-mismatch": "A key of this conversation is not the one that its signed records name.",
  "wrong-conversation": "The server showed records of another conversation in the place of this one.",
  "unknown-record": "The sender knows of a change in this conversation that the server does not show here.",
  "unknown-epoch": "The sender uses a newer key of this conversation, and the server does not show its record here.",
  "malformed-structure": "What the server shows here is damaged, or was made by a newer version of CyChat.",
  "too-large": "What the server shows here is larger than anything that CyChat makes.",
  "account-behind": "Somebody used keys here that the server does not show.",
  "room-deleted": "The server showed something that happened in this room after its end. It does not count.",
  "message-id-reused": "The server already has another message under this name.",
};

export function problem(code: string): Problem {
  return { code, message: texts[code] ?? "This could not be read." };
}

export function problemOf(error: unknown): Problem {
  const { code, message } = error instanceof CryptoError ? error : toClientError(error);
  return { code, message: texts[code] ?? message };
}

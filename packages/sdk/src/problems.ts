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
  "message-id-reused": "The server already has another message under this name.",
};

export function problem(code: string): Problem {
  return { code, message: texts[code] ?? "This could not be read." };
}

export function problemOf(error: unknown): Problem {
  const { code, message } = error instanceof CryptoError ? error : toClientError(error);
  return { code, message: texts[code] ?? message };
}

import { CryptoError } from "@cychat/crypto";
import { isRefusalCode, type ProtocolError, refusals } from "@cychat/protocol";

/** What the client itself refuses with, beside the server's refusals and the codes of `CryptoError`. */
export const clientRefusals = {
  offline: "There is no connection to the server right now.",
  "unexpected-answer": "The server gave an answer that this client does not understand.",
  "wrong-password": "The password is wrong.",
  "wrong-recovery-key": "The recovery key is wrong.",
  "password-required": "Enter your password to go on.",
  "no-recovery-key-prepared": "Make a recovery key first.",
  locked: "Unlock your account first.",
  "signed-out": "Log in first.",
  "already-signed-in": "Log out first.",
  "unsent-messages": "Some messages are not sent yet.",
  "empty-message": "There is nothing to send.",
  "too-long": "The message is too long.",
  "too-many-files": "These are too many files for one message.",
  "file-unreadable": "This file cannot be read: it was moved or changed, or this program may not open it. Choose it again.",
  "file-gone": "The server does not have this file any more.",
  "sending-blocked": "Look at the warning in this conversation before you write.",
  "invite-malformed": "This is no invite link, or a piece of it is missing.",
  "not-found": "There is nothing here, or it is not yours.",
  "not-yours": "Only your own messages can be deleted.",
  cancelled: "This was cancelled.",
  closed: "This client was closed.",
  timeout: "That took too long.",
  "insecure-context": "Browsers offer encryption on https addresses and on localhost only. Open this page by https.",
  interrupted: "Another tab took over while this was under way. Look whether it was done.",
} as const;

/**
 * Why something could not be done: a stable `code`, and a message for people. `details` never carries content or keys.
 * @example try { await client.logIn(input) } catch (error) { if (error instanceof ClientError) show(error.message) }
 */
export class ClientError extends Error {
  override readonly name = "ClientError";
  constructor(
    readonly code: string,
    message: string = messageOf(code),
    readonly details?: unknown,
  ) {
    super(message);
  }
}

function messageOf(code: string): string {
  if (Object.hasOwn(clientRefusals, code)) return clientRefusals[code as keyof typeof clientRefusals];
  return isRefusalCode(code) ? refusals[code][1] : "Something went wrong.";
}

/** Any error as a `ClientError`, so that a caller never sees another family. */
export function toClientError(error: unknown): ClientError {
  if (error instanceof ClientError) return error;
  if (error instanceof CryptoError) {
    return new ClientError(error.code, error.message, error.position === undefined ? undefined : { position: error.position });
  }
  if (error instanceof Error && error.name === "ProtocolError") {
    const refusal = error as ProtocolError;
    return new ClientError(refusal.code, refusal.message, refusal.details);
  }
  if (error instanceof DOMException && error.name === "AbortError") return new ClientError("cancelled");
  return new ClientError("internal", error instanceof Error ? error.message : "Something went wrong.");
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return (error instanceof ClientError || error instanceof CryptoError) && codes.includes(error.code);
}

/** Whether trying again later may go better: the network, a busy server. */
export function isTransient(error: unknown): boolean {
  return hasCode(error, "offline", "timeout", "overloaded", "rate-limited", "shutting-down", "internal");
}

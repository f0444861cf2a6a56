/**
 * Every stable refusal code of the REST and socket contract, with its HTTP status and its plain-words message.
 * A code never changes its meaning; texts may. See PROTOCOL.md section 8.
 */
export const refusals = {
  "malformed-json": [400, "The body is not valid JSON."],
  "malformed-request": [422, "The request does not have the expected form."],
  "malformed-frame": [400, "The frame is not valid JSON, or not one of the frames this socket takes."],
  "malformed-structure": [422, "A signed or sealed structure is not well formed."],
  "unsupported-media-type": [415, "This endpoint does not take that content type."],
  "too-large": [413, "That is larger than this server accepts."],
  "not-found": [404, "There is nothing here, or it is not yours."],
  "method-not-allowed": [405, "This address does not take that method."],
  "not-authenticated": [401, "Log in first."],
  "token-invalid": [401, "This token is not valid."],
  "token-expired": [401, "This token has expired."],
  "token-revoked": [401, "This session was signed out."],
  "refresh-token-reused": [401, "This refresh token was already used, so its session was signed out."],
  "wrong-credentials": [401, "The e-mail address or the password is wrong."],
  "registration-failed": [400, "An account cannot be made with this e-mail address."],
  "registration-closed": [403, "This server does not take new accounts."],
  "rate-limited": [429, "Too many attempts. Wait a little and try again."],
  overloaded: [503, "The server is busy. Try again in a moment."],
  "shutting-down": [503, "The server is restarting. Try again in a moment."],
  "contact-unknown": [400, "Nobody with this e-mail address or nickname can be found."],
  "contact-ambiguous": [400, "Several people have this nickname. Use the e-mail address."],
  "contact-self": [400, "You cannot add yourself."],
  "contact-exists": [400, "This person is already one of your contacts."],
  "no-keys": [409, "This account has no keys yet; its owner's first client makes them."],
  "keys-exist": [409, "This account already has keys."],
  "bad-signature": [422, "A signature does not verify."],
  "version-conflict": [409, "Another device was faster. Read the newer version and try again."],
  "record-conflict": [409, "Another device was faster. Read the records you missed and try again."],
  "epoch-closed": [409, "The conversation has moved to a newer key. Encrypt again with that one."],
  "rotation-due": [409, "Somebody left or has new keys: the conversation needs a new key before the next message."],
  "not-allowed": [403, "Your role in this room does not allow that."],
  banned: [403, "You cannot join this room."],
  "room-exists": [400, "A room with this name already exists. Choose another one, or join it."],
  "room-unknown": [400, "There is no room with this name that you could join."],
  "room-joined": [400, "You are a member of this room already."],
  "room-not-opened": [409, "This room was made without keys. It can be used once its owner has opened it in CyChat."],
  "room-full": [409, "This room has as many members as it can take."],
  "room-deleted": [410, "This room was deleted."],
  "invite-ended": [410, "This invite link has expired, was used up, or was withdrawn."],
  "seal-missing": [422, "The record does not carry a sealed key for every member's newest encryption key."],
  "not-encrypted": [422, "This server takes encrypted envelopes only."],
  "envelope-mismatch": [422, "The envelope names another sender, device or conversation than this request."],
  "message-id-reused": [409, "This message id was already used for other content."],
  "device-unknown": [403, "This session has not registered its device."],
  "last-unlock-method": [409, "The last way to unlock an account cannot be removed."],
  "unknown-method": [404, "There is no such unlock method."],
  "picture-invalid": [422, "The picture is not a PNG, JPEG or WebP image."],
  "file-too-large": [413, "This file is larger than this server accepts."],
  "quota-exceeded": [413, "There is no room left for your files on this server."],
  "storage-full": [507, "The server has no space left for files. Tell whoever runs it."],
  "blob-missing": [422, "A file of this message is not on the server, or not whole."],
  "feature-disabled": [404, "This server does not offer that."],
  internal: [500, "Something went wrong on the server."],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type RefusalCode = keyof typeof refusals;

export function isRefusalCode(code: string): code is RefusalCode {
  return Object.hasOwn(refusals, code);
}

/** A refusal that both sides understand: `code` is stable, `message` is for people, `details` never carries content. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  constructor(
    readonly code: RefusalCode,
    message: string = refusals[code][1],
    readonly details?: unknown,
  ) {
    super(message);
  }
  get status(): number {
    return refusals[this.code][0];
  }
}

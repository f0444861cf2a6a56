// What somebody asks a room's members for: to be let in (P9.9), or for lost epoch keys (P9.13).
import {
  type ConversationId,
  decodeJoinRequest,
  decodeSealRequest,
  encodeJoinRequest,
  encodeSealRequest,
  equalBytes,
  type JoinRequest,
  labels,
  type SealRequest,
  type Signed,
} from "@cychat/protocol";
import type { AccountState } from "./account-log.ts";
import type { Author } from "./epochs.ts";
import { CryptoError, decoded } from "./errors.ts";
import { sign, verify } from "./identity.ts";
import type { Bytes } from "./primitives.ts";

/** `recordHash`: of the newest record that was shown. Throws not-allowed for an account without keys. */
export async function createJoinRequest(author: Author, conversation: ConversationId, recordHash: Bytes): Promise<Signed> {
  const { identityHash, newestGeneration: generation } = author.account;
  if (generation === 0) throw new CryptoError("not-allowed", "An account without keys cannot be a member yet.");
  const payload = encodeJoinRequest({ ...asking(author, conversation, recordHash), identityHash, generation });
  return sign(author.device.privateKey, labels.joinRequest, payload);
}

/**
 * Whether `account` has asked this; for which room and at which of its records is for the caller to compare. Throws
 * malformed-structure, bad-signature, fork, account-behind, unknown-device, device-revoked, identity-changed.
 */
export async function verifyJoinRequest(request: Signed, account: AccountState): Promise<JoinRequest> {
  const asked = decoded(() => decodeJoinRequest(request.payload));
  await checkAsking(request, labels.joinRequest, asked, account);
  if (!equalBytes(asked.identityHash, account.identityHash)) throw new CryptoError("identity-changed");
  return asked;
}

/** To have `epochs` sealed again to encryption key `generation`. */
export async function createSealRequest(
  author: Author,
  conversation: ConversationId,
  recordHash: Bytes,
  generation: number,
  epochs: readonly number[],
): Promise<Signed> {
  const payload = encodeSealRequest({ ...asking(author, conversation, recordHash), generation, epochs });
  // What is asked in a form that nobody can read would never be answered.
  decoded(() => decodeSealRequest(payload));
  return sign(author.device.privateKey, labels.sealRequest, payload);
}

/** Which of the epochs the account may read is for the caller to decide (`readableEpochs`). Throws as `verifyJoinRequest`. */
export async function verifySealRequest(request: Signed, account: AccountState): Promise<SealRequest> {
  const asked = decoded(() => decodeSealRequest(request.payload));
  await checkAsking(request, labels.sealRequest, asked, account);
  return asked;
}

function asking({ account, device }: Author, conversation: ConversationId, recordHash: Bytes) {
  const accountLog = [account.head.n, account.head.hash] as const;
  return { conversation, account: account.account, device: device.id, accountLog, recordHash };
}

/** The device was certified, and not yet ended, at the place in the account log that the request names. */
async function checkAsking(
  request: Signed,
  label: typeof labels.joinRequest | typeof labels.sealRequest,
  asked: JoinRequest | SealRequest,
  account: AccountState,
): Promise<void> {
  if (asked.account !== account.account) throw new CryptoError("bad-signature", "The request is of another account.");
  const [n, hash] = asked.accountLog;
  const known = account.hashes[n];
  const publishedAt = account.generationEntries.get(asked.generation);
  if (known === undefined || publishedAt === undefined) throw new CryptoError("account-behind");
  if (!equalBytes(known, hash)) throw new CryptoError("fork", "The request names another account log than the one known here.");
  const device = account.devices.get(asked.device);
  if (device === undefined || device.n > n) throw new CryptoError("unknown-device");
  if (device.endedAt !== null && device.endedAt <= Math.max(n, publishedAt)) throw new CryptoError("device-revoked");
  await verify(device.publicKey, label, request);
}

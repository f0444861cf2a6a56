// One record of a conversation against those before it and the keys of whom it names, which are read anew where they may be
// older than the record.
import { type ChainState, membersOf, type RecordPin, verifyRecord } from "@cychat/crypto";
import {
  type AccountId,
  type ConversationId,
  decodeJoinRequest,
  decodeRecord,
  fromBase64url,
  type RecordEntry,
  signedFromJson,
} from "@cychat/protocol";
import { hasCode } from "../client-error.ts";
import type { Core } from "../core.ts";

/** What a record is refused for that was written by a device, or for a key, that is newer than what is known here. */
const outdated = ["account-behind", "unknown-device", "rollback", "identity-changed"] as const;

/** `state`: after the record before it, null for the first one. Throws what verifying throws, and what reading keys throws. */
export async function verifiedRecord(
  core: Core,
  conversation: ConversationId,
  state: ChainState | null,
  entry: Pick<RecordEntry, "record" | "members" | "seq">,
  pin: RecordPin | null,
): Promise<ChainState> {
  const memberList = entry.members === null ? null : fromBase64url(entry.members);
  const evidence = { record: signedFromJson(entry.record), memberList, seq: entry.seq };
  const options = { conversation, pin, nowMs: core.time.now() };
  const resolve = (account: AccountId) => core.accounts.get(account);
  try {
    return await verifyRecord(state, evidence, resolve, options);
  } catch (error) {
    if (!hasCode(error, ...outdated)) throw error;
    const members = state === null || state.kind === "room" ? [] : membersOf(state).map((member) => member.account);
    // Also our own: another of our devices may have rolled the key that a first record already names.
    const accounts = new Set([...namedIn(evidence.record.payload), core.me.account, ...members]);
    await Promise.all([...accounts].map((account) => core.accounts.reread(account)));
    return verifyRecord(state, evidence, resolve, options);
  }
}

/** Whose signatures it carries. What is no join request is refused when it is verified. */
function namedIn(payload: Uint8Array<ArrayBuffer>): AccountId[] {
  const { author, changes } = decodeRecord(payload);
  const accounts = [author];
  for (const change of changes) {
    if (change.kind !== "admit") continue;
    try {
      accounts.push(decodeJoinRequest(change.request.payload).account);
    } catch {}
  }
  return accounts;
}

// Hands a record of our own to the server, which takes it only if it is the next one; else what was faster is taken here.
import type { NewRecord } from "@cychat/crypto";
import { endpoints, RecordEntry, signedToJson, toBase64url } from "@cychat/protocol";
import { checked } from "../checked.ts";
import { type ClientError, hasCode } from "../client-error.ts";
import type { Conversation } from "./conversation.ts";

const textsOf = <T extends { encapsulated: Uint8Array; ciphertext: Uint8Array }>({ encapsulated, ciphertext, ...rest }: T) => ({
  ...rest,
  encapsulated: toBase64url(encapsulated),
  ciphertext: toBase64url(ciphertext),
});

/** What the endpoint takes. */
export function bodyOf({ record, memberList, seals, letters, profile }: NewRecord) {
  return {
    record: signedToJson(record),
    members: memberList && toBase64url(memberList),
    seals: seals.map(textsOf),
    letters: letters.map(textsOf),
    profile: profile && toBase64url(profile),
  };
}

/** A thousand sealed keys take a while on their way. */
const timeoutMs = 60_000;

/** Runs in the conversation's queue. False: it was not taken, and what is newer is known by now. */
export async function submitRecord(conversation: Conversation, record: NewRecord): Promise<boolean> {
  const { core, id } = conversation;
  try {
    const { seq, at_ms } = await core.http.call(endpoints.addRecord, { params: { id }, body: bodyOf(record), timeoutMs });
    core.time.seen(at_ms);
    await conversation.chain.adopt(record.state, seq, at_ms);
    await conversation.patch({ created: true, lastSeq: Math.max(seq, conversation.record.lastSeq) });
    if (record.epochKey !== null) await conversation.keyring.add(record.state, record.epochKey);
    return true;
  } catch (error) {
    if (hasCode(error, "record-conflict")) await takeTheirs(conversation, error as ClientError);
    // A key was rolled while we sealed to the one before it.
    else if (hasCode(error, "seal-missing")) {
      core.accounts.stale();
      conversation.memberKeys.stale();
    } else throw error;
    return false;
  }
}

async function takeTheirs(conversation: Conversation, conflict: ClientError): Promise<void> {
  const { records } = (conflict.details ?? {}) as { records?: unknown };
  const theirs = (Array.isArray(records) ? records : [])
    .map((record) => checked(RecordEntry, record))
    .filter((record) => record !== undefined);
  if (theirs.length > 0) await conversation.chain.apply(theirs);
  else await conversation.chain.catchUp();
  conversation.keyring.hint();
  await conversation.patch({ created: true });
}

// Changes a room by a record of its own, made again on the newest state as long as somebody else is faster.
import { type ChainState, changeRoom, membersOf } from "@cychat/crypto";
import type { RoomChange } from "@cychat/protocol";
import { ClientError, hasCode } from "../client-error.ts";
import type { Conversation } from "../conversations/conversation.ts";
import { submitRecord } from "../conversations/submit-record.ts";
import { problemOf } from "../problems.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export interface WantedChange {
  readonly changes: readonly RoomChange[];
  /** With a change of the profile: its plaintext. */
  readonly profile?: Bytes;
  readonly history?: "shared" | "joined";
  readonly renew?: boolean;
}

/** From the state as it is right now; null when there is nothing to do any more, `again` when a newer state is known by now. */
export type MakeChange = (chain: ChainState) => Promise<WantedChange | "again" | null> | WantedChange | null;

const attempts = 12;

/** In the conversation's queue. Throws what the records and the server refuse, offline, record-conflict. */
export async function makeRoomRecord(conversation: Conversation, make: MakeChange): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const chain = conversation.chain.state;
    if (chain === null) {
      await conversation.chain.catchUp();
      continue;
    }
    const wanted = await make(chain);
    if (wanted === "again") continue;
    if (wanted === null || (await attemptRecord(conversation, chain, wanted))) return;
  }
  throw new ClientError("record-conflict");
}

/** The same, in a turn of the queue of its own. */
export function changeRoomBy(conversation: Conversation, make: MakeChange): Promise<void> {
  return conversation.run(() => makeRoomRecord(conversation, make));
}

/** What the server shows in place of the profile is told by settling the room; it keeps nobody from changing the room. */
function unlessMismatch(error: unknown): void {
  if (!hasCode(error, "profile-mismatch")) throw error;
}

/** One try on the state as it is known. False: somebody else was faster. */
export async function attemptRecord(conversation: Conversation, chain: ChainState, wanted: WantedChange): Promise<boolean> {
  const { core, memberKeys, keyring, profile } = conversation;
  const author = { account: await core.accounts.fresh(core.me.account), device: core.me.device };
  // The open key is needed for letters and for the profile; a record that opens the next epoch does without.
  await keyring.key(chain, chain.epoch);
  // A record with a new key brings the profile along, so that it is never left under a key that is destroyed.
  if (wanted.profile === undefined) await profile.refresh(chain).catch(unlessMismatch);
  let isPrefetched = false;
  const newProfile = wanted.profile;
  try {
    const record = await changeRoom(chain, author, wanted.changes, {
      resolve: async (account) => {
        // Asked for one, all will be needed: a record that seals a key seals it to everybody.
        if (!isPrefetched && core.accounts.known(account) === undefined)
          await memberKeys.prefetch(membersOf(chain).map((member) => member.account));
        isPrefetched = true;
        return memberKeys.resolve(account, chain);
      },
      epochKeys: keyring.keys,
      profile: newProfile ?? profile.current(chain),
      ...(wanted.history === undefined ? {} : { history: wanted.history }),
      nowMs: core.time.now(),
      renew: wanted.renew === true,
      pause: () => core.pause(),
    });
    if (!(await submitRecord(conversation, record))) return false;
    if (newProfile !== undefined) await profile.keep(newProfile);
    return true;
  } catch (error) {
    if (!hasCode(error, "identity-changed")) throw error;
    // Nobody seals to a key that the records do not know. An admin can remove whoever it is.
    await conversation.patch({ failure: problemOf(error) });
    throw new ClientError("sending-blocked", problemOf(error).message);
  }
}

// Forward secrecy follows retention: the key of a closed epoch of which no message is left is destroyed.
import { endpoints } from "@cychat/protocol";
import type { Conversation } from "../conversations/conversation.ts";

/** In the conversation's queue. What the server claims here can only take keys of messages that it has not any more. */
export async function eraseEndedEpochs({ core, id, chain, keyring, record }: Conversation): Promise<void> {
  const { state } = chain;
  // What waits to be opened here may need its key.
  if (state === null || !record.created || record.unreadable.length > 0) return;
  const closed = [...keyring.keys.keys()].filter((epoch) => epoch < state.epoch);
  if (closed.length === 0) return;
  const { epochs } = await core.http.call(endpoints.liveEpochs, { params: { id } });
  const needed = new Set(epochs);
  if (state.room !== null) {
    // Whoever renewed the key may not have known the profile: then it is still under the one before.
    const { profile } = await core.http.call(endpoints.roomProfile, { params: { id } });
    if (profile !== null) needed.add(profile.epoch);
  }
  const ended = closed.filter((epoch) => !needed.has(epoch));
  await keyring.erase(ended);
}

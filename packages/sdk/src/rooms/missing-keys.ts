// Epoch keys that no letter brought and no other device of ours has: the other members are asked for them, once on a
// connection.
import { createSealRequest, memberOf, readableEpochs } from "@cychat/crypto";
import { endpoints, maxRequestedEpochs, signedToJson } from "@cychat/protocol";
import type { Conversation } from "../conversations/conversation.ts";

const maxAnswers = 5;

export class MissingKeys {
  readonly #missing = new Set<number>();
  /** On this connection. */
  readonly #askedFor = new Set<number>();
  #answers = 0;

  add(epoch: number): void {
    this.#missing.add(epoch);
  }

  /** What was asked for before may have got lost. */
  reconnected(): void {
    this.#askedFor.clear();
    this.#answers = 0;
  }

  /** Somebody has written some of them: the rest may be asked for again, of somebody else; not without end. */
  answered(): void {
    this.#answers += 1;
    if (this.#answers <= maxAnswers) this.#askedFor.clear();
  }

  /** In the conversation's queue. Costs nothing where nothing is missing. */
  async askFor({ core, id, chain }: Conversation): Promise<void> {
    const { state } = chain;
    const { me } = core;
    if (state === null || this.#missing.size === 0) return;
    // Who is out asks nobody: the server would say that there is no such room.
    if (memberOf(state, me.account) === undefined || state.room?.isDeleted === true) return this.#missing.clear();
    const readable = readableEpochs(state, me.account);
    const epochs = [...this.#missing].filter((epoch) => readable.has(epoch) && !this.#askedFor.has(epoch));
    if (epochs.length === 0) return this.#missing.clear();
    const account = await core.accounts.fresh(me.account);
    const asked = epochs.slice(0, maxRequestedEpochs);
    const author = { account, device: me.device };
    const request = await createSealRequest(author, id, state.hash, account.newestGeneration, asked);
    await core.http.call(endpoints.requestSeals, { params: { id }, body: { request: signedToJson(request) } });
    for (const epoch of asked) this.#askedFor.add(epoch);
    this.#missing.clear();
  }
}

// Answers what the server asks this device for, on behalf of others: to let a newcomer in, or to write lost keys again. What
// cannot or may not be answered is not: the server goes on to somebody else.
import {
  type AccountState,
  type ChainState,
  CryptoError,
  memberOf,
  readableEpochs,
  sealHistory,
  verifyJoinRequest,
  verifySealRequest,
} from "@cychat/crypto";
import { type AccountId, endpoints, equalBytes, type ServerFrame, signedFromJson, toBase64url } from "@cychat/protocol";
import { hasCode } from "../client-error.ts";
import type { Conversation } from "../conversations/conversation.ts";
import { assertKeys } from "../keys/account-directory.ts";
import { problem } from "../problems.ts";
import type { Members } from "./members.ts";
import type { RoomParts } from "./room-parts.ts";

type Ask = Extract<ServerFrame, { type: "ask" }>;

/** What an honest server has checked before it asks. */
const forgeries = ["bad-signature", "unknown-device", "identity-changed", "wrong-conversation"] as const;

export class Asks {
  constructor(
    readonly parts: RoomParts,
    readonly members: Members,
  ) {}

  async answer(ask: Ask): Promise<void> {
    const conversation = this.parts.directory.find(ask.conversation);
    if (conversation === undefined || ask.account === this.parts.core.me.account) return;
    if (!conversation.isRoom || conversation.record.state !== "active") return;
    try {
      await (ask.kind === "seals" ? this.#writeLetter(conversation, ask) : this.#admit(conversation, ask));
    } catch (error) {
      if (!hasCode(error, ...forgeries)) throw error;
      // What blocks writing stays to be seen.
      if (conversation.record.failure === null) await conversation.patch({ failure: problem("request-forged") });
    }
  }

  async #admit(conversation: Conversation, ask: Ask): Promise<void> {
    const { core } = this.parts;
    const request = signedFromJson(ask.request);
    // What would be refused later is not worth reading a log for.
    const asked = await verifyJoinRequest(request, assertKeys(await core.accounts.refresh(ask.account)));
    const chain = await conversation.run(async () => conversation.chain.state);
    if (asked.conversation !== ask.conversation) throw new CryptoError("wrong-conversation");
    if (chain?.room == null) return;
    if (memberOf(chain, core.me.account) === undefined || chain.room.bans.includes(ask.account)) return;
    // Only where everybody may come in does a device answer by itself; where an admin decides, a human does.
    if (chain.room.settings.join === "open") await this.members.admit(ask.conversation, ask.account, request, "open");
  }

  /** The keys that the asking account may read, of those that are here. */
  async #writeLetter(conversation: Conversation, ask: Ask): Promise<void> {
    const { core } = this.parts;
    const account = assertKeys(await this.#asTheRoomKnows(conversation, ask.account));
    const request = await verifySealRequest(signedFromJson(ask.request), account);
    if (request.conversation !== ask.conversation) throw new CryptoError("wrong-conversation");
    await conversation.run(async () => {
      const { newestGeneration: generation } = account;
      const publicKey = account.encryptionKeys.get(generation);
      // Who asks may have come in by a record that was not read here yet.
      const known = readableBy(conversation.chain.state, ask.account);
      if (request.epochs.some((epoch) => !known.has(epoch))) await conversation.chain.catchUp();
      const chain = conversation.chain.state;
      if (chain === null || publicKey === undefined) return;
      const readable = readableBy(chain, ask.account);
      const keys = new Map(
        request.epochs.flatMap((epoch) => {
          const key = readable.has(epoch) ? conversation.keyring.known(epoch) : undefined;
          return key === undefined ? [] : [[epoch, key] as const];
        }),
      );
      if (keys.size === 0) return;
      const reference = { conversation: chain.conversation, recordHash: chain.hash, recipient: ask.account, generation };
      const { encapsulated, ciphertext } = await sealHistory(reference, publicKey, keys);
      await core.http.call(endpoints.putLetter, {
        params: { id: chain.conversation },
        body: {
          recipient: ask.account,
          generation,
          record_index: chain.index,
          encapsulated: toBase64url(encapsulated),
          ciphertext: toBase64url(ciphertext),
        },
      });
    });
  }

  /** Keys are written to whom the records name, and not to whoever the server says that they are. Throws identity-changed. */
  async #asTheRoomKnows(conversation: Conversation, account: AccountId) {
    const { accounts } = this.parts.core;
    const chain = await conversation.run(async () => conversation.chain.state);
    const seat = chain?.seats.findLast((other) => other.account === account);
    const isTheirs = (state: AccountState) => seat === undefined || equalBytes(seat.identityHash, state.identityHash);
    const known = await accounts.refresh(account);
    const state = isTheirs(known) ? known : await accounts.reread(account);
    if (!isTheirs(state)) throw new CryptoError("identity-changed");
    return state;
  }
}

function readableBy(chain: ChainState | null, account: AccountId): ReadonlySet<number> {
  return chain === null ? new Set() : readableEpochs(chain, account);
}

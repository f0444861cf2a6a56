// Comparing keys with somebody, and going on after they changed.
import { formatSafetyNumber, safetyCode, safetyNumber } from "@cychat/crypto";
import type { AccountId, ConversationId } from "@cychat/protocol";
import type { SafetyNumber } from "../client-api.ts";
import { ClientError } from "../client-error.ts";
import type { Directory } from "../conversations/directory.ts";
import type { Core } from "../core.ts";

export class Trust {
  constructor(
    readonly core: Core,
    readonly directory: Directory,
  ) {}

  async safetyNumber(id: ConversationId): Promise<SafetyNumber> {
    const { accounts, me } = this.core;
    const peer = this.#peer(id);
    const [own, theirs] = await Promise.all([accounts.get(me.account), accounts.get(peer)]);
    const sides = [
      { account: own.account, identityKey: own.identityKey },
      { account: theirs.account, identityKey: theirs.identityKey },
    ] as const;
    const [digits, qr] = await Promise.all([safetyNumber(...sides), safetyCode(...sides)]);
    return { groups: formatSafetyNumber(digits).split(" "), qr, verified: accounts.verified(peer) };
  }

  async setVerified(id: ConversationId, verified: boolean): Promise<void> {
    await this.core.accounts.setVerified(this.#peer(id), verified);
  }

  async acceptIdentityChange(id: ConversationId): Promise<void> {
    const conversation = this.directory.get(id);
    await this.core.accounts.accept(this.#peer(id));
    await conversation.heal();
  }

  /** Keys are compared between two people, so in direct chats. */
  #peer(id: ConversationId): AccountId {
    const { peer } = this.directory.get(id);
    if (peer === null) throw new ClientError("not-found");
    return peer;
  }
}

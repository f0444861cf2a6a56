// Which members of a conversation have newer encryption keys than its open epoch was sealed to: asked of the server for all
// of them at once, and then verified in the account logs of those few where it says so.
import { type ChainState, memberOf, membersOf } from "@cychat/crypto";
import { type AccountId, type ConversationId, endpoints, equalBytes } from "@cychat/protocol";
import type { Core } from "../core.ts";

export class MemberKeys {
  /** What the server says the newest generation of each member is. */
  readonly #told = new Map<AccountId, number>();
  #asOfMs: number | null = null;
  #isFresh = false;

  constructor(
    readonly core: Core,
    readonly conversation: ConversationId,
  ) {}

  /** Somebody's keys changed, or may have, unheard. */
  stale(): void {
    this.#isFresh = false;
  }

  /** Verified newest generations, of those members where they differ from the list; the others have the list's. */
  async newer(chain: ChainState): Promise<Map<AccountId, number>> {
    await this.#refresh();
    const { accounts } = this.core;
    const behind = membersOf(chain).filter(({ account, generation }) => (this.#told.get(account) ?? 0) > generation);
    await accounts.prefetch(behind.map(({ account }) => account));
    const newest = new Map<AccountId, number>();
    for (const { account } of behind) newest.set(account, (await this.#upToDate(account)).newestGeneration);
    return newest;
  }

  /** Everybody's newest keys, as of this connection: for those who seal to them. */
  async prefetch(members: readonly AccountId[]): Promise<void> {
    await this.#refresh();
    await this.core.accounts.prefetch(members);
  }

  /** The account's log, at least as far as the server says that it goes, and of the identity that the room's list names. */
  async resolve(account: AccountId, chain: ChainState) {
    if (account === this.core.me.account) return this.core.accounts.fresh(account);
    const state = await this.#upToDate(account);
    const member = memberOf(chain, account);
    const isTheirs = member === undefined || equalBytes(member.identityHash, state.identityHash);
    return isTheirs ? state : this.core.accounts.reread(account);
  }

  async #upToDate(account: AccountId) {
    const known = await this.core.accounts.get(account);
    const isBehind = known.newestGeneration < (this.#told.get(account) ?? 0);
    return isBehind ? this.core.accounts.refresh(account) : known;
  }

  async #refresh(): Promise<void> {
    if (this.#isFresh) return;
    this.#isFresh = true;
    try {
      const query = this.#asOfMs === null ? {} : { since_ms: String(this.#asOfMs) };
      const params = { id: this.conversation };
      const { members, as_of_ms } = await this.core.http.call(endpoints.memberKeys, { params, query });
      for (const { account, generation } of members) this.#told.set(account, generation);
      this.#asOfMs = as_of_ms;
    } catch (error) {
      this.#isFresh = false;
      throw error;
    }
  }
}

// Everybody's public keys: fetched as signed logs, verified against what was seen before, kept.
import {
  type AccountPin,
  type AccountState,
  type ContactPin,
  CryptoError,
  extendAccountLog,
  pinOf,
  verifyAccountLog,
} from "@cychat/crypto";
import { type AccountId, endpoints, equalBytes, type Signed, signedFromJson } from "@cychat/protocol";
import type { Problem } from "../client-api.ts";
import { ClientError, hasCode } from "../client-error.ts";
import { problemOf } from "../problems.ts";
import type { Store } from "../store/store.ts";
import { type AccountRecord, tables } from "../store/tables.ts";
import type { Http } from "../transport/http.ts";
import type { VaultKeeper } from "./vault-keeper.ts";

interface AccountDirectoryOptions {
  readonly http: Http;
  readonly store: Store;
  readonly vault: VaultKeeper;
  now(): number;
  /** New keys, a new problem, or one that is gone. */
  onChanged(account: AccountId): void;
}

/** What a log may be refused for; the keys known so far stay in use then, and no new one is taken. */
const logProblems = ["identity-changed", "rollback", "fork", "broken-chain", "bad-signature", "malformed-structure"] as const;

export class AccountDirectory {
  readonly #records = new Map<AccountId, AccountRecord>();
  readonly #problems = new Map<AccountId, Problem>();
  /** Read again since the connection was made and since the last hint of a change. */
  readonly #fresh = new Set<AccountId>();
  readonly #underway = new Map<AccountId, Promise<AccountState>>();
  #pinning: Promise<void> | null = null;

  constructor(readonly options: AccountDirectoryOptions) {}

  async load(): Promise<void> {
    for (const { key, value } of await tables.accounts.list(this.options.store)) this.#records.set(key as AccountId, value);
  }

  problem(account: AccountId): Problem | null {
    return this.#problems.get(account) ?? null;
  }

  verified(account: AccountId): boolean {
    const pin = this.options.vault.contents.pins.get(account);
    return pin?.verified ?? this.#records.get(account)?.verified ?? false;
  }

  /** What is known already, without asking anybody. */
  known(account: AccountId): AccountState | undefined {
    return this.#usable(account)?.state;
  }

  /** The account's verified keys, from here if they are known. Throws no-keys, offline, and what {@link fresh} throws. */
  async get(account: AccountId): Promise<AccountState> {
    return this.known(account) ?? this.fresh(account);
  }

  /** The account's keys as of this connection. With a problem in the log: those known so far, or throws it. */
  fresh(account: AccountId): Promise<AccountState> {
    const known = this.known(account);
    if (known !== undefined && this.#fresh.has(account)) return Promise.resolve(known);
    return this.refresh(account);
  }

  /** Reads the log again whatever is known. */
  refresh(account: AccountId): Promise<AccountState> {
    let refreshing = this.#underway.get(account);
    if (refreshing === undefined) {
      refreshing = this.#read(account, (known) => this.#fetch(account, known)).finally(() => this.#underway.delete(account));
      this.#underway.set(account, refreshing);
    }
    return refreshing;
  }

  /** A whole log that came with something else. */
  take(account: AccountId, log: readonly Signed[]): Promise<AccountState> {
    return this.#read(account, async (known) => {
      try {
        return await verifyAccountLog(account, log, this.#pin(account));
      } catch (error) {
        // It may have crossed with a newer one: asked for again, it must not be older.
        if (!hasCode(error, "rollback")) throw error;
        return this.#fetch(account, known);
      }
    });
  }

  /** Something changed there, or may have changed unheard: the next use reads it again. */
  stale(account?: AccountId): void {
    if (account === undefined) this.#fresh.clear();
    else this.#fresh.delete(account);
  }

  /** Adopts a log that was verified elsewhere (our own, after an unlock). */
  async adopt(state: AccountState): Promise<void> {
    await this.#keep(state.account, state);
    this.#fresh.add(state.account);
  }

  /** The user has looked at a changed identity and goes on with it: the log as it is now, pinned anew, unverified. */
  async accept(account: AccountId): Promise<AccountState> {
    const state = await verifyAccountLog(account, await this.#entries(account));
    await this.options.vault.update((contents) => ({
      ...contents,
      pins: new Map(contents.pins).set(account, { ...pinOf(state), firstSeenMs: this.#now(), verified: false }),
    }));
    this.#records.delete(account);
    this.#problems.delete(account);
    await this.#keep(account, state);
    this.#fresh.add(account);
    return state;
  }

  async setVerified(account: AccountId, verified: boolean): Promise<void> {
    const state = await this.get(account);
    await this.options.vault.update((contents) => {
      const pin = contents.pins.get(account);
      const furthest = furthestPin(pin, state);
      const next = { ...furthest, firstSeenMs: pin?.firstSeenMs ?? this.#now(), verified };
      return { ...contents, pins: new Map(contents.pins).set(account, next) };
    });
    this.options.onChanged(account);
  }

  /** Reads again the logs of which another of our devices has seen and pinned more: the server must show it here, too. */
  async catchUpWithPins(): Promise<void> {
    const behind = [...this.#records].filter(([account, { state }]) => {
      const pin = this.options.vault.contents.pins.get(account);
      return pin !== undefined && equalBytes(pin.identityHash, state.identityHash) && pin.n > state.head.n;
    });
    for (const [account] of behind) {
      this.stale(account);
      await this.refresh(account);
    }
  }

  /** Writes pins that the vault lacks or has older; what fails is tried again at the next connection. */
  pinAll(): Promise<void> {
    this.#pinning ??= this.#writePins().finally(() => {
      this.#pinning = null;
    });
    return this.#pinning;
  }

  async #writePins(): Promise<void> {
    const lacking = () =>
      [...this.#records].filter(([account, record]) => isBehind(this.options.vault.contents.pins.get(account), record.state));
    if (lacking().length === 0) return;
    await this.options.vault.update((contents) => {
      const pins = new Map(contents.pins);
      for (const [account, { state, firstSeenMs }] of this.#records) {
        const pin = pins.get(account);
        if (isBehind(pin, state)) pins.set(account, { firstSeenMs, verified: false, ...pin, ...pinOf(state) });
      }
      return { ...contents, pins };
    });
  }

  async #read(account: AccountId, read: (known: AccountState | undefined) => Promise<AccountState>): Promise<AccountState> {
    const before = this.known(account);
    try {
      const state = await read(before);
      const isNew = before === undefined || state.head.n !== before.head.n;
      if (isNew) await this.#keep(account, state);
      this.#fresh.add(account);
      if (this.#problems.delete(account) || isNew) this.options.onChanged(account);
      return state;
    } catch (error) {
      if (!hasCode(error, ...logProblems)) throw error;
      this.#problems.set(account, problemOf(error));
      this.#fresh.add(account);
      this.options.onChanged(account);
      if (before === undefined) throw error;
      return before;
    }
  }

  async #fetch(account: AccountId, known: AccountState | undefined): Promise<AccountState> {
    if (known === undefined) return verifyAccountLog(account, await this.#entries(account), this.#pin(account));
    const { n } = known.head;
    // From the newest known entry on, not after it: a server that shows less than before gives itself away.
    const entries = await this.#entries(account, n > 0 ? n - 1 : undefined);
    try {
      if (entries.length === 0) throw new CryptoError("rollback");
      const state = await extendAccountLog(known, entries);
      assertReaches(state, this.#pin(account));
      return state;
    } catch (error) {
      if (!hasCode(error, ...logProblems)) throw error;
      // The whole log tells what has really happened: another identity, or another past of the same one.
      return verifyAccountLog(account, await this.#entries(account), this.#pin(account));
    }
  }

  async #entries(account: AccountId, after?: number): Promise<Signed[]> {
    const query = after === undefined ? {} : { after: String(after) };
    const { log } = await this.options.http.call(endpoints.accountLog, { params: { account }, query });
    return log.map(signedFromJson);
  }

  async #keep(account: AccountId, state: AccountState): Promise<void> {
    const before = this.#records.get(account);
    const record: AccountRecord = { state, firstSeenMs: before?.firstSeenMs ?? this.#now(), verified: before?.verified ?? false };
    await this.options.store.write([tables.accounts.put("", account, record)]);
    this.#records.set(account, record);
    // In the background: until it is there, the record above is the pin.
    this.pinAll().catch(() => {});
  }

  /** A record of another identity than the vault's pin is void: another of our devices accepted a change. */
  #usable(account: AccountId): AccountRecord | undefined {
    const record = this.#records.get(account);
    const pin = this.options.vault.contents.pins.get(account);
    if (record === undefined || pin === undefined || equalBytes(pin.identityHash, record.state.identityHash)) return record;
    return undefined;
  }

  #pin(account: AccountId): AccountPin | undefined {
    const pin = this.options.vault.contents.pins.get(account);
    const known = this.#usable(account);
    if (known === undefined) return pin;
    return pin === undefined || pin.n < known.state.head.n ? pinOf(known.state) : pin;
  }

  #now(): number {
    return Math.round(this.options.now());
  }
}

function isBehind(pin: ContactPin | undefined, state: AccountState): boolean {
  if (pin === undefined) return true;
  return equalBytes(pin.identityHash, state.identityHash) && pin.n < state.head.n;
}

/** Throws rollback where the log ends before what was pinned, fork where it says something else there. */
function assertReaches(state: AccountState, pin: AccountPin | undefined): void {
  if (pin === undefined || !equalBytes(pin.identityHash, state.identityHash)) return;
  const hash = state.hashes[pin.n];
  if (hash === undefined) throw new CryptoError("rollback");
  if (!equalBytes(hash, pin.hash)) throw new CryptoError("fork");
}

function furthestPin(pin: ContactPin | undefined, state: AccountState): AccountPin {
  return pin === undefined || isBehind(pin, state) ? pinOf(state) : pin;
}

export function assertKeys(state: AccountState): AccountState {
  if (state.newestGeneration === 0) throw new ClientError("no-keys");
  return state;
}

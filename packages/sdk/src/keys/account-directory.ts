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
import { type AccountId, endpoints, equalBytes, limits, type Signed, signedFromJson } from "@cychat/protocol";
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
  /**
   * Whether somebody's keys are to be kept and pinned. Those of people who are only in a room with us are not: the room's
   * member list pins their identity, and a thousand of them would fill the vault.
   */
  isClose(account: AccountId): boolean;
  /** New keys, a new problem, or one that is gone. */
  onChanged(account: AccountId): void;
  /** Between slices of long work, so that a page stays alive. */
  pause(): Promise<void>;
}

/** Logs of people who are not close, in memory only. */
const maxLoose = 4000;

/** Logs that are verified before a page may draw again. */
const logsAtOnce = 16;

/** What a log may be refused for; the keys known so far stay in use then, and no new one is taken. */
const logProblems = ["identity-changed", "rollback", "fork", "broken-chain", "bad-signature", "malformed-structure"] as const;

export class AccountDirectory {
  readonly #records = new Map<AccountId, AccountRecord>();
  /** Which of them are in the store. */
  readonly #stored = new Set<AccountId>();
  readonly #problems = new Map<AccountId, Problem>();
  /** Read again since the connection was made and since the last hint of a change. */
  readonly #fresh = new Set<AccountId>();
  readonly #underway = new Map<AccountId, Promise<AccountState>>();
  #pinning: Promise<void> | null = null;

  constructor(readonly options: AccountDirectoryOptions) {}

  async load(): Promise<void> {
    for (const { key, value } of await tables.accounts.list(this.options.store)) {
      this.#records.set(key as AccountId, value);
      this.#stored.add(key as AccountId);
    }
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

  /**
   * Reads a log anew that contradicts what signed records say of its account: of people who are not close, what was shown
   * first is all that was known of them. Of those who are, it stays pinned. What was asked for earlier may be older than
   * the contradiction, so its answer is not enough.
   */
  async reread(account: AccountId): Promise<AccountState> {
    await this.#underway.get(account)?.catch(() => {});
    if (!this.#stored.has(account)) {
      this.#records.delete(account);
      this.#problems.delete(account);
    }
    return this.refresh(account);
  }

  /** As {@link fresh}, read anew where it is not of the identity that signed records name. */
  async freshAs(account: AccountId, identityHash: Uint8Array | undefined): Promise<AccountState> {
    const state = await this.fresh(account);
    const isTheirs = identityHash === undefined || equalBytes(identityHash, state.identityHash);
    return isTheirs ? state : this.reread(account);
  }

  /** Makes sure that the logs of these are known, many at a time; what is wrong with one is told when it is used. */
  prefetch(accounts: readonly AccountId[]): Promise<void> {
    return this.#readMany([...new Set(accounts)].filter((account) => this.known(account) === undefined));
  }

  /** The same as of this connection, so that {@link fresh} has them all: asked for one by one, a thousand would take long. */
  freshen(accounts: readonly AccountId[]): Promise<void> {
    const isFresh = (account: AccountId) => this.#fresh.has(account) && this.known(account) !== undefined;
    return this.#readMany([...new Set(accounts)].filter((account) => !isFresh(account)));
  }

  async #readMany(accounts: readonly AccountId[]): Promise<void> {
    for (let at = 0; at < accounts.length; at += limits.keysBatch) {
      const batch = new Set(accounts.slice(at, at + limits.keysBatch));
      const { accounts: found } = await this.options.http.call(endpoints.accountLogs, { body: { accounts: [...batch] } });
      for (let first = 0; first < found.length; first += logsAtOnce) {
        // Together, because WebCrypto verifies on threads of its own.
        const some = found.slice(first, first + logsAtOnce).filter(({ account }) => batch.has(account));
        await Promise.all(some.map(({ account, log }) => this.#takeNewer(account, log.map(signedFromJson)).catch(() => {})));
        await this.options.pause();
      }
    }
  }

  /** Of a log that is known in part, only what is new needs its signatures verified. */
  #takeNewer(account: AccountId, log: readonly Signed[]): Promise<AccountState> {
    const known = this.known(account);
    if (known === undefined || log.length <= known.head.n) return this.take(account, log);
    return this.#read(account, () => this.#extend(account, known, log));
  }

  /** Those who have become close since their keys were read are kept from now on. */
  async keepClose(): Promise<void> {
    for (const [account, record] of this.#records) {
      if (!this.#stored.has(account) && this.options.isClose(account)) await this.#store(account, record);
    }
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
    await this.#store(account, { state, firstSeenMs: this.#now(), verified: false });
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
    const kept = () => [...this.#records].filter(([account]) => this.#stored.has(account));
    const lacking = () =>
      kept().filter(([account, record]) => isBehind(this.options.vault.contents.pins.get(account), record.state));
    if (lacking().length === 0) return;
    await this.options.vault.update((contents) => {
      const pins = new Map(contents.pins);
      for (const [account, { state, firstSeenMs }] of kept()) {
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
    return this.#extend(account, known, await this.#entries(account, n > 0 ? n - 1 : undefined));
  }

  async #extend(account: AccountId, known: AccountState, entries: readonly Signed[]): Promise<AccountState> {
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
    if (this.#stored.has(account) || this.options.vault.contents.pins.has(account) || this.options.isClose(account))
      return this.#store(account, record);
    this.#records.delete(account);
    this.#records.set(account, record);
    if (this.#records.size - this.#stored.size > maxLoose) this.#forgetOldestLoose();
  }

  async #store(account: AccountId, record: AccountRecord): Promise<void> {
    await this.options.store.write([tables.accounts.put("", account, record)]);
    this.#records.set(account, record);
    this.#stored.add(account);
    // In the background: until it is there, the record above is the pin.
    this.pinAll().catch(() => {});
  }

  #forgetOldestLoose(): void {
    for (const account of this.#records.keys()) {
      if (this.#stored.has(account)) continue;
      this.#records.delete(account);
      this.#fresh.delete(account);
      return;
    }
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

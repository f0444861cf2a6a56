// The verified records of one conversation: read in order, checked against what was seen, kept.
import { type ChainState, type RecordPin, type ResolveAccount, verifyRecord } from "@cychat/crypto";
import {
  type AccountId,
  type ConversationId,
  decodeRecord,
  endpoints,
  fromBase64url,
  type RecordEntry,
  signedFromJson,
} from "@cychat/protocol";
import { ClientError, hasCode } from "../client-error.ts";
import type { Core } from "../core.ts";
import { type EpochMark, tables } from "../store/tables.ts";

/** The server gives at most so many at once. */
const recordPage = 100;

export class RecordChainKeeper {
  #state: ChainState | null = null;
  #marks: Map<number, EpochMark> = new Map();

  constructor(
    readonly core: Core,
    readonly conversation: ConversationId,
    /** The newest record that the keyring (so: any of our devices) has seen. */
    readonly pin: () => RecordPin | null,
  ) {}

  async load(): Promise<void> {
    const record = await tables.chains.read(this.core.store, "", this.conversation);
    if (record === undefined) return;
    this.#state = record.state;
    this.#marks = new Map(record.marks);
  }

  get state(): ChainState | null {
    return this.#state;
  }

  mark(epoch: number): EpochMark | undefined {
    return this.#marks.get(epoch);
  }

  /** The number of the record that closed an epoch, or null while it is open. */
  closedAtSeq(epoch: number): number | null {
    return this.#marks.get(epoch + 1)?.seq ?? null;
  }

  readonly resolve: ResolveAccount = (account) => this.core.accounts.get(account);

  /** Takes records in any overlap with what is known; fetches what lies between. Throws what verifying throws. */
  async apply(entries: readonly RecordEntry[]): Promise<void> {
    let next = this.#state;
    const marks = new Map(this.#marks);
    for (const entry of entries) {
      const known = next?.index ?? -1;
      if (entry.index > known + 1) {
        await this.#keep(next, marks);
        await this.catchUp();
        return;
      }
      next = await this.#verified(next, entry);
      this.#addMark(marks, entry.epoch, entry.seq, entry.at_ms);
    }
    if (next !== this.#state) await this.#keep(next, marks);
  }

  /**
   * Reads the records from the newest known one on (not after it: a server that shows another one there, or none, gives
   * itself away), until there are no more. Fewer than another of our devices has seen is a rollback, too.
   */
  async catchUp(): Promise<void> {
    for (;;) {
      const known = this.#state?.index ?? -1;
      const { records } = await this.core.http.call(endpoints.records, {
        params: { id: this.conversation },
        query: { from: String(Math.max(0, known)) },
      });
      if (records.length === 0 && known >= 0) throw new ClientError("rollback");
      let next = this.#state;
      const marks = new Map(this.#marks);
      for (const entry of records) {
        next = await this.#verified(next, entry);
        this.#addMark(marks, entry.epoch, entry.seq, entry.at_ms);
      }
      if (next !== this.#state) await this.#keep(next, marks);
      if (records.length < recordPage || next?.index === known) break;
    }
    const pin = this.pin();
    if (pin !== null && (this.#state?.index ?? -1) < pin.index) throw new ClientError("rollback");
  }

  /** Reads the records of an epoch again, which must be those that are known. Throws fork. */
  async compare(epoch: number): Promise<void> {
    const from = this.#state?.epochs.get(epoch)?.openedIndex;
    if (from === undefined) return;
    const { records } = await this.core.http.call(endpoints.records, {
      params: { id: this.conversation },
      query: { from: String(from) },
    });
    await this.apply(records);
  }

  /** Our own record, which the server has accepted. */
  async adopt(state: ChainState, seq: number, atMs: number): Promise<void> {
    const marks = new Map(this.#marks);
    this.#addMark(marks, state.epoch, seq, atMs);
    await this.#keep(state, marks);
  }

  async #verified(state: ChainState | null, entry: RecordEntry): Promise<ChainState> {
    const evidence = { record: signedFromJson(entry.record), memberList: fromBase64url(entry.members) };
    const options = { conversation: this.conversation, pin: this.pin() };
    try {
      return await verifyRecord(state, evidence, this.resolve, options);
    } catch (error) {
      // Written by a device, or for a key, that is newer than what we know of an account: read the accounts again.
      if (!hasCode(error, "account-behind", "unknown-device", "rollback", "malformed-structure")) throw error;
      if (hasCode(error, "malformed-structure")) throw error;
      await this.#refreshAccounts(decodeRecord(evidence.record.payload).author);
      return verifyRecord(state, evidence, this.resolve, options);
    }
  }

  async #refreshAccounts(author: AccountId): Promise<void> {
    const members = this.#state?.members.map((member) => member.account) ?? [];
    await Promise.all([...new Set([author, ...members])].map((account) => this.core.accounts.refresh(account)));
  }

  #addMark(marks: Map<number, EpochMark>, epoch: number, seq: number, openedAtMs: number): void {
    if (!marks.has(epoch)) marks.set(epoch, { seq, openedAtMs, seenAtLocalMs: this.core.environment.clock.now() });
  }

  async #keep(state: ChainState | null, marks: Map<number, EpochMark>): Promise<void> {
    if (state === null) return;
    await this.core.store.write([tables.chains.put("", this.conversation, { state, marks })]);
    this.#state = state;
    this.#marks = marks;
  }
}

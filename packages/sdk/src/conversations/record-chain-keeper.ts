// The verified records of one conversation: read in order, checked against what was seen, kept.
import { type ChainState, decodeChainState, encodeChainState, type RecordPin, withRecordSeq } from "@cychat/crypto";
import { type ConversationId, endpoints, type RecordEntry } from "@cychat/protocol";
import { ClientError } from "../client-error.ts";
import type { Core } from "../core.ts";
import { type EpochMark, tables } from "../store/tables.ts";
import { verifiedRecord } from "./verified-record.ts";

/** The server gives at most so many at once. */
const recordPage = 100;
/** Records that are verified before a page may draw again. */
const slice = 16;

export class RecordChainKeeper {
  #state: ChainState | null = null;
  #marks: Map<number, EpochMark> = new Map();

  constructor(
    readonly core: Core,
    readonly conversation: ConversationId,
    /** The newest record that the keyring (so: any of our devices) has seen. */
    readonly pin: () => RecordPin | null,
    /** The chain has grown. */
    readonly onGrown: () => void = () => {},
  ) {}

  async load(): Promise<void> {
    const record = await tables.chains.read(this.core.store, "", this.conversation);
    // Kept by an earlier version of this software in another form: read again, and checked against the keyring's pin.
    if (record?.bytes === undefined) return;
    this.#state = decodeChainState(record.bytes);
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

  /** Of an entry behind records that are known; 0 before the first one. */
  epochAt(seq: number): number {
    const open = [...this.#marks].filter(([, mark]) => mark.seq <= seq).map(([epoch]) => epoch);
    return Math.max(0, ...open);
  }

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
      next = await verifiedRecord(this.core, this.conversation, next, entry, this.pin());
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
      await this.#take(records);
      if (records.length < recordPage || this.#state?.index === known) break;
    }
    const pin = this.pin();
    if (pin !== null && (this.#state?.index ?? -1) < pin.index) throw new ClientError("rollback");
  }

  /** Records in order; what was verified before one that is refused is kept. */
  async #take(records: readonly RecordEntry[]): Promise<void> {
    let next = this.#state;
    const marks = new Map(this.#marks);
    try {
      for (const [index, entry] of records.entries()) {
        if (index % slice === slice - 1) await this.core.pause();
        next = await verifiedRecord(this.core, this.conversation, next, entry, this.pin());
        this.#addMark(marks, entry.epoch, entry.seq, entry.at_ms);
      }
    } finally {
      if (next !== this.#state) await this.#keep(next, marks);
    }
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

  /** A chain that was verified elsewhere: our own record, which the server has accepted, or what an invite link opened. */
  async adopt(state: ChainState, seq: number, atMs: number): Promise<void> {
    const marks = new Map(this.#marks);
    this.#addMark(marks, state.epoch, seq, atMs);
    await this.#keep(withRecordSeq(state, seq), marks);
  }

  #addMark(marks: Map<number, EpochMark>, epoch: number, seq: number, openedAtMs: number): void {
    if (!marks.has(epoch)) marks.set(epoch, { seq, openedAtMs, seenAtLocalMs: this.core.environment.clock.now() });
  }

  async #keep(state: ChainState | null, marks: Map<number, EpochMark>): Promise<void> {
    if (state === null) return;
    await this.core.store.write([tables.chains.put("", this.conversation, { bytes: encodeChainState(state), marks })]);
    this.#state = state;
    this.#marks = marks;
    this.onGrown();
  }
}

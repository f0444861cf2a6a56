// Entries of one conversation, as they come from the server, become messages as they are kept: opened, placed in their
// device's chain, and with deletions applied. Nothing is written here; the caller writes all of it at once.
import { CryptoError, type MessageTarget } from "@cychat/crypto";
import { type AccountId, type Entry, type ErasedEntry, equalBytes, type MessageEntry, type MessageId } from "@cychat/protocol";
import type { Problem } from "../client-api.ts";
import { hasCode } from "../client-error.ts";
import type { RecordChainKeeper } from "../conversations/record-chain-keeper.ts";
import { problem, problemOf } from "../problems.ts";
import type { ConversationRecord, DeletionRecord, StoredMessage, Unexplained } from "../store/tables.ts";
import { DeviceChains, type Verdict } from "./device-chains.ts";
import type { HistoryBlocks } from "./history-blocks.ts";
import type { OpenedEntry, Opener } from "./opener.ts";

export interface IntakeResult {
  /** New and changed messages, by seq. */
  readonly messages: ReadonlyMap<number, StoredMessage>;
  /** Those of them that were not stored before, in order. */
  readonly added: readonly StoredMessage[];
  readonly deletions: ReadonlyMap<MessageId, DeletionRecord>;
  readonly record: ConversationRecord;
  /** What the server was caught with, that a later reading may find to be in order. */
  readonly failure: Problem | null;
  /** For the next page of the same request. */
  readonly prefix: ErasedPrefix;
}

interface IntakeParts {
  readonly opener: Opener;
  readonly chain: RecordChainKeeper;
  readonly history: HistoryBlocks;
  readonly deletions: ReadonlyMap<MessageId, DeletionRecord>;
  serverNowMs(): number;
}

/**
 * What erased entries are, that no readable message stands before in what was asked for. A server that keeps messages
 * for some time only erases from the beginning on, without a signed deletion.
 * `aged`: told by their age to be that; `open`: not known yet; `told`: reported like all others.
 */
export type ErasedPrefix = "aged" | "open" | "told";

/** Retention counts in days. */
const youngestAgedMs = 24 * 3600 * 1000;

/** Retried when keys come; more than these stay as they are until they are shown again. */
const triedAgain = 500;

export class Intake {
  readonly #messages = new Map<number, StoredMessage>();
  readonly #added: StoredMessage[] = [];
  readonly #deletions = new Map<MessageId, DeletionRecord>();
  readonly #chains: DeviceChains;
  #unexplained: Unexplained[];
  #prefix: ErasedPrefix = "told";
  readonly #unreadable: Set<number>;
  #problem: Problem | null;
  #failure: Problem | null = null;

  constructor(
    readonly parts: IntakeParts,
    readonly record: ConversationRecord,
  ) {
    this.#chains = new DeviceChains(record.chains, record.gaps);
    this.#unexplained = [...record.unexplained];
    this.#unreadable = new Set(record.unreadable);
    this.#problem = record.problem;
  }

  /** Entries that follow `toSeq` without a hole, ascending. `lastSeq`: the newest number known to exist. */
  async forward(entries: readonly Entry[], lastSeq: number, prefix: ErasedPrefix): Promise<IntakeResult> {
    this.#prefix = prefix;
    const complete = this.record.fromSeq <= 1;
    for (const entry of entries) {
      if (entry.kind === "record") await this.#takeRecords([entry]);
      else if (entry.kind === "erased") {
        this.#chains.erasedForward(entry.device, entry.sender, entry.id);
        this.#takeErased(entry);
      } else {
        this.#prefix = "told";
        const opened = await this.parts.opener.open(entry);
        if (opened.opened === null) this.#chains.erasedForward(entry.device, entry.sender, entry.id);
        const verdict = opened.opened === null ? "next" : this.#chains.forward(opened.opened.link, complete);
        if (verdict === "replayed") this.#problem ??= problem("replayed");
        else await this.#take(entry, opened, verdict);
      }
    }
    const toSeq = entries.at(-1)?.seq ?? this.record.toSeq;
    return this.#finish({ ...this.record, toSeq, lastSeq: Math.max(lastSeq, toSeq) });
  }

  /** Entries that end right before `fromSeq`, ascending. `reachedStart`: there is nothing before them. */
  async backward(entries: readonly Entry[], reachedStart: boolean): Promise<IntakeResult> {
    this.#prefix = "open";
    const opened = new Map<number, OpenedEntry>();
    for (const entry of entries) {
      if (entry.kind === "record") await this.#takeRecords([entry]);
      else if (entry.kind === "message") opened.set(entry.seq, await this.parts.opener.open(entry));
    }
    for (const entry of entries.toReversed()) {
      if (entry.kind === "record") continue;
      const message = opened.get(entry.seq);
      if (message?.opened == null) this.#chains.erasedBackward(entry.device, entry.sender, entry.id);
      if (entry.kind === "erased") this.#takeErased(entry);
      else if (message !== undefined) {
        const verdict = message.opened === null ? "next" : this.#chains.backward(message.opened.link);
        if (verdict === "replayed") this.#problem ??= problem("replayed");
        else await this.#take(entry, message, verdict);
      }
    }
    // What stands behind a message that is still there was not erased for its age.
    const oldest = entries.find((entry) => entry.kind === "message")?.seq ?? Number.POSITIVE_INFINITY;
    this.#unexplained = this.#unexplained.map((erased) => ({ ...erased, certain: erased.certain || erased.seq > oldest }));
    if (reachedStart) this.#chains.reachedStart();
    this.#added.reverse();
    return this.#finish({ ...this.record, fromSeq: reachedStart ? 1 : (entries[0]?.seq ?? this.record.fromSeq) });
  }

  /** Tries unreadable messages again, ascending; those that open now take their place in silence. */
  async heal(entries: readonly MessageEntry[]): Promise<IntakeResult> {
    for (const entry of entries) {
      const opened = await this.parts.opener.open(entry);
      if (opened.opened !== null) this.#chains.forward(opened.opened.link, false);
      const isSame = opened.opened === null && opened.mayHeal && !opened.isContradicted;
      if (!isSame) await this.#take(entry, opened, "next");
    }
    this.#added.length = 0;
    return this.#finish(this.record);
  }

  async #takeRecords(entries: readonly Extract<Entry, { kind: "record" }>[]): Promise<void> {
    try {
      await this.parts.chain.apply(entries);
    } catch (error) {
      // What a record is refused for is told, and the record is passed over. Anything else (the network, a member whose
      // key must be looked at first) stops the reading here, to be tried again.
      const isRefused = error instanceof CryptoError && error.code !== "identity-changed";
      if (!isRefused && !hasCode(error, "fork")) throw error;
      this.#problem = problemOf(error);
    }
  }

  #takeErased(entry: ErasedEntry): void {
    const { seq, id, sender } = entry;
    const isOld = this.parts.serverNowMs() - entry.at_ms >= youngestAgedMs;
    if (!this.#isDeleted(id, sender)) {
      if (this.#prefix === "aged" && isOld) this.#deletions.set(id, { by: sender, envelopeHash: null });
      else this.#unexplained.push({ seq, id, sender, certain: this.#prefix !== "open" });
    }
    this.#add({
      seq,
      id,
      sender,
      atMs: entry.at_ms,
      device: entry.device,
      kind: "deleted",
      text: "",
      sentAtMs: null,
      envelopeHash: null,
      problem: null,
      envelope: null,
    });
  }

  async #take(entry: MessageEntry, result: OpenedEntry, verdict: Verdict): Promise<void> {
    const { opened, envelopeHash, mayHeal, problem: wrong } = result;
    if (result.isContradicted) this.#failure = wrong;
    const place = { seq: entry.seq, atMs: entry.at_ms, id: entry.id, sender: entry.sender, device: entry.device, envelopeHash };
    if (opened === null) {
      // Not this message alone: from here on the two sides have different histories.
      if (wrong?.code === "fork") this.#problem ??= wrong;
      if (mayHeal) this.#unreadable.add(entry.seq);
      else this.#unreadable.delete(entry.seq);
      const kind = this.#isDeletedAs(entry.id, entry.sender, envelopeHash) ? "deleted" : "unreadable";
      // It is told itself, so it is not also missing before the next one.
      if (!this.#isDeleted(entry.id, entry.sender)) this.#deletions.set(entry.id, { by: entry.sender, envelopeHash: null });
      this.#add({
        ...place,
        kind,
        text: "",
        sentAtMs: null,
        problem: kind === "deleted" ? null : wrong,
        envelope: mayHeal ? entry.envelope : null,
      });
      return;
    }
    this.#unreadable.delete(entry.seq);
    const { content, sentAtMs } = opened;
    const noted = wrong ?? (verdict === "forked" || verdict === "reordered" ? problem(verdict) : null);
    const message: StoredMessage = { ...place, kind: "control", text: "", sentAtMs, problem: noted, envelope: null };
    if (content.kind === "delete") {
      this.#add(message);
      for (const target of content.targets) await this.#delete(target, entry.sender);
    } else if (this.#isDeletedAs(entry.id, entry.sender, envelopeHash)) this.#add({ ...message, kind: "deleted", problem: null });
    else if (content.kind === "text") this.#add({ ...message, kind: "text", text: content.text });
    else this.#add({ ...message, kind: "unknown" });
  }

  /** One deletes what one's own account wrote, and exactly the envelope that one names. */
  async #delete(target: MessageTarget, by: AccountId): Promise<void> {
    const { messageId, envelopeHash } = target;
    this.#deletions.set(messageId, { by, envelopeHash });
    const { fromSeq, toSeq } = this.record;
    const known =
      [...this.#messages.values()].find((message) => message.id === messageId) ??
      (toSeq >= fromSeq ? await this.parts.history.find(messageId, fromSeq, toSeq) : undefined);
    if (known === undefined || known.sender !== by || known.kind === "control" || known.envelopeHash === null) return;
    if (!equalBytes(known.envelopeHash, envelopeHash)) return;
    this.#messages.set(known.seq, { ...known, kind: "deleted", text: "", problem: null, envelope: null });
    this.#unreadable.delete(known.seq);
  }

  async #finish(record: ConversationRecord): Promise<IntakeResult> {
    const upToDate = record.toSeq >= record.lastSeq;
    const { missing, healed } = this.#chains.settle((id, by) => this.#isDeleted(id, by), upToDate);
    for (const seq of healed) await this.#note(seq, null);
    for (const seq of missing) await this.#note(seq, problem("gap"));
    const unexplained: Unexplained[] = [];
    for (const erased of this.#unexplained) {
      const explained = this.#isDeleted(erased.id, erased.sender);
      if (!explained) unexplained.push(erased);
      if (explained || (upToDate && erased.certain))
        await this.#note(erased.seq, explained ? null : problem("unexplained-erasure"));
    }
    return {
      messages: this.#messages,
      added: this.#added.map((message) => this.#messages.get(message.seq) ?? message),
      deletions: this.#deletions,
      prefix: this.#prefix,
      failure: this.#failure,
      record: {
        ...record,
        chains: this.#chains.chains,
        gaps: this.#chains.gaps,
        unexplained,
        unreadable: [...this.#unreadable].slice(-triedAgain),
        problem: this.#problem,
      },
    };
  }

  /** What is missing before a message is told on that message, unless something worse is told there already. */
  async #note(seq: number, noted: Problem | null): Promise<void> {
    const message = this.#messages.get(seq) ?? (await this.parts.history.at(seq));
    if (message === undefined || message.problem?.code === noted?.code) return;
    if (message.problem !== null && !["gap", "unexplained-erasure"].includes(message.problem.code)) return;
    this.#messages.set(seq, { ...message, problem: noted });
  }

  #add(message: StoredMessage): void {
    this.#messages.set(message.seq, message);
    this.#added.push(message);
  }

  #deletion(id: MessageId): DeletionRecord | undefined {
    return this.#deletions.get(id) ?? this.parts.deletions.get(id);
  }

  #isDeleted(id: MessageId, by: AccountId): boolean {
    return this.#deletion(id)?.by === by;
  }

  #isDeletedAs(id: MessageId, by: AccountId, envelopeHash: Uint8Array): boolean {
    const deletion = this.#deletion(id);
    return deletion?.by === by && deletion.envelopeHash !== null && equalBytes(deletion.envelopeHash, envelopeHash);
  }
}

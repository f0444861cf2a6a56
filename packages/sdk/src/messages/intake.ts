// Entries of one conversation, as they come from the server, become messages as they are kept: opened, placed in their
// device's chain, and with deletions applied. Nothing is written here; the caller writes all of it at once.
import { CryptoError, type MessageTarget, memberOf, readableEpochs, recordHashAt, sha256 } from "@cychat/crypto";
import {
  type AccountId,
  decodeRecord,
  type Entry,
  type ErasedEntry,
  equalBytes,
  type MessageEntry,
  type MessageId,
  type RecordEntry,
  signedFromJson,
} from "@cychat/protocol";
import type { Problem } from "../client-api.ts";
import { ClientError } from "../client-error.ts";
import type { RecordChainKeeper } from "../conversations/record-chain-keeper.ts";
import { problem } from "../problems.ts";
import { eventsOf, withoutUnchangedHistory } from "../rooms/room-events.ts";
import { isModerator } from "../rooms/room-record.ts";
import type { ConversationRecord, DeletionRecord, EditRecord, Mention, StoredMessage, Unexplained } from "../store/tables.ts";
import { DeviceChains, type Verdict } from "./device-chains.ts";
import type { HistoryBlocks } from "./history-blocks.ts";
import type { OpenedEntry, Opener } from "./opener.ts";
import { deletedNow, editedNow, nothing } from "./stored-message.ts";

export interface IntakeResult {
  /** New and changed messages, by seq. */
  readonly messages: ReadonlyMap<number, StoredMessage>;
  /** Those of them that were not stored before, in order. */
  readonly added: readonly StoredMessage[];
  /** By message and account, see {@link byWhom}. */
  readonly deletions: ReadonlyMap<string, DeletionRecord>;
  readonly edits: ReadonlyMap<string, EditRecord>;
  /** The newest of these messages that names the reader; 0 without one. */
  readonly mentionSeq: number;
  readonly record: ConversationRecord;
  /** What the server was caught with, that a later reading may find to be in order. */
  readonly failure: Problem | null;
  /** For the next page of the same request. */
  readonly prefix: ErasedPrefix;
  /** Why the reading ended before the last of the entries: a record that is not what it must be. Null: it did not. */
  readonly refusal: Error | null;
}

interface IntakeParts {
  readonly opener: Opener;
  readonly chain: RecordChainKeeper;
  readonly history: HistoryBlocks;
  readonly deletions: ReadonlyMap<string, DeletionRecord>;
  readonly edits: ReadonlyMap<string, EditRecord>;
  readonly me: AccountId;
  serverNowMs(): number;
}

/** Anybody can claim to delete or change any message; only what the right one says counts, so all are kept apart. */
const byWhom = (id: MessageId, account: AccountId): string => `${id}/${account}`;
/** Where the deletion by a moderator lies, whoever of them it was. */
const byModerator = (id: MessageId): string => `${id}/*`;

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

/** So far a message may stand from where it was shown before, by a server that leaves entries out. */
const shiftedBy = 200;

export class Intake {
  readonly #messages = new Map<number, StoredMessage>();
  readonly #added: StoredMessage[] = [];
  readonly #deletions = new Map<string, DeletionRecord>();
  readonly #edits = new Map<string, EditRecord>();
  #mentionSeq = 0;
  readonly #chains: DeviceChains;
  #unexplained: Unexplained[];
  #prefix: ErasedPrefix = "told";
  readonly #unreadable: Set<number>;
  #problem: Problem | null;
  #failure: Problem | null = null;
  #refusal: Error | null = null;
  #hasAllRecords = false;
  #lastRecord: { readonly index: number; readonly history: "shared" | "joined" } | null = null;

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
    let { toSeq } = this.record;
    for (const entry of entries) {
      if (entry.kind === "record") {
        const before = this.#historyBefore(entry);
        // What follows a refused record is read once the server shows another one in its place.
        this.#refusal = await this.parts.chain.apply([entry]).then(() => null, refusalIn);
        if (this.#refusal !== null) break;
        await this.#tellRecord(entry, before);
      } else if (entry.kind === "erased") {
        this.#chains.erasedForward(entry.device, entry.sender, entry.id);
        await this.#takeErased(entry);
      } else {
        this.#prefix = "told";
        const opened = await this.#open(entry);
        await this.#takeForward(entry, opened, complete);
      }
      toSeq = entry.seq;
    }
    return this.#finish({ ...this.record, toSeq, lastSeq: Math.max(lastSeq, toSeq) });
  }

  async #takeForward(entry: MessageEntry, opened: OpenedEntry, complete: boolean): Promise<void> {
    if (opened.opened === null) this.#chains.erasedForward(entry.device, entry.sender, entry.id);
    if (this.#isFromAnotherTime(entry, opened)) return;
    const verdict = opened.opened === null ? "next" : this.#chains.forward(opened.opened.link, complete);
    if (verdict === "replayed") this.#problem ??= problem("replayed");
    else await this.#take(entry, opened, verdict);
  }

  /** Entries that end right before `fromSeq`, ascending. `reachedStart`: there is nothing before them. */
  async backward(entries: readonly Entry[], reachedStart: boolean): Promise<IntakeResult> {
    this.#prefix = "open";
    const opened = new Map<number, OpenedEntry>();
    for (const entry of entries) {
      if (entry.kind === "record") await this.parts.chain.apply([entry]);
      else if (entry.kind === "message") opened.set(entry.seq, await this.#open(entry));
    }
    for (const entry of entries.toReversed()) {
      if (entry.kind === "record") {
        await this.#tellRecord(entry, null);
        continue;
      }
      const message = opened.get(entry.seq);
      if (entry.kind === "message" && message !== undefined && this.#isFromAnotherTime(entry, message)) {
        this.#chains.erasedBackward(entry.device, entry.sender, entry.id);
        continue;
      }
      if (message?.opened == null) this.#chains.erasedBackward(entry.device, entry.sender, entry.id);
      if (entry.kind === "erased") await this.#takeErased(entry);
      else if (message !== undefined) {
        const verdict = message.opened === null ? "next" : this.#chains.backward(message.opened.link);
        if (verdict === "replayed") this.#problem ??= problem("replayed");
        else await this.#take(entry, message, verdict);
      }
    }
    // What stands behind a message that is still there was not erased for its age.
    const oldest = entries.find((entry) => entry.kind === "message")?.seq ?? Number.POSITIVE_INFINITY;
    this.#unexplained = this.#unexplained.map((erased) => ({ ...erased, certain: erased.certain || erased.seq > oldest }));
    // What was said before one came in has no beginning here.
    const firstSeq = this.record.room?.firstSeq ?? 1;
    if (reachedStart && firstSeq <= 1) this.#chains.reachedStart();
    this.#added.reverse();
    return this.#finish({ ...this.record, fromSeq: reachedStart ? firstSeq : (entries[0]?.seq ?? this.record.fromSeq) });
  }

  /** Tries unreadable messages again, ascending; those that open now take their place in silence. */
  async heal(entries: readonly MessageEntry[]): Promise<IntakeResult> {
    for (const entry of entries) {
      const opened = await this.#open(entry);
      if (this.#isFromAnotherTime(entry, opened) || (opened.opened !== null && (await this.#isElsewhere(entry)))) continue;
      if (opened.opened !== null) this.#chains.forward(opened.opened.link, false);
      const isSame = opened.opened === null && opened.mayHeal && !opened.isContradicted;
      if (!isSame) await this.#take(entry, opened, "next");
    }
    this.#added.length = 0;
    return this.#finish(this.record);
  }

  /**
   * Who was out and came in again may read under shared history what was said meanwhile, and a deleted room's keys are
   * gone: so nothing is for others, or without a key, before all the records are known that there were when these entries
   * were asked for.
   */
  async #open(entry: MessageEntry): Promise<OpenedEntry> {
    const opened = await this.parts.opener.open(entry);
    const isWithoutKey = opened.isForOthers || (this.#isRoom && opened.problem?.code === "undecryptable");
    if (!isWithoutKey || this.#hasAllRecords) return opened;
    await this.#readAllRecords();
    return this.parts.opener.open(entry);
  }

  async #readAllRecords(): Promise<void> {
    if (!this.#hasAllRecords) await this.parts.chain.catchUp();
    this.#hasAllRecords = true;
  }

  /** Whether an erased entry, of which no envelope is left, is of a time that this account may not read. */
  async #isOfOthers({ seq }: ErasedEntry): Promise<boolean> {
    const { chain, me } = this.parts;
    const isHidden = () =>
      chain.state?.kind === "room" && chain.epochAt(seq) > 0 && !readableEpochs(chain.state, me).has(chain.epochAt(seq));
    if (!isHidden()) return false;
    await this.#readAllRecords();
    return isHidden();
  }

  /** Of the record before this one, whose place is told by what was read; null where that is not known. */
  #historyBefore({ index }: RecordEntry): "shared" | "joined" | null {
    const { state } = this.parts.chain;
    if (this.#lastRecord?.index === index - 1) return this.#lastRecord.history;
    return state?.index === index - 1 ? state.history : null;
  }

  /** A message of a span that this account was not in, and may not read: it is passed over in silence. */
  #isFromAnotherTime(entry: MessageEntry, { opened, isForOthers }: OpenedEntry): boolean {
    if (opened !== null || !isForOthers) return false;
    this.#unreadable.delete(entry.seq);
    this.#explain(entry.id, entry.sender);
    const { seq, at_ms: atMs, id, sender, device } = entry;
    this.#add({ seq, atMs, id, sender, device, kind: "control", ...nothing });
    return true;
  }

  /** It could not be read where a server put it that left something out before; by now it was read in its true place. */
  async #isElsewhere({ seq, id, at_ms: atMs, sender, device }: MessageEntry): Promise<boolean> {
    const { toSeq } = this.record;
    const to = Math.min(toSeq, seq + shiftedBy);
    const [other] = await this.parts.history.newestBefore(to + 1, seq + 1, 1, (message) => message.id === id);
    if (other === undefined) return false;
    this.#unreadable.delete(seq);
    this.#add({ seq, atMs, id, sender, device, kind: "control", ...nothing });
    return true;
  }

  /** What a record of a room did stands in the timeline, if it is the one that the chain has. */
  async #tellRecord(entry: RecordEntry, historyBefore: "shared" | "joined" | null): Promise<void> {
    const chain = this.parts.chain.state;
    if (this.record.room === null || chain === null) return;
    const { payload } = signedFromJson(entry.record);
    const known = recordHashAt(chain, entry.index);
    if (known === undefined || !equalBytes(known, await sha256(payload))) return;
    const record = decodeRecord(payload);
    this.#lastRecord = { index: entry.index, history: record.history };
    const events = withoutUnchangedHistory(eventsOf(record, chain), historyBefore ?? record.history);
    if (events.length === 0) return;
    const { seq, at_ms: atMs } = entry;
    // A name for the screen only; no message can have it.
    const id = `record-${entry.index}` as MessageId;
    this.#add({ seq, atMs, id, sender: record.author, device: record.device, kind: "system", events, ...nothing });
  }

  /** It is told itself, or is no concern of this reader, so it is not also missing before the next one. */
  #explain(id: MessageId, sender: AccountId): void {
    if (!this.#isDeleted(id, sender)) this.#deletions.set(byWhom(id, sender), { by: sender, envelopeHash: null });
  }

  async #takeErased(entry: ErasedEntry): Promise<void> {
    const { seq, id, sender } = entry;
    if (await this.#isOfOthers(entry)) {
      this.#explain(id, sender);
      return this.#add({ seq, id, sender, atMs: entry.at_ms, device: entry.device, kind: "control", ...nothing });
    }
    const isOld = this.parts.serverNowMs() - entry.at_ms >= youngestAgedMs;
    if (!this.#isDeleted(id, sender)) {
      if (this.#prefix === "aged" && isOld) this.#deletions.set(byWhom(id, sender), { by: sender, envelopeHash: null });
      else this.#unexplained.push({ seq, id, sender, certain: this.#prefix !== "open" });
    }
    const erased: StoredMessage = { seq, id, sender, atMs: entry.at_ms, device: entry.device, kind: "deleted", ...nothing };
    const deletion = this.#deletionOf(id, sender, null);
    this.#add(deletion === undefined ? erased : deletedNow(erased, deletion));
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
      const kind = this.#deletionOf(entry.id, entry.sender, envelopeHash) !== undefined ? "deleted" : "unreadable";
      this.#explain(entry.id, entry.sender);
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
    const isShown = content.kind !== "delete" && content.kind !== "edit";
    if (isShown && this.#isSecond(entry)) return this.#add({ ...place, kind: "control", ...nothing });
    const noted = wrong ?? (verdict === "forked" || verdict === "reordered" ? problem(verdict) : null);
    const message: StoredMessage = { ...place, kind: "control", text: "", sentAtMs, problem: noted, envelope: null };
    if (content.kind === "delete") {
      this.#add(message);
      for (const target of content.targets)
        await this.#delete(target, entry.sender, isModerator(opened.role) && this.#isRoom, entry.seq);
      return;
    }
    if (content.kind === "edit") {
      this.#add(message);
      const mentions = this.#counted(content.mentions, opened.role);
      return this.#edit(content.target, { by: entry.sender, text: content.text, mentions, seq: entry.seq });
    }
    const deletion = this.#deletionOf(entry.id, entry.sender, envelopeHash);
    if (deletion !== undefined) return this.#add(deletedNow(message, deletion));
    if (content.kind !== "text" && content.kind !== "files") return this.#add({ ...message, kind: "unknown" });
    const mentions = this.#counted(content.mentions, opened.role);
    const said = content.kind === "text" ? { text: content.text } : { text: content.caption, files: content.files };
    const text: StoredMessage = { ...message, kind: content.kind, ...said, ...(mentions.length === 0 ? {} : { mentions }) };
    if (mentions.includes("all") || mentions.includes(this.parts.me)) {
      if (entry.sender !== this.parts.me) this.#mentionSeq = Math.max(this.#mentionSeq, entry.seq);
    }
    const edit = this.#edits.get(byWhom(entry.id, entry.sender)) ?? this.parts.edits.get(byWhom(entry.id, entry.sender));
    this.#add(edit === undefined || text.kind !== "text" ? text : editedNow(text, edit));
  }

  get #isRoom(): boolean {
    return this.record.room !== null;
  }

  /** Only rooms know mentions, and only moderators call everybody. */
  #counted(mentions: readonly Mention[], role: Parameters<typeof isModerator>[0]): readonly Mention[] {
    if (!this.#isRoom) return [];
    return mentions.filter((mention) => mention !== "all" || isModerator(role));
  }

  /** Exactly the envelope that is named: an id alone can be used by anybody. */
  async #known({ messageId, envelopeHash }: MessageTarget): Promise<StoredMessage | undefined> {
    const { fromSeq, toSeq } = this.record;
    // Of what is erased only the number and the id are left.
    const isMeant = ({ kind, envelopeHash: hash }: StoredMessage) =>
      hash === null ? kind === "deleted" : equalBytes(hash, envelopeHash);
    return (
      [...this.#messages.values()].find((message) => message.id === messageId && isMeant(message)) ??
      (toSeq >= fromSeq ? await this.parts.history.find(messageId, fromSeq, toSeq, isMeant) : undefined)
    );
  }

  /** Of two messages that somebody gave the same id, the first one has it; the other one is not shown. */
  #isSecond({ id, seq }: MessageEntry): boolean {
    const isOther = (message: StoredMessage) =>
      message.id === id && message.seq !== seq && ["text", "files", "unknown", "deleted"].includes(message.kind);
    const other = [...this.#messages.values()].find(isOther) ?? this.parts.history.recent(isOther);
    if (other === undefined) return false;
    this.#problem ??= problem("message-id-reused");
    if (other.seq > seq) this.#messages.set(other.seq, { ...other, kind: "control", ...nothing });
    return other.seq < seq;
  }

  /** One deletes what one's own account wrote, a moderator whatever there is; and exactly the envelope that one names. */
  async #delete(target: MessageTarget, by: AccountId, isModerated: boolean, seq: number): Promise<void> {
    const { messageId, envelopeHash } = target;
    const deletion: DeletionRecord = { by, envelopeHash, seq, ...(isModerated ? { isModerated } : {}) };
    this.#deletions.set(byWhom(messageId, by), deletion);
    // Of several moderators the first one counts, in whatever order their messages are read.
    const moderated = this.#deletion(byModerator(messageId));
    if (isModerated && (moderated?.seq === undefined || seq < moderated.seq))
      this.#deletions.set(byModerator(messageId), deletion);
    const known = await this.#known(target);
    if (known === undefined || known.kind === "control" || known.kind === "system") return;
    if (known.envelopeHash === null && known.kind !== "deleted") return;
    const counted = this.#deletionOf(messageId, known.sender, known.envelopeHash);
    if (counted === undefined) return;
    this.#messages.set(known.seq, deletedNow(known, counted));
    this.#unreadable.delete(known.seq);
  }

  /** One changes what one's own account wrote, and exactly the envelope that one names; the newest change counts. */
  async #edit(target: MessageTarget, edit: Omit<EditRecord, "envelopeHash">): Promise<void> {
    const { messageId, envelopeHash } = target;
    const key = byWhom(messageId, edit.by);
    const before = this.#edits.get(key) ?? this.parts.edits.get(key);
    if (before !== undefined && before.seq >= edit.seq) return;
    const kept: EditRecord = { ...edit, envelopeHash };
    this.#edits.set(key, kept);
    const known = await this.#known(target);
    if (known?.kind === "text" && known.sender === edit.by) this.#messages.set(known.seq, editedNow(known, kept));
  }

  async #finish(record: ConversationRecord): Promise<IntakeResult> {
    const upToDate = record.toSeq >= record.lastSeq;
    const isHidden = (id: MessageId) => this.#unexplained.some((erased) => erased.id === id && !this.#mayReadSince(erased.seq));
    const isExplained = (id: MessageId, by: AccountId) => this.#isGone || this.#isDeleted(id, by);
    if (this.#isGone) await this.#eraseUnread();
    const { missing, healed } = this.#chains.settle(isExplained, upToDate, isHidden);
    for (const seq of healed) await this.#note(seq, null);
    for (const seq of missing) await this.#note(seq, problem("gap"));
    const unexplained: Unexplained[] = [];
    for (const erased of this.#unexplained) {
      const explained = isExplained(erased.id, erased.sender);
      if (!explained) unexplained.push(erased);
      if (explained || (upToDate && erased.certain && this.#mayReadSince(erased.seq)))
        await this.#note(erased.seq, explained ? null : problem("unexplained-erasure"));
    }
    return {
      messages: this.#messages,
      added: this.#added.map((message) => this.#messages.get(message.seq) ?? message),
      deletions: this.#deletions,
      edits: this.#edits,
      mentionSeq: this.#mentionSeq,
      prefix: this.#prefix,
      refusal: this.#refusal,
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

  /** With a room everything in it goes: its last record says so. */
  get #isGone(): boolean {
    return this.parts.chain.state?.room?.isDeleted === true;
  }

  async #eraseUnread(): Promise<void> {
    for (const seq of this.#unreadable) {
      const message = this.#messages.get(seq) ?? (await this.parts.history.at(seq));
      if (message?.problem?.code !== "undecryptable") continue;
      this.#unreadable.delete(seq);
      this.#messages.set(seq, { ...message, kind: "deleted", ...nothing });
    }
  }

  /** Only who may read everything that was said since then, and is still in, would know of a deletion. */
  #mayReadSince(seq: number): boolean {
    const { chain, me } = this.parts;
    if (chain.state === null || chain.state.kind === "direct") return true;
    if (memberOf(chain.state, me) === undefined) return false;
    const readable = readableEpochs(chain.state, me);
    const isOver = (epoch: number) => (chain.closedAtSeq(epoch) ?? Number.POSITIVE_INFINITY) < seq;
    return [...chain.state.epochs.keys()].every((epoch) => readable.has(epoch) || isOver(epoch));
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

  #deletion(key: string): DeletionRecord | undefined {
    return this.#deletions.get(key) ?? this.parts.deletions.get(key);
  }

  #isDeleted(id: MessageId, sender: AccountId): boolean {
    return (this.#deletion(byWhom(id, sender)) ?? this.#deletion(byModerator(id))) !== undefined;
  }

  /** The deletion that names exactly this envelope (null: it is gone), by its sender or, without that, by a moderator. */
  #deletionOf(id: MessageId, sender: AccountId, envelopeHash: Uint8Array | null): DeletionRecord | undefined {
    return [this.#deletion(byWhom(id, sender)), this.#deletion(byModerator(id))].find(
      (deletion) => deletion?.envelopeHash != null && (envelopeHash === null || equalBytes(deletion.envelopeHash, envelopeHash)),
    );
  }
}

/** What a record is refused for. Throws what is no fault of the record, like the network. */
function refusalIn(error: unknown): Error {
  if (error instanceof CryptoError || (error instanceof ClientError && error.code === "rollback")) return error;
  throw error;
}

// Group commit of messages, in the database thread: check, number, insert and move the conversations on, in one
// transaction with one sync of the disk.
import type { Database } from "bun:sqlite";
import type { MessageBatch, MessageOutcome, PendingMessage } from "../batches.ts";
import { BlobRefs } from "./blob-refs.ts";
import { ConversationPlaces, type Place } from "./conversation-places.ts";

interface Stored {
  readonly seq: number;
  readonly at_ms: number;
  readonly envelope_hash: Uint8Array;
  readonly device: string;
}

type Row = [string, number, number, string, string, string, Uint8Array, Uint8Array];

/** Rows of one insert statement; the rest of a batch goes row by row. */
const rowsPerInsert = 16;
const rowSql = "(?, ?, 'message', ?, ?, ?, ?, ?, ?)";
const insertSql =
  "insert into entries (conversation, seq, kind, at_ms, message_id, sender, device, envelope, envelope_hash) values ";

export class MessageCommit {
  readonly #db: Database;
  readonly #places: ConversationPlaces;
  readonly #blobRefs: BlobRefs;
  readonly #findStored;
  readonly #insertOne;
  readonly #insertMany;
  readonly #moveOn;
  readonly #fast;
  readonly #careful;
  readonly #insertWithRefs;
  /** Conversations that this batch adds to. */
  #grown = new Map<string, Place>();

  constructor(
    db: Database,
    readonly now: () => number,
  ) {
    this.#db = db;
    this.#places = new ConversationPlaces(db);
    this.#blobRefs = new BlobRefs(db);
    this.#findStored = db.query<Stored, [string, string]>(
      "select seq, at_ms, envelope_hash, device from entries where conversation = ? and message_id = ?",
    );
    this.#insertOne = db.query<null, Row>(insertSql + rowSql);
    this.#insertMany = db.query<null, Row[number][]>(insertSql + Array(rowsPerInsert).fill(rowSql).join(", "));
    this.#moveOn = db.query<null, [number, number, number, string]>(
      // Receipts move the clock too.
      "update conversations set last_seq = ?, last_message_seq = ?, changed_at_ms = max(changed_at_ms, ?) where id = ?",
    );
    this.#fast = db.transaction((batch: MessageBatch) => this.#storeTogether(batch));
    this.#careful = db.transaction((batch: MessageBatch) => this.#storeSingly(batch));
    // Inside another transaction this is a savepoint: both are written, or neither.
    this.#insertWithRefs = db.transaction((message: PendingMessage, row: Row) => {
      this.#insertOne.run(...row);
      this.#blobRefs.add(message, row[1]);
    });
  }

  /** Something else than a batch has written. */
  forget(): void {
    this.#places.forget();
  }

  run(batch: MessageBatch): MessageOutcome[] {
    try {
      return this.#attempt(this.#fast, batch);
    } catch {
      // A repeated id or a poisoned row: find out which, still with one sync for all the others.
      return this.#attempt(this.#careful, batch);
    }
  }

  #attempt(store: { immediate(batch: MessageBatch): MessageOutcome[] }, batch: MessageBatch): MessageOutcome[] {
    this.#grown = new Map();
    try {
      return store.immediate(batch);
    } catch (error) {
      // The numbers that were taken are free again.
      this.forget();
      throw error;
    }
  }

  /** Assumes that every message is new: the database throws where an id was used before. */
  #storeTogether(batch: MessageBatch): MessageOutcome[] {
    this.#places.refresh();
    const nowMs = this.now();
    const rows: Row[] = [];
    const named: [PendingMessage, seq: number][] = [];
    const outcomes = batch.map((message) => {
      const place = this.#check(message);
      if ("kind" in place) return place;
      const { outcome, row } = this.#number(message, place, nowMs);
      rows.push(row);
      if (message.blobs.length > 0) named.push([message, row[1]]);
      return outcome;
    });
    let next = 0;
    for (; next + rowsPerInsert <= rows.length; next += rowsPerInsert)
      this.#insertMany.run(...rows.slice(next, next + rowsPerInsert).flat());
    for (; next < rows.length; next++) this.#insertOne.run(...(rows[next] as Row));
    // Last, so that a copy in the same batch is found to be one before its blobs are found to be taken.
    for (const [message, seq] of named) this.#blobRefs.add(message, seq);
    this.#moveConversations();
    return outcomes;
  }

  #storeSingly(batch: MessageBatch): MessageOutcome[] {
    this.#places.refresh();
    const nowMs = this.now();
    const outcomes = batch.map((message) => this.#storeOne(message, nowMs));
    this.#moveConversations();
    return outcomes;
  }

  #storeOne(message: PendingMessage, nowMs: number): MessageOutcome {
    const place = this.#check(message);
    if ("kind" in place) return place;
    const repeated = this.#repeated(message);
    if (repeated !== null) return repeated;
    const { lastSeq, atMs } = place;
    try {
      const { outcome, row } = this.#number(message, place, nowMs);
      if (message.blobs.length > 0) this.#insertWithRefs(message, row);
      else this.#insertOne.run(...row);
      return outcome;
    } catch (error) {
      // A statement that fails leaves the transaction as it was before it, unless the engine gave the transaction up.
      if (!this.#db.inTransaction) throw error;
      Object.assign(place, { lastSeq, atMs });
      return { kind: "refused", code: "overloaded" };
    }
  }

  #moveConversations(): void {
    for (const [conversation, { lastSeq, atMs }] of this.#grown) this.#moveOn.run(lastSeq, lastSeq, atMs, conversation);
  }

  /** Takes the conversation's next number. */
  #number(message: PendingMessage, place: Place, nowMs: number): { outcome: MessageOutcome; row: Row } {
    place.lastSeq += 1;
    place.atMs = Math.max(place.atMs, nowMs);
    const { lastSeq: seq, atMs } = place;
    const { conversation, messageId, account, device, envelope } = message;
    this.#grown.set(conversation, place);
    return {
      outcome: { kind: "stored", seq, atMs, repeated: false },
      row: [conversation, seq, atMs, messageId, account, device, envelope, hash(envelope)],
    };
  }

  #check(message: PendingMessage): Place | MessageOutcome {
    const place = this.#places.place(message.conversation);
    const sender = place && this.#places.sender(message);
    if (place === null || sender === "stranger") return { kind: "refused", code: "not-found" };
    if (sender === "unknown-device") return { kind: "refused", code: "device-unknown" };
    const refusal = refusalOf(message, place, sender === "moderator");
    // A repetition is answered with its number whatever has changed since.
    if (refusal !== null) return this.#repeated(message) ?? refusal;
    return message.blobs.length === 0 ? place : (this.#checkBlobs(message) ?? place);
  }

  /** What a message names is its own when it comes again. */
  #checkBlobs(message: PendingMessage): MessageOutcome | null {
    const repeated = this.#repeated(message);
    if (repeated !== null) return repeated;
    return this.#blobRefs.mayName(message) ? null : { kind: "refused", code: "blob-missing" };
  }

  #repeated(message: PendingMessage): MessageOutcome | null {
    const used = this.#findStored.all(message.conversation, message.messageId);
    if (used.length === 0) return null;
    // Direct chats of old may hold an id of several devices.
    const stored = used.find(({ device }) => device === message.device);
    if (!stored || !equal(stored.envelope_hash, hash(message.envelope))) return { kind: "refused", code: "message-id-reused" };
    return { kind: "stored", seq: stored.seq, atMs: stored.at_ms, repeated: true };
  }
}

/** Null: the message may be stored. */
function refusalOf({ epoch }: PendingMessage, place: Place, isModerator: boolean): MessageOutcome | null {
  if (epoch !== place.epoch) return { kind: "epoch-closed", epoch: place.epoch, recordIndex: place.recordIndex };
  if (place.isQuiet && !isModerator) return { kind: "refused", code: "not-allowed" };
  return place.owesRotation ? { kind: "refused", code: "rotation-due" } : null;
}

function hash(bytes: Uint8Array): Uint8Array {
  return Bun.SHA256.hash(bytes) as Uint8Array;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

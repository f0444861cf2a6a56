// Where conversations stand, and who may write to them. Kept from batch to batch, because looking it up again would be
// half of a batch's cost; forgotten as soon as anything else writes.
import type { Database } from "bun:sqlite";
import type { PendingMessage } from "../batches.ts";

export interface Place {
  readonly epoch: number;
  readonly recordIndex: number;
  lastSeq: number;
  atMs: number;
}

export type Sender = "member" | "stranger" | "unknown-device";

const maxKept = 50_000;

export class ConversationPlaces {
  readonly #findConversation;
  readonly #findSender;
  readonly #dataVersion;
  readonly #places = new Map<string, Place>();
  readonly #members = new Set<string>();
  #seenVersion = -1;

  constructor(db: Database) {
    this.#findConversation = db.query<Place, [string]>(
      "select epoch, record_index as recordIndex, last_seq as lastSeq, changed_at_ms as atMs from conversations where id = ?",
    );
    this.#findSender = db.query<{ state: string | null }, [string, string, string]>(
      "select d.state from members m left join devices d on d.device = ? and d.account = m.account " +
        "where m.conversation = ? and m.account = ?",
    );
    this.#dataVersion = db.query<{ data_version: number }, []>("pragma data_version");
  }

  forget(): void {
    this.#places.clear();
    this.#members.clear();
  }

  /** To be called inside the transaction, before anything is looked up: another process may have written to the file. */
  refresh(): void {
    const version = this.#dataVersion.get()?.data_version ?? -1;
    if (version !== this.#seenVersion || this.#members.size > maxKept) this.forget();
    this.#seenVersion = version;
  }

  place(conversation: string): Place | null {
    const known = this.#places.get(conversation);
    if (known) return known;
    const place = this.#findConversation.get(conversation);
    if (place) this.#places.set(conversation, place);
    return place;
  }

  sender({ conversation, account, device }: PendingMessage): Sender {
    const key = `${conversation}${account}${device}`;
    if (this.#members.has(key)) return "member";
    const row = this.#findSender.get(device, conversation, account);
    if (row === null) return "stranger";
    if (row.state !== "active") return "unknown-device";
    this.#members.add(key);
    return "member";
  }
}

// Where conversations stand, and who may write to them. Kept from batch to batch, because looking it up again would be
// half of a batch's cost; forgotten as soon as anything else writes.
import type { Database } from "bun:sqlite";
import type { PendingMessage } from "../batches.ts";

export interface Place {
  readonly epoch: number;
  readonly recordIndex: number;
  /** Of rooms: only admins and owners write. */
  readonly isQuiet: boolean;
  /** Of rooms: nobody writes before the next key. */
  readonly owesRotation: boolean;
  lastSeq: number;
  atMs: number;
}

export type Sender = "member" | "moderator" | "stranger" | "unknown-device";

type PlaceRow = Omit<Place, "isQuiet" | "owesRotation"> & { readonly post: string | null; readonly owed: number };

const maxKept = 50_000;

export class ConversationPlaces {
  readonly #findConversation;
  readonly #findSender;
  readonly #dataVersion;
  readonly #places = new Map<string, Place>();
  readonly #members = new Map<string, "member" | "moderator">();
  #seenVersion = -1;

  constructor(db: Database) {
    this.#findConversation = db.query<PlaceRow, [string]>(
      "select epoch, record_index as recordIndex, last_seq as lastSeq, changed_at_ms as atMs, post, rotation_owed as owed " +
        "from conversations where id = ?",
    );
    this.#findSender = db.query<{ state: string | null; role: string }, [string, string, string]>(
      "select d.state, m.role from members m left join devices d on d.device = ? and d.account = m.account " +
        "where m.conversation = ? and m.account = ? and m.until_seq is null",
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
    const row = this.#findConversation.get(conversation);
    if (row === null) return null;
    const { epoch, recordIndex, lastSeq, atMs, post, owed } = row;
    const place: Place = { epoch, recordIndex, lastSeq, atMs, isQuiet: post === "admin", owesRotation: owed === 1 };
    this.#places.set(conversation, place);
    return place;
  }

  sender({ conversation, account, device }: PendingMessage): Sender {
    const key = `${conversation}${account}${device}`;
    const known = this.#members.get(key);
    if (known) return known;
    const row = this.#findSender.get(device, conversation, account);
    if (row === null) return "stranger";
    if (row.state !== "active") return "unknown-device";
    const sender = row.role === "member" ? "member" : "moderator";
    this.#members.set(key, sender);
    return sender;
  }
}

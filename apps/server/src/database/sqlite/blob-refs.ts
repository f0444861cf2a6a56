// Which message refers to which uploaded blob: one message at most to each (PROTOCOL.md P10.5).
import type { Database } from "bun:sqlite";
import type { PendingMessage } from "../batches.ts";

export class BlobRefs {
  readonly #findFree;
  readonly #insert;

  constructor(db: Database) {
    this.#findFree = db.query<{ id: string }, [string, string, string]>(
      "select id from blobs left join blob_refs on blob = id " +
        "where id = ? and account = ? and blobs.conversation = ? and is_whole = 1 and blob is null",
    );
    this.#insert = db.query<null, [string, string, number]>("insert into blob_refs (blob, conversation, seq) values (?, ?, ?)");
  }

  /** Whether all of them are whole, the sender's own, meant for this conversation, and not named yet. */
  mayName({ blobs, account, conversation }: PendingMessage): boolean {
    return blobs.every((blob) => this.#findFree.get(blob, account, conversation) !== null);
  }

  /** Throws where another message has named one. */
  add({ blobs, conversation }: PendingMessage, seq: number): void {
    for (const blob of blobs) this.#insert.run(blob, conversation, seq);
  }
}

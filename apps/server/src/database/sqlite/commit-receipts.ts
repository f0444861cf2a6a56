// Moves receipts forward in one transaction, in the database thread.
import type { Database } from "bun:sqlite";
import type { PendingReceipt, ReceiptBatch, ReceiptOutcome } from "../batches.ts";
import type { MemberState } from "../schema.ts";

interface Row {
  readonly state: MemberState;
  readonly delivered_seq: number;
  readonly read_seq: number;
  readonly last_seq: number;
}

export class ReceiptCommit {
  readonly #db: Database;
  readonly #find;
  readonly #move;
  readonly #touch;

  constructor(
    db: Database,
    readonly now: () => number,
  ) {
    this.#db = db;
    this.#find = db.query<Row, [string, string]>(
      "select m.state, m.delivered_seq, m.read_seq, c.last_seq from members m join conversations c on c.id = m.conversation " +
        "where m.conversation = ? and m.account = ? and m.until_seq is null",
    );
    this.#move = db.query<null, [number, number, string, string]>(
      "update members set delivered_seq = ?, read_seq = ? where conversation = ? and account = ?",
    );
    this.#touch = db.query<null, [number, string]>("update conversations set changed_at_ms = max(changed_at_ms, ?) where id = ?");
  }

  run(batch: ReceiptBatch): ReceiptOutcome[] {
    return this.#db.transaction(() => batch.map((receipt) => this.#one(receipt))).immediate();
  }

  #one({ conversation, account, deliveredSeq, readSeq }: PendingReceipt): ReceiptOutcome {
    const row = this.#find.get(conversation, account);
    if (row === null) return null;
    const read = Math.max(row.read_seq, Math.min(readSeq, row.last_seq));
    // Who has read it has it.
    const delivered = Math.max(row.delivered_seq, Math.min(deliveredSeq, row.last_seq), read);
    if (read === row.read_seq && delivered === row.delivered_seq) return null;
    this.#move.run(delivered, read, conversation, account);
    this.#touch.run(this.now(), conversation);
    return { state: row.state, deliveredSeq: delivered, readSeq: read };
  }
}

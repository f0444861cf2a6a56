// The physical limit of storage: SQLite inserts and nothing else, with the server's pragmas. Started by Children.startPeer.
import { Database } from "bun:sqlite";
import { newMessageId } from "@cychat/protocol";

export interface InsertRequest {
  readonly path: string;
  readonly rows: number;
  readonly rowsPerCommit: number;
  readonly envelopeBytes: number;
  /** What makes the table `entries`, with its indexes; null: a table without any key. */
  readonly schema: readonly string[] | null;
}

export interface InsertAnswer {
  readonly wallMs: number;
  readonly cpuMs: number;
}

type Row = [string, number, string, number, string, string, string, Uint8Array, Uint8Array];

/** As many as the server puts into one statement. */
const rowsPerStatement = 16;
const columns = "conversation, seq, kind, at_ms, message_id, sender, device, envelope, envelope_hash";

process.on("message", (request: InsertRequest) => {
  process.send?.(insert(request));
});
process.send?.("ready");

function insert({ path, rows, rowsPerCommit, envelopeBytes, schema }: InsertRequest): InsertAnswer {
  const db = new Database(path, { create: true });
  db.run("pragma journal_mode = wal");
  db.run("pragma synchronous = full");
  db.run("pragma cache_size = -32768");
  for (const sql of schema ?? [`create table entries (${columns})`]) db.run(sql);
  const placeholders = "(?, ?, ?, ?, ?, ?, ?, ?, ?)";
  const one = db.query<null, Row>(`insert into entries (${columns}) values ${placeholders}`);
  const many = db.query<null, Row[number][]>(
    `insert into entries (${columns}) values ${Array(rowsPerStatement).fill(placeholders).join(", ")}`,
  );
  const commit = db.transaction((batch: readonly Row[]) => {
    let next = 0;
    for (; next + rowsPerStatement <= batch.length; next += rowsPerStatement)
      many.run(...batch.slice(next, next + rowsPerStatement).flat());
    for (; next < batch.length; next++) one.run(...(batch[next] as Row));
  });

  const prepared = Array.from({ length: rows }, (_, index) => rowOf(index, envelopeBytes));
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  for (let next = 0; next < rows; next += rowsPerCommit) commit.immediate(prepared.slice(next, next + rowsPerCommit));
  const wallMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  db.close();
  return { wallMs, cpuMs: (user + system) / 1000 };
}

/** The lengths of a message's row, spread over a hundred conversations. */
function rowOf(index: number, envelopeBytes: number): Row {
  const conversation = String(index % 100).padStart(43, "c");
  const seq = Math.floor(index / 100) + 1;
  const envelope = new Uint8Array(envelopeBytes).fill(index);
  const device = conversation.replaceAll("c", "d");
  return [
    conversation,
    seq,
    "message",
    1_790_000_000_000 + index,
    newMessageId(),
    "a".repeat(36),
    device,
    envelope,
    new Uint8Array(32).fill(index),
  ];
}

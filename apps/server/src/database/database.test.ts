import { Database as SqliteFile } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AccountId, BlobId, ConversationId, DeviceId, MessageId } from "@cychat/protocol";
import { sql } from "kysely";
import type { PendingMessage } from "./batches.ts";
import { openDatabase, pingDatabase } from "./database.ts";
import { type Engine, isUniqueViolation } from "./engine.ts";

const folder = mkdtempSync(join(tmpdir(), "cychat-database-"));
afterAll(() => rmSync(folder, { recursive: true }));
let opened = 0;

async function open(path = join(folder, `${++opened}.db`)): Promise<Engine & AsyncDisposable & { path: string }> {
  const engine = await openDatabase({ type: "sqlite", path });
  return { ...engine, path, [Symbol.asyncDispose]: () => engine.close() };
}

const bytes = (...values: number[]) => new Uint8Array(values);
const invite = (code_hash: string) => ({ code_hash, uses_left: 1, expires_at_ms: 2 ** 45, created_by: "a" as AccountId });

/** `expect(…).rejects` blocks the event loop in Bun, and with it the answers of the database thread. */
async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "it succeeded",
    (error: unknown) => error,
  );
}

async function addAccount({ kysely }: Engine, id = "a"): Promise<void> {
  const names = { nickname: id, nickname_key: id, email: id, phone_number: null, picture_type: null };
  const secrets = { password_hash: "", password_salt: bytes(1, 2, 255), user_role: "user" as const };
  await kysely
    .insertInto("accounts")
    .values({ id: id as AccountId, ...names, ...secrets, created_at_ms: 2 ** 44, last_seen_ms: null })
    .execute();
}

test("what is written comes back as it was: bytes, large numbers, nulls", async () => {
  await using engine = await open();
  await addAccount(engine);
  const row = await engine.kysely.selectFrom("accounts").selectAll().executeTakeFirstOrThrow();
  expect(row).toMatchObject({
    password_salt: bytes(1, 2, 255),
    created_at_ms: 2 ** 44,
    phone_number: null,
    chat_status: "online",
    picture_version: 0,
  });
  const { numUpdatedRows } = await engine.kysely.updateTable("accounts").set({ nickname: "b" }).executeTakeFirstOrThrow();
  expect(numUpdatedRows).toBe(1n);
});

test("durability, foreign keys and overwriting are on", async () => {
  await using engine = await open();
  const pragma = async (name: string) =>
    Object.values((await sql<Record<string, unknown>>`pragma ${sql.raw(name)}`.execute(engine.kysely)).rows[0] ?? {})[0];
  expect(await pragma("journal_mode")).toBe("wal");
  expect(await pragma("synchronous")).toBe(2);
  expect(await pragma("foreign_keys")).toBe(1);
  expect(await pragma("secure_delete")).toBe(1);
  expect(await failure(engine.kysely.insertInto("invites").values(invite("x")).execute())).toMatchObject({ kind: "foreign-key" });
});

test("migrations run once, and a second start finds its data", async () => {
  const first = await open();
  await addAccount(first);
  await first.close();
  await using second = await open(first.path);
  expect(await second.kysely.selectFrom("accounts").select("id").execute()).toEqual([{ id: "a" as AccountId }]);
  await pingDatabase(second.kysely);
});

test("transactions are exclusive: what is not part of one waits, and it is undone when it throws", async () => {
  await using engine = await open();
  await addAccount(engine);
  const db = engine.kysely;
  const order: string[] = [];
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const first = db.transaction().execute(async (trx) => {
    await trx.insertInto("invites").values(invite("first")).execute();
    begun.resolve();
    await held;
    order.push("first");
  });
  await begun.promise;
  const failing = db
    .transaction()
    .execute(async (trx) => {
      order.push("failing");
      await trx.insertInto("invites").values(invite("second")).execute();
      throw new Error("no");
    })
    .catch((error: Error) => error.message);
  const outside = db
    .insertInto("invites")
    .values(invite("third"))
    .execute()
    .then(() => order.push("outside"));
  await Bun.sleep(5);
  expect(order).toEqual([]);
  release();
  await Promise.all([first, outside]);
  expect(await failing).toBe("no");
  expect(order).toEqual(["first", "failing", "outside"]);
  const codes = await db.selectFrom("invites").select("code_hash").orderBy("code_hash").execute();
  expect(codes.map(({ code_hash }) => code_hash)).toEqual(["first", "third"]);
});

test("a race for the same row is recognised, and a failed statement inside a transaction leaves the rest to decide", async () => {
  await using engine = await open();
  await addAccount(engine);
  const db = engine.kysely;
  await db.insertInto("invites").values(invite("x")).execute();
  const error = await failure(db.insertInto("invites").values(invite("x")).execute());
  expect(isUniqueViolation(error)).toBe(true);
  expect(String(error)).not.toContain("'x'");
  await db.transaction().execute(async (trx) => {
    await trx
      .insertInto("invites")
      .values(invite("x"))
      .execute()
      .catch(() => {});
    await trx.insertInto("invites").values(invite("y")).execute();
  });
  expect((await db.selectFrom("invites").selectAll().execute()).length).toBe(2);
});

test("closing ends the thread, and what comes later is refused instead of hanging", async () => {
  const engine = await open();
  await engine.close();
  expect(await failure(engine.kysely.selectFrom("accounts").select("id").execute())).toMatchObject({
    message: "the database is closed",
  });
});

async function withConversation() {
  const engine = await open();
  await addAccount(engine);
  const db = engine.kysely;
  const conversation = "c" as ConversationId;
  const place = {
    created_at_ms: 1,
    changed_at_ms: Date.now() + 60_000,
    last_seq: 1,
    record_index: 0,
    record_hash: bytes(),
    epoch: 1,
  };
  await db
    .insertInto("conversations")
    .values({ id: conversation, kind: "direct", ...place })
    .execute();
  await db
    .insertInto("members")
    .values({ conversation, account: "a" as AccountId, role: "owner", state: "active" })
    .execute();
  await db
    .insertInto("devices")
    .values({ device: "d" as DeviceId, account: "a" as AccountId, n: 1, public_key: bytes(), state: "active" })
    .execute();
  return engine;
}

const message = (id: string, fields: Partial<PendingMessage> = {}): PendingMessage => ({
  conversation: "c" as ConversationId,
  account: "a" as AccountId,
  device: "d" as DeviceId,
  messageId: id as MessageId,
  epoch: 1,
  envelope: bytes(1, 2, 3),
  blobs: [],
  ...fields,
});

test("a batch is numbered in order, with refused and repeated messages in between, and without a gap", async () => {
  await using engine = await withConversation();
  const outcomes = await engine.commitMessages([
    message("1"),
    message("2", { epoch: 2 }),
    message("1"),
    message("3", { account: "b" as AccountId }),
    message("4", { conversation: "other" as ConversationId }),
    message("5", { device: "e" as DeviceId }),
    message("1", { envelope: bytes(9) }),
    message("6"),
  ]);
  expect(
    outcomes.map((outcome) =>
      outcome.kind === "stored" ? [outcome.seq, outcome.repeated] : outcome.kind === "refused" ? outcome.code : outcome,
    ),
  ).toEqual([
    [2, false],
    { kind: "epoch-closed", epoch: 1, recordIndex: 0 },
    [2, true],
    "not-found",
    "not-found",
    "device-unknown",
    "message-id-reused",
    [3, false],
  ]);
  const { last_seq, last_message_seq } = await engine.kysely.selectFrom("conversations").selectAll().executeTakeFirstOrThrow();
  expect([last_seq, last_message_seq]).toEqual([3, 3]);
});

test("a poisoned row is refused alone; its neighbours are stored", async () => {
  await using engine = await withConversation();
  // The engine itself refuses this one, whatever the code thinks of it.
  await sql`create trigger poison before insert on entries when new.message_id = 'poison' begin select raise(abort, 'poison'); end`.execute(
    engine.kysely,
  );
  const outcomes = await engine.commitMessages([message("1"), message("poison"), message("2")]);
  expect(outcomes).toMatchObject([{ seq: 2 }, { kind: "refused", code: "overloaded" }, { seq: 3 }]);
});

test("a message that is refused leaves no reference to its files, and they are named by the next", async () => {
  await using engine = await withConversation();
  const { kysely: db } = engine;
  const row = { account: "a" as AccountId, conversation: "c" as ConversationId, bytes: 1, created_at_ms: 1, touched_at_ms: 1 };
  for (const id of ["x", "y"] as BlobId[])
    await db
      .insertInto("blobs")
      .values({ ...row, id, is_whole: 1 })
      .execute();
  await sql`create trigger poison before insert on entries when new.message_id = 'poison' begin select raise(abort, 'poison'); end`.execute(
    db,
  );
  const [x, y] = [["x" as BlobId], ["y" as BlobId]] as const;
  const outcomes = await engine.commitMessages([
    message("poison", { blobs: x }),
    message("1"),
    message("2", { blobs: x }),
    message("3", { blobs: [...y, ...x] }),
    message("2", { blobs: x }),
    message("4", { epoch: 2, blobs: y }),
    message("5", { blobs: y }),
  ]);
  expect(outcomes).toMatchObject([
    { code: "overloaded" },
    { seq: 2 },
    { seq: 3, repeated: false },
    { code: "blob-missing" },
    { seq: 3, repeated: true },
    { kind: "epoch-closed" },
    { seq: 4 },
  ]);
  const refs = await db.selectFrom("blob_refs").selectAll().orderBy("blob").execute();
  expect(refs.map(({ blob, seq }): [string, number] => [blob, seq])).toEqual([
    ["x", 3],
    ["y", 4],
  ]);
});

test("what batches remember is forgotten when anything else writes, another process included", async () => {
  await using engine = await withConversation();
  const { kysely: db, path } = engine;
  const send = async (id: string) => {
    const [outcome] = await engine.commitMessages([message(id)]);
    return outcome?.kind === "stored" ? outcome.seq : outcome?.kind === "refused" ? outcome.code : outcome?.kind;
  };
  expect(await send("1")).toBe(2);
  await db.updateTable("conversations").set({ epoch: 2 }).execute();
  expect(await send("2")).toBe("epoch-closed");
  await db.updateTable("conversations").set({ epoch: 1, last_seq: 10 }).execute();
  expect(await send("3")).toBe(11);
  const other = new SqliteFile(path);
  other.run("update devices set state = 'revoked'");
  expect(await send("4")).toBe("device-unknown");
  other.run("update devices set state = 'active'");
  other.run("delete from members");
  other.close();
  expect(await send("5")).toBe("not-found");
});

test("a conversation's clock never goes back, even when the machine's does", async () => {
  await using engine = await withConversation();
  const before = await engine.kysely.selectFrom("conversations").select("changed_at_ms").executeTakeFirstOrThrow();
  const [outcome] = await engine.commitMessages([message("1")]);
  expect(outcome).toMatchObject({ atMs: before.changed_at_ms });
});

test("batches and transactions keep out of each other's way", async () => {
  await using engine = await withConversation();
  const moves = Array.from({ length: 20 }, (_, index) =>
    engine.kysely.transaction().execute(async (trx) => {
      const { last_seq } = await trx.selectFrom("conversations").select("last_seq").executeTakeFirstOrThrow();
      await trx
        .updateTable("conversations")
        .set({ last_seq: last_seq + 1 })
        .execute();
      return index;
    }),
  );
  const batches = Array.from({ length: 20 }, (_, index) => engine.commitMessages([message(`m${index}`)]));
  await Promise.all([...moves, ...batches]);
  const { last_seq } = await engine.kysely.selectFrom("conversations").select("last_seq").executeTakeFirstOrThrow();
  expect(last_seq).toBe(41);
});

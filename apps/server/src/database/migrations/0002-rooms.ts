// Rooms: what their records say, memberships that end, invites, bans, requests, letters.
import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";
import { columns as c } from "../columns.ts";

// biome-ignore lint/suspicious/noExplicitAny: a migration knows the schema of its own time only
type AnyDatabase = Kysely<any>;

export const rooms: Migration = {
  async up(db: AnyDatabase) {
    await widenConversations(db);
    await widenMembers(db);
    await db.schema.alterTable("account_keys").addColumn("changed_at_ms", c.count, zero).execute();
    await rebuildRecords(db);
    await rebuildSeals(db);
    await roomTables(db);
    await requestTables(db);
    await waitingRooms(db);
    await guardMessageIds(db);
  },
};

type Column = Parameters<Parameters<ReturnType<AnyDatabase["schema"]["alterTable"]>["addColumn"]>[2] & object>[0];
const zero = (col: Column) => col.notNull().defaultTo(0);
const one = (col: Column) => col.notNull().defaultTo(1);

async function widenConversations(db: AnyDatabase): Promise<void> {
  const table = () => db.schema.alterTable("conversations");
  for (const name of ["join_policy", "post", "invite_right", "pin_right", "rename_right"])
    await table().addColumn(name, c.word).execute();
  for (const name of ["handle", "handle_key", "description"]) await table().addColumn(name, c.shortText).execute();
  await table().addColumn("search_key", "varchar(600)").execute();
  await table().addColumn("profile_hash", c.bytes).execute();
  await table().addColumn("shared_from_seq", c.count, one).execute();
  for (const name of ["rotation_owed", "is_deleted", "member_count"]) await table().addColumn(name, c.count, zero).execute();
  await db.schema.createIndex("conversations_handle_key").unique().on("conversations").column("handle_key").execute();
}

async function widenMembers(db: AnyDatabase): Promise<void> {
  const table = () => db.schema.alterTable("members");
  await table().addColumn("identity_hash", c.bytes).execute();
  await table().addColumn("generation", c.count).execute();
  await table().addColumn("since_seq", c.count, one).execute();
  await table().addColumn("since_index", c.count, zero).execute();
  await table().addColumn("first_seq", c.count, one).execute();
  for (const name of ["until_seq", "until_index", "former_changed_at_ms"]) await table().addColumn(name, c.count).execute();
  await table().addColumn("is_forgotten", c.count, zero).execute();
}

/** `member_list` may be null now, and a record is found by its hash. */
async function rebuildRecords(db: AnyDatabase): Promise<void> {
  const { schema } = db;
  await schema
    .createTable("new_records")
    .addColumn("conversation", c.hash, (col) => col.notNull().references("conversations.id").onDelete("cascade"))
    .addColumn("idx", c.count, (col) => col.notNull())
    .addColumn("seq", c.count, (col) => col.notNull())
    .addColumn("epoch", c.count, (col) => col.notNull())
    .addColumn("at_ms", c.count, (col) => col.notNull())
    .addColumn("hash", c.bytes, (col) => col.notNull())
    .addColumn("payload", c.bytes, (col) => col.notNull())
    .addColumn("signature", c.bytes, (col) => col.notNull())
    .addColumn("member_list", c.bytes)
    .addPrimaryKeyConstraint("new_records_pk", ["conversation", "idx"])
    .execute();
  await sql`
    insert into new_records (conversation, idx, seq, epoch, at_ms, hash, payload, signature, member_list)
    select r.conversation, r.idx, r.seq, r.epoch, r.at_ms, e.envelope_hash, r.payload, r.signature, r.member_list
    from records r join entries e on e.conversation = r.conversation and e.seq = r.seq`.execute(db);
  await schema.dropTable("records").execute();
  await schema.alterTable("new_records").renameTo("records").execute();
  await schema.createIndex("records_hash").on("records").columns(["conversation", "hash"]).execute();
}

/** A recipient may also be an invite. */
async function rebuildSeals(db: AnyDatabase): Promise<void> {
  const { schema } = db;
  await schema
    .createTable("new_seals")
    .addColumn("conversation", c.hash, (col) => col.notNull().references("conversations.id").onDelete("cascade"))
    .addColumn("epoch", c.count, (col) => col.notNull())
    .addColumn("recipient", c.uuid, (col) => col.notNull())
    .addColumn("generation", c.count, (col) => col.notNull())
    .addColumn("encapsulated", c.bytes, (col) => col.notNull())
    .addColumn("ciphertext", c.bytes, (col) => col.notNull())
    .addPrimaryKeyConstraint("new_seals_pk", ["conversation", "recipient", "epoch"])
    .execute();
  await sql`
    insert into new_seals (conversation, epoch, recipient, generation, encapsulated, ciphertext)
    select conversation, epoch, recipient, generation, encapsulated, ciphertext from seals`.execute(db);
  await schema.dropTable("seals").execute();
  await schema.alterTable("new_seals").renameTo("seals").execute();
}

async function roomTables(db: AnyDatabase): Promise<void> {
  const { schema } = db;
  await schema
    .createTable("room_profiles")
    .addColumn("conversation", c.hash, (col) => col.primaryKey().references("conversations.id").onDelete("cascade"))
    .addColumn("epoch", c.count, (col) => col.notNull())
    .addColumn("record_index", c.count, (col) => col.notNull())
    .addColumn("ciphertext", c.bytes, (col) => col.notNull())
    .execute();
  await schema
    .createTable("room_bans")
    .addColumn("conversation", c.hash, (col) => col.notNull().references("conversations.id").onDelete("cascade"))
    .addColumn("account", c.uuid, (col) => col.notNull().references("accounts.id"))
    .addPrimaryKeyConstraint("room_bans_pk", ["conversation", "account"])
    .execute();
  await schema
    .createTable("room_pins")
    .addColumn("conversation", c.hash, (col) => col.notNull().references("conversations.id").onDelete("cascade"))
    .addColumn("message_id", c.uuid, (col) => col.notNull())
    .addColumn("envelope_hash", c.bytes, (col) => col.notNull())
    .addColumn("position", c.count, (col) => col.notNull())
    .addPrimaryKeyConstraint("room_pins_pk", ["conversation", "message_id"])
    .execute();
  await schema
    .createTable("room_invites")
    .addColumn("conversation", c.hash, (col) => col.notNull().references("conversations.id").onDelete("cascade"))
    .addColumn("invite", c.uuid, (col) => col.notNull())
    .addColumn("seal_key", c.bytes, (col) => col.notNull())
    .addColumn("sign_key", c.bytes, (col) => col.notNull())
    .addColumn("expires_at_ms", c.count, (col) => col.notNull())
    .addColumn("uses_left", c.count, (col) => col.notNull())
    .addColumn("position", c.count, (col) => col.notNull())
    .addColumn("is_ended", c.count, zero)
    .addPrimaryKeyConstraint("room_invites_pk", ["conversation", "invite"])
    .execute();
  await schema
    .createTable("history_letters")
    .addColumn("conversation", c.hash, (col) => col.notNull().references("conversations.id").onDelete("cascade"))
    .addColumn("recipient", c.uuid, (col) => col.notNull())
    .addColumn("record_index", c.count, (col) => col.notNull())
    .addColumn("author", c.uuid, (col) => col.notNull().references("accounts.id"))
    .addColumn("generation", c.count, (col) => col.notNull())
    .addColumn("encapsulated", c.bytes, (col) => col.notNull())
    .addColumn("ciphertext", c.bytes, (col) => col.notNull())
    .addPrimaryKeyConstraint("history_letters_pk", ["conversation", "recipient", "record_index", "author"])
    .execute();
}

async function requestTables(db: AnyDatabase): Promise<void> {
  const { schema } = db;
  await schema
    .createTable("join_requests")
    .addColumn("conversation", c.hash, (col) => col.notNull().references("conversations.id").onDelete("cascade"))
    .addColumn("account", c.uuid, (col) => col.notNull().references("accounts.id"))
    .addColumn("payload", c.bytes)
    .addColumn("signature", c.bytes)
    .addColumn("at_ms", c.count, (col) => col.notNull())
    .addPrimaryKeyConstraint("join_requests_pk", ["conversation", "account"])
    .execute();
  await schema.createIndex("join_requests_account").on("join_requests").column("account").execute();
  await schema
    .createTable("seal_requests")
    .addColumn("conversation", c.hash, (col) => col.notNull().references("conversations.id").onDelete("cascade"))
    .addColumn("account", c.uuid, (col) => col.notNull().references("accounts.id"))
    .addColumn("payload", c.bytes, (col) => col.notNull())
    .addColumn("signature", c.bytes, (col) => col.notNull())
    .addColumn("at_ms", c.count, (col) => col.notNull())
    .addPrimaryKeyConstraint("seal_requests_pk", ["conversation", "account"])
    .execute();
}

async function waitingRooms(db: AnyDatabase): Promise<void> {
  const { schema } = db;
  await schema
    .createTable("waiting_rooms")
    .addColumn("handle_key", c.shortText, (col) => col.primaryKey())
    .addColumn("handle", c.shortText, (col) => col.notNull())
    .addColumn("description", c.shortText)
    .addColumn("search_key", "varchar(600)", (col) => col.notNull())
    .addColumn("owner", c.uuid, (col) => col.notNull().references("accounts.id").onDelete("cascade"))
    .addColumn("created_at_ms", c.count, (col) => col.notNull())
    .execute();
  await schema.createIndex("waiting_rooms_owner").on("waiting_rooms").column("owner").execute();
  await schema
    .createTable("join_wishes")
    .addColumn("handle_key", c.shortText, (col) => col.notNull().references("waiting_rooms.handle_key").onDelete("cascade"))
    .addColumn("account", c.uuid, (col) => col.notNull().references("accounts.id").onDelete("cascade"))
    .addColumn("at_ms", c.count, (col) => col.notNull())
    .addPrimaryKeyConstraint("join_wishes_pk", ["handle_key", "account"])
    .execute();
  await schema.createIndex("join_wishes_account").on("join_wishes").column("account").execute();
}

/**
 * In one conversation a message id belongs to the first device that used it. A trigger, and no narrower unique index in place
 * of `entries_message`: that would copy the largest table, and fail where direct chats of old hold an id twice. It looks into
 * the index that there is. Rooms have had it from the start, so that in a room an id names one message.
 */
async function guardMessageIds(db: AnyDatabase): Promise<void> {
  await sql`
    create trigger entries_message_once before insert on entries
    when exists (select 1 from entries where message_id = new.message_id and conversation = new.conversation)
    begin select raise(abort, 'message id used'); end`.execute(db);
}

// Accounts, sessions, contacts, keys, conversations.
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import { columns as c } from "../columns.ts";

// biome-ignore lint/suspicious/noExplicitAny: a migration knows the schema of its own time only
type AnyDatabase = Kysely<any>;

export const foundation: Migration = {
  async up(db: AnyDatabase) {
    await accounts(db);
    await keys(db);
    await conversations(db);
  },
};

async function accounts(db: AnyDatabase): Promise<void> {
  const { schema } = db;
  await schema
    .createTable("accounts")
    .addColumn("id", c.uuid, (col) => col.primaryKey())
    .addColumn("email", c.shortText, (col) => col.notNull().unique())
    .addColumn("nickname", c.shortText, (col) => col.notNull())
    .addColumn("nickname_key", c.shortText, (col) => col.notNull())
    .addColumn("phone_number", c.shortText)
    .addColumn("user_role", c.word, (col) => col.notNull())
    .addColumn("password_hash", c.shortText, (col) => col.notNull())
    .addColumn("password_salt", c.bytes, (col) => col.notNull())
    .addColumn("chat_status", c.word, (col) => col.notNull().defaultTo("online"))
    .addColumn("picture_version", c.count, (col) => col.notNull().defaultTo(0))
    .addColumn("picture_type", c.shortText)
    .addColumn("created_at_ms", c.count, (col) => col.notNull())
    .addColumn("last_seen_ms", c.count)
    .execute();
  await schema.createIndex("accounts_nickname_key").on("accounts").column("nickname_key").execute();

  await schema
    .createTable("sessions")
    .addColumn("id", c.uuid, (col) => col.primaryKey())
    .addColumn("account", c.uuid, (col) => col.notNull().references("accounts.id").onDelete("cascade"))
    .addColumn("device_name", c.shortText, (col) => col.notNull())
    .addColumn("device", c.hash)
    .addColumn("created_at_ms", c.count, (col) => col.notNull())
    .addColumn("last_seen_ms", c.count, (col) => col.notNull())
    .addColumn("revoked_at_ms", c.count)
    .execute();
  await schema.createIndex("sessions_account").on("sessions").column("account").execute();

  await schema
    .createTable("refresh_tokens")
    .addColumn("hash", c.hash, (col) => col.primaryKey())
    .addColumn("session", c.uuid, (col) => col.notNull().references("sessions.id").onDelete("cascade"))
    .addColumn("issued_at_ms", c.count, (col) => col.notNull())
    .addColumn("expires_at_ms", c.count, (col) => col.notNull())
    .addColumn("used_at_ms", c.count)
    .addColumn("successor", c.hash)
    .execute();
  await schema.createIndex("refresh_tokens_session").on("refresh_tokens").column("session").execute();
  await schema.createIndex("refresh_tokens_expiry").on("refresh_tokens").column("expires_at_ms").execute();

  await schema
    .createTable("invites")
    .addColumn("code_hash", c.hash, (col) => col.primaryKey())
    .addColumn("uses_left", c.count, (col) => col.notNull())
    .addColumn("expires_at_ms", c.count, (col) => col.notNull())
    .addColumn("created_by", c.uuid, (col) => col.notNull().references("accounts.id").onDelete("cascade"))
    .execute();

  await schema
    .createTable("contacts")
    .addColumn("account", c.uuid, (col) => col.notNull().references("accounts.id").onDelete("cascade"))
    .addColumn("contact", c.uuid, (col) => col.notNull().references("accounts.id"))
    .addColumn("added_at_ms", c.count, (col) => col.notNull())
    .addPrimaryKeyConstraint("contacts_pk", ["account", "contact"])
    .execute();
  await schema.createIndex("contacts_contact").on("contacts").column("contact").execute();

  await schema
    .createTable("blocks")
    .addColumn("account", c.uuid, (col) => col.notNull().references("accounts.id").onDelete("cascade"))
    .addColumn("blocked", c.uuid, (col) => col.notNull().references("accounts.id"))
    .addColumn("at_ms", c.count, (col) => col.notNull())
    .addPrimaryKeyConstraint("blocks_pk", ["account", "blocked"])
    .execute();
  await schema.createIndex("blocks_blocked").on("blocks").column("blocked").execute();
}

async function keys(db: AnyDatabase): Promise<void> {
  const { schema } = db;
  await schema
    .createTable("account_keys")
    .addColumn("account", c.uuid, (col) => col.primaryKey().references("accounts.id").onDelete("cascade"))
    .addColumn("wraps_payload", c.bytes, (col) => col.notNull())
    .addColumn("wraps_signature", c.bytes, (col) => col.notNull())
    .addColumn("wraps_version", c.count, (col) => col.notNull())
    .addColumn("identity_box", c.bytes, (col) => col.notNull())
    .addColumn("vault_version", c.count, (col) => col.notNull())
    .addColumn("vault", c.bytes, (col) => col.notNull())
    .addColumn("log_n", c.count, (col) => col.notNull())
    .addColumn("log_hash", c.bytes, (col) => col.notNull())
    .addColumn("generation", c.count, (col) => col.notNull())
    .execute();

  await schema
    .createTable("account_log")
    .addColumn("account", c.uuid, (col) => col.notNull().references("accounts.id").onDelete("cascade"))
    .addColumn("n", c.count, (col) => col.notNull())
    .addColumn("payload", c.bytes, (col) => col.notNull())
    .addColumn("signature", c.bytes, (col) => col.notNull())
    .addPrimaryKeyConstraint("account_log_pk", ["account", "n"])
    .execute();

  await schema
    .createTable("devices")
    .addColumn("device", c.hash, (col) => col.primaryKey())
    .addColumn("account", c.uuid, (col) => col.notNull().references("accounts.id").onDelete("cascade"))
    .addColumn("n", c.count, (col) => col.notNull())
    .addColumn("public_key", c.bytes, (col) => col.notNull())
    .addColumn("state", c.word, (col) => col.notNull())
    .execute();
  await schema.createIndex("devices_account").on("devices").column("account").execute();

  await schema
    .createTable("unlock_methods")
    .addColumn("account", c.uuid, (col) => col.notNull().references("accounts.id").onDelete("cascade"))
    .addColumn("method", c.hash, (col) => col.notNull())
    .addColumn("kind", c.word, (col) => col.notNull())
    .addColumn("box", c.bytes, (col) => col.notNull())
    .addColumn("auth_hash", c.shortText)
    .addPrimaryKeyConstraint("unlock_methods_pk", ["account", "method"])
    .execute();
}

async function conversations(db: AnyDatabase): Promise<void> {
  const { schema } = db;
  await schema
    .createTable("conversations")
    .addColumn("id", c.hash, (col) => col.primaryKey())
    .addColumn("kind", c.word, (col) => col.notNull())
    .addColumn("created_at_ms", c.count, (col) => col.notNull())
    .addColumn("changed_at_ms", c.count, (col) => col.notNull())
    .addColumn("last_seq", c.count, (col) => col.notNull())
    .addColumn("last_message_seq", c.count, (col) => col.notNull().defaultTo(0))
    .addColumn("retained_from_seq", c.count, (col) => col.notNull().defaultTo(1))
    .addColumn("record_index", c.count, (col) => col.notNull())
    .addColumn("record_hash", c.bytes, (col) => col.notNull())
    .addColumn("epoch", c.count, (col) => col.notNull())
    .execute();

  await schema
    .createTable("members")
    .addColumn("conversation", c.hash, (col) => col.notNull().references("conversations.id").onDelete("cascade"))
    .addColumn("account", c.uuid, (col) => col.notNull().references("accounts.id"))
    .addColumn("role", c.word, (col) => col.notNull())
    .addColumn("state", c.word, (col) => col.notNull())
    .addColumn("delivered_seq", c.count, (col) => col.notNull().defaultTo(0))
    .addColumn("read_seq", c.count, (col) => col.notNull().defaultTo(0))
    .addPrimaryKeyConstraint("members_pk", ["conversation", "account"])
    .execute();
  await schema.createIndex("members_account").on("members").column("account").execute();

  // No foreign keys on the hot table: the commit of a batch has looked all of it up already.
  await schema
    .createTable("entries")
    .addColumn("conversation", c.hash, (col) => col.notNull())
    .addColumn("seq", c.count, (col) => col.notNull())
    .addColumn("kind", c.word, (col) => col.notNull())
    .addColumn("at_ms", c.count, (col) => col.notNull())
    .addColumn("message_id", c.uuid, (col) => col.notNull())
    .addColumn("sender", c.uuid, (col) => col.notNull())
    .addColumn("device", c.hash, (col) => col.notNull())
    .addColumn("envelope", c.bytes)
    .addColumn("envelope_hash", c.bytes, (col) => col.notNull())
    .addPrimaryKeyConstraint("entries_pk", ["conversation", "seq"])
    // UUIDv7 first: new keys come at the end of the index instead of at a place for each conversation.
    .addUniqueConstraint("entries_message", ["message_id", "conversation", "device"])
    .execute();

  await schema
    .createTable("records")
    .addColumn("conversation", c.hash, (col) => col.notNull().references("conversations.id").onDelete("cascade"))
    .addColumn("idx", c.count, (col) => col.notNull())
    .addColumn("seq", c.count, (col) => col.notNull())
    .addColumn("epoch", c.count, (col) => col.notNull())
    .addColumn("at_ms", c.count, (col) => col.notNull())
    .addColumn("payload", c.bytes, (col) => col.notNull())
    .addColumn("signature", c.bytes, (col) => col.notNull())
    .addColumn("member_list", c.bytes, (col) => col.notNull())
    .addPrimaryKeyConstraint("records_pk", ["conversation", "idx"])
    .execute();

  await schema
    .createTable("seals")
    .addColumn("conversation", c.hash, (col) => col.notNull().references("conversations.id").onDelete("cascade"))
    .addColumn("epoch", c.count, (col) => col.notNull())
    .addColumn("recipient", c.uuid, (col) => col.notNull().references("accounts.id"))
    .addColumn("generation", c.count, (col) => col.notNull())
    .addColumn("encapsulated", c.bytes, (col) => col.notNull())
    .addColumn("ciphertext", c.bytes, (col) => col.notNull())
    .addPrimaryKeyConstraint("seals_pk", ["conversation", "epoch", "recipient"])
    .execute();

  await schema
    .createTable("keyrings")
    .addColumn("conversation", c.hash, (col) => col.notNull().references("conversations.id").onDelete("cascade"))
    .addColumn("account", c.uuid, (col) => col.notNull().references("accounts.id"))
    .addColumn("version", c.count, (col) => col.notNull())
    .addColumn("prev_hash", c.bytes, (col) => col.notNull())
    .addColumn("ciphertext", c.bytes, (col) => col.notNull())
    .addPrimaryKeyConstraint("keyrings_pk", ["conversation", "account"])
    .execute();
}

// Files: what was uploaded, and which entry refers to it.
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import { columns as c } from "../columns.ts";

// biome-ignore lint/suspicious/noExplicitAny: a migration knows the schema of its own time only
type AnyDatabase = Kysely<any>;

export const files: Migration = {
  async up({ schema }: AnyDatabase) {
    await schema
      .createTable("blobs")
      .addColumn("id", c.hash, (col) => col.primaryKey())
      .addColumn("account", c.uuid, (col) => col.notNull().references("accounts.id"))
      .addColumn("conversation", c.hash, (col) => col.notNull().references("conversations.id"))
      .addColumn("bytes", c.count, (col) => col.notNull())
      .addColumn("is_whole", c.count, (col) => col.notNull().defaultTo(0))
      .addColumn("created_at_ms", c.count, (col) => col.notNull())
      .addColumn("touched_at_ms", c.count, (col) => col.notNull())
      .execute();
    await schema.createIndex("blobs_account").on("blobs").column("account").execute();
    await schema.createIndex("blobs_touched").on("blobs").column("touched_at_ms").execute();

    await schema
      .createTable("blob_refs")
      .addColumn("blob", c.hash, (col) => col.primaryKey().references("blobs.id"))
      .addColumn("conversation", c.hash, (col) => col.notNull())
      .addColumn("seq", c.count, (col) => col.notNull())
      .execute();
    await schema.createIndex("blob_refs_entry").on("blob_refs").columns(["conversation", "seq"]).execute();
  },
};

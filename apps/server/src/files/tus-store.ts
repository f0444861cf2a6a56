// Where the tus protocol keeps uploads: the rows say what was declared, the blob's size says how far it is.
import { type BlobId, ProtocolError } from "@cychat/protocol";
import { DataStore, Upload } from "@tus/server";
import type { WorkGate } from "../auth/service.ts";
import type { Db } from "../database/engine.ts";
import type { BlobStore } from "./blob-store.ts";
import { blobOf, deleteUnnamed, touchBlob } from "./store.ts";
import { UploadTurns } from "./upload-turns.ts";

export interface TusStoreDeps {
  readonly db: Db;
  readonly blobs: BlobStore;
  readonly now: () => number;
  /** Writes of rows go through it, one after another. */
  readonly rows: WorkGate;
}

/** The ids are checked, and whose they are, before anything here is called. */
export class TusStore extends DataStore {
  readonly #turns = new UploadTurns();
  override extensions = ["creation", "termination"];

  constructor(readonly deps: TusStoreDeps) {
    super();
  }

  /** The row is there already, so that no file is ever without one; it goes again where there can be no file. */
  override async create(upload: Upload): Promise<Upload> {
    const { db, blobs, rows } = this.deps;
    const id = upload.id as BlobId;
    try {
      await blobs.create(id);
    } catch (error) {
      await rows.run(() => deleteUnnamed(db, id));
      await blobs.remove([id]);
      throw error;
    }
    return upload;
  }

  override async getUpload(id: string): Promise<Upload> {
    const { db, blobs } = this.deps;
    const blob = id as BlobId;
    const [row, stored] = await Promise.all([blobOf(db, blob), blobs.open(blob)]);
    if (!row || stored === null) throw new ProtocolError("not-found");
    const { size: offset } = stored;
    if (row.is_whole === 0 && offset === row.bytes) {
      // It ended between the last byte and the row.
      await blobs.sync(blob);
      await this.#touch(blob, true);
    }
    return new Upload({ id, size: row.bytes, offset, metadata: { conversation: row.conversation } });
  }

  override async write(stream: AsyncIterable<Uint8Array>, id: string, offset: number): Promise<number> {
    const { db, blobs } = this.deps;
    const blob = id as BlobId;
    let size: number;
    try {
      size = await blobs.append(blob, offset, this.#turns.of(stream));
    } catch (error) {
      await this.#touch(blob, false);
      throw error;
    }
    await this.#touch(blob, size === (await blobOf(db, blob))?.bytes);
    return size;
  }

  override async remove(id: string): Promise<void> {
    const { db, blobs, rows } = this.deps;
    const blob = id as BlobId;
    if (!(await rows.run(() => deleteUnnamed(db, blob))))
      throw new ProtocolError("not-allowed", "A message refers to this file.");
    await blobs.remove([blob]);
  }

  /** Throws `not-found` where the collector was faster. */
  async #touch(blob: BlobId, isWhole: boolean): Promise<void> {
    const { db, now, rows } = this.deps;
    if (!(await rows.run(() => touchBlob(db, blob, now(), isWhole)))) throw new ProtocolError("not-found");
  }
}

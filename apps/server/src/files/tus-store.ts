// Where the tus protocol keeps uploads: the rows say what was declared, the file's size says how far it is.
import { type BlobId, ProtocolError } from "@cychat/protocol";
import { DataStore, Upload } from "@tus/server";
import type { Db } from "../database/engine.ts";
import type { BlobFiles } from "./blob-files.ts";
import { blobOf, deleteUnnamed, touchBlob } from "./store.ts";

export interface TusStoreDeps {
  readonly db: Db;
  readonly blobFiles: BlobFiles;
  readonly now: () => number;
}

/** The ids are checked, and whose they are, before anything here is called. */
export class TusStore extends DataStore {
  override extensions = ["creation", "termination"];

  constructor(readonly deps: TusStoreDeps) {
    super();
  }

  /** The row is there already, so that no file is ever without one; it goes again where there can be no file. */
  override async create(upload: Upload): Promise<Upload> {
    const { db, blobFiles } = this.deps;
    const id = upload.id as BlobId;
    try {
      await blobFiles.create(id);
    } catch (error) {
      await deleteUnnamed(db, id);
      await blobFiles.remove([id]);
      throw error;
    }
    return upload;
  }

  override async getUpload(id: string): Promise<Upload> {
    const { db, blobFiles } = this.deps;
    const blob = id as BlobId;
    const [row, offset] = await Promise.all([blobOf(db, blob), blobFiles.size(blob)]);
    if (!row || offset === null) throw new ProtocolError("not-found");
    if (row.is_whole === 0 && offset === row.bytes) {
      // It ended between the last byte and the row.
      await blobFiles.sync(blob);
      await this.#touch(blob, true);
    }
    return new Upload({ id, size: row.bytes, offset, metadata: { conversation: row.conversation } });
  }

  override async write(stream: AsyncIterable<Uint8Array>, id: string, offset: number): Promise<number> {
    const { db, blobFiles } = this.deps;
    const blob = id as BlobId;
    let size: number;
    try {
      size = await blobFiles.append(blob, offset, stream);
    } catch (error) {
      await this.#touch(blob, false);
      throw error;
    }
    await this.#touch(blob, size === (await blobOf(db, blob))?.bytes);
    return size;
  }

  override async remove(id: string): Promise<void> {
    const { db, blobFiles } = this.deps;
    const blob = id as BlobId;
    if (!(await deleteUnnamed(db, blob))) throw new ProtocolError("not-allowed", "A message refers to this file.");
    await blobFiles.remove([blob]);
  }

  /** Throws `not-found` where the collector was faster. */
  async #touch(blob: BlobId, isWhole: boolean): Promise<void> {
    if (!(await touchBlob(this.deps.db, blob, this.deps.now(), isWhole))) throw new ProtocolError("not-found");
  }
}

// Profile pictures on disk: `profile-images/<account>.<version>`, never overwritten, so that an address and its
// version always mean the same bytes.
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { AccountId } from "@cychat/protocol";
import { syncFolder } from "../sync-folder.ts";

export class PictureFiles {
  readonly #folder: string;

  constructor(uploadDir: string) {
    this.#folder = join(uploadDir, "profile-images");
  }

  /** Durable when it resolves: file and name have reached the disk. */
  async write(account: AccountId, version: number, bytes: Uint8Array): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const name = this.#path(account, version);
    const temporary = `${name}.${crypto.randomUUID()}.tmp`;
    try {
      const file = await open(temporary, "wx", 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, name);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncFolder(this.#folder);
  }

  async read(account: AccountId, version: number): Promise<Uint8Array<ArrayBuffer> | null> {
    try {
      return new Uint8Array(await readFile(this.#path(account, version)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
  }

  async remove(account: AccountId, version: number): Promise<void> {
    await rm(this.#path(account, version), { force: true });
  }

  /** Both parts come from validated values: a UUID and a whole number. */
  #path(account: AccountId, version: number): string {
    return join(this.#folder, `${account}.${version}`);
  }
}

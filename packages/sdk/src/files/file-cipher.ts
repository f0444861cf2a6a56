// The port to whatever encrypts and decrypts files: this thread, or a browser's worker.
import { type FileSecret, type NewFileHasher, openFile, type ReadBytes, sealFile } from "@cychat/crypto";
import { ClientError } from "../client-error.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export interface FileCipher {
  /** As `sealFile`, reading the file itself. */
  seal(secret: FileSecret, file: Blob): AsyncGenerator<Bytes, Bytes>;
  /** As `openFile`. */
  open(secret: FileSecret, size: number, hash: Bytes, read: ReadBytes): AsyncGenerator<Bytes, undefined>;
}

/** Gives fewer bytes than were asked for of a file on the disk that was changed, or is gone. Throws file-unreadable. */
const bytesOfBlob =
  (file: Blob): ReadBytes =>
  async (from, to) => {
    try {
      return new Uint8Array(await file.slice(from, to).arrayBuffer());
    } catch {
      throw new ClientError("file-unreadable");
    }
  };

export function fileCipherHere(newHasher?: NewFileHasher): FileCipher {
  return {
    seal: (secret, file) => sealFile(secret, file.size, bytesOfBlob(file), newHasher),
    open: (secret, size, hash, read) => openFile(secret, size, hash, read, newHasher),
  };
}

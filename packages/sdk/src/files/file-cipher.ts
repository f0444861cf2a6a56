// The port to whatever encrypts and decrypts files: this thread, or a browser's worker.
import { type FileSecret, type NewFileHasher, openFile, type ReadBytes, sealFile } from "@cychat/crypto";
import { ClientError } from "../client-error.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Segments come as blobs, whose bytes a browser need not keep in the page's memory. */
export interface FileCipher {
  /** As `sealFile`, reading the file itself. */
  seal(secret: FileSecret, file: Blob): AsyncGenerator<Blob, Bytes>;
  /** As `openFile`. */
  open(secret: FileSecret, size: number, hash: Bytes, read: ReadBytes): AsyncGenerator<Blob, undefined>;
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
    seal: (secret, file) => asBlobs(sealFile(secret, file.size, bytesOfBlob(file), newHasher)),
    open: (secret, size, hash, read) => asBlobs(openFile(secret, size, hash, read, newHasher)),
  };
}

async function* asBlobs<R>(segments: AsyncGenerator<Bytes, R>): AsyncGenerator<Blob, R> {
  try {
    for (;;) {
      const step = await segments.next();
      if (step.done === true) return step.value;
      yield new Blob([step.value]);
    }
  } finally {
    await segments.return(undefined as R);
  }
}

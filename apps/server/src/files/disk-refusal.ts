import { ProtocolError } from "@cychat/protocol";

/** What an error of the disk is to a client: `storage-full`, `not-found`, or (a bug or a broken disk) the error itself. */
export function asDiskRefusal(error: unknown): unknown {
  const code = codeOf(error);
  // EFBIG: the process may write no larger files, which is a full disk to whoever uploads.
  if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG") return new ProtocolError("storage-full");
  return code === "ENOENT" ? new ProtocolError("not-found") : error;
}

export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code;
}

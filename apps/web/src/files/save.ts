import { plainName } from "./names.ts";

const revokedAfterMs = 60_000;

/** Hands a file to the browser's downloads, as bytes and nothing that a page would open. */
export function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob.slice(0, blob.size, "application/octet-stream"));
  const link = document.createElement("a");
  link.href = url;
  link.download = plainName(name);
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), revokedAfterMs);
}

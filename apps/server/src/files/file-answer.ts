// An uploaded file as an answer: ciphertext, which no browser must take for anything else.
import { readRange } from "./byte-range.ts";

export interface StoredFile {
  readonly path: string;
  readonly size: number;
}

const headers = {
  "content-type": "application/octet-stream",
  "content-disposition": "attachment",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; sandbox",
  "cache-control": "private, no-store",
  "accept-ranges": "bytes",
};

/** Streams from the disk. */
export function fileAnswer({ path, size }: StoredFile, rangeHeader: string | null): Response {
  const file = Bun.file(path);
  const range = readRange(rangeHeader, size);
  if (range === "none") return new Response(null, { status: 416, headers: { ...headers, "content-range": `bytes */${size}` } });
  if (range === null) return new Response(file.stream(), { headers: { ...headers, "content-length": String(size) } });
  const { start, end } = range;
  return new Response(file.slice(start, end).stream(), {
    status: 206,
    headers: { ...headers, "content-range": `bytes ${start}-${end - 1}/${size}`, "content-length": String(end - start) },
  });
}

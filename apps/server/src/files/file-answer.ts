// An uploaded file as an answer: ciphertext, which no browser must take for anything else.
import type { BlobId } from "@cychat/protocol";
import type { StoredBlob } from "./blob-store.ts";
import { readRange } from "./byte-range.ts";
import { evaluate } from "./conditions.ts";

const headers = {
  "content-type": "application/octet-stream",
  "content-disposition": "attachment",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; sandbox",
  "cache-control": "private, no-store",
  "accept-ranges": "bytes",
};

/** All of it, the range that was asked for, or that there is no need to: as `asked`, the headers of the request, wants it. */
export function fileAnswer(id: BlobId, { size, read }: StoredBlob, asked: Headers): Response {
  // What lies under an id never changes. Whoever gets this far knows the id.
  const etag = `"${id}"`;
  const own = { ...headers, etag };
  const outcome = evaluate(asked, etag);
  if (outcome === "failed") return new Response(null, { status: 412, headers: own });
  if (outcome === "unchanged") return new Response(null, { status: 304, headers: own });
  const range = outcome === "range" ? readRange(asked.get("range"), size) : null;
  if (range === "none") return new Response(null, { status: 416, headers: { ...own, "content-range": `bytes */${size}` } });
  if (range === null) return new Response(read(0, size), { headers: { ...own, "content-length": String(size) } });
  const { start, end } = range;
  return new Response(read(start, end), {
    status: 206,
    headers: { ...own, "content-range": `bytes ${start}-${end - 1}/${size}`, "content-length": String(end - start) },
  });
}

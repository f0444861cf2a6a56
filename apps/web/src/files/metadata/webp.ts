// Takes out of a WebP what is not drawn: EXIF, XMP and unknown parts; the header no longer speaks of them.
import { type Cleaned, letters, strictly, viewOf } from "./cleaned.ts";

const drawn: ReadonlySet<string> = new Set(["VP8X", "VP8 ", "VP8L", "ANIM", "ANMF", "ALPH", "ICCP"]);
const isImage = (type: string) => type === "ANMF" || type === "VP8 " || type === "VP8L";
const [exifFlag, xmpFlag] = [0x08, 0x04];

/** null for what is no whole WebP. */
export function cleanWebp(bytes: Uint8Array<ArrayBuffer>): Cleaned | null {
  return strictly(() => {
    const view = viewOf(bytes);
    if (letters(bytes, 0, 4) !== "RIFF" || letters(bytes, 8, 4) !== "WEBP") return null;
    const end = 8 + view.getUint32(4, true);
    if (end > bytes.length) return null;
    const header = bytes.slice(0, 12);
    const parts: Uint8Array<ArrayBuffer>[] = [header];
    let hasImage = false;
    for (let at = 12; at < end; ) {
      const type = letters(bytes, at, 4);
      const size = view.getUint32(at + 4, true);
      const next = at + 8 + size + (size % 2);
      if (next > end) return null;
      if (isImage(type)) hasImage = true;
      if (type === "VP8X") parts.push(withoutFlags(bytes.slice(at, next)));
      else if (drawn.has(type)) parts.push(bytes.subarray(at, next));
      at = next;
    }
    if (!hasImage) return null;
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    viewOf(header).setUint32(4, length - 8, true);
    return { parts, removed: length < bytes.length };
  });
}

function withoutFlags(chunk: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  chunk[8] = (chunk[8] ?? 0) & ~(exifFlag | xmpFlag);
  return chunk;
}

// Takes out of a GIF what is not drawn: comments, and what programs wrote into it (XMP among it). How it loops stays.
import { type Cleaned, Cutting, letters, strictly, viewOf } from "./cleaned.ts";

const extension = 0x21;
const image = 0x2c;
const trailer = 0x3b;
const [plainText, graphicControl, application] = [0x01, 0xf9, 0xff];
const looping: ReadonlySet<string> = new Set(["NETSCAPE2.0", "ANIMEXTS1.0"]);

const colorTableBytes = (flags: number) => ((flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1));

/** null for what is no whole GIF. */
export function cleanGif(bytes: Uint8Array<ArrayBuffer>): Cleaned | null {
  return strictly(() => {
    const view = viewOf(bytes);
    if (!/^GIF8[79]a$/.test(letters(bytes, 0, 6))) return null;
    const cutting = new Cutting(bytes);
    let hasImage = false;
    let at = 13 + colorTableBytes(view.getUint8(10));
    for (;;) {
      const from = at;
      switch (view.getUint8(at)) {
        case image:
          hasImage = true;
          at = endOfBlocks(view, at + 11 + colorTableBytes(view.getUint8(at + 9)));
          break;
        case extension:
          at = endOfBlocks(view, at + 2);
          if (!isDrawn(bytes, from)) cutting.cut(from, at);
          break;
        case trailer:
          return hasImage ? cutting.endAt(at + 1) : null;
        default:
          return null;
      }
    }
  });
}

function isDrawn(bytes: Uint8Array, at: number): boolean {
  const label = bytes[at + 1];
  if (label === application) return bytes[at + 2] === 11 && looping.has(letters(bytes, at + 3, 11));
  return label === graphicControl || label === plainText;
}

/** Data stands in blocks of up to 255 bytes, an empty one at the end. */
function endOfBlocks(view: DataView, start: number): number {
  let at = start;
  for (;;) {
    const size = view.getUint8(at);
    at += 1 + size;
    if (size === 0) return at;
  }
}

// What the first bytes of a picture say: its type and size, and whether it moves. Only what is told by these bytes, and not
// by a sender, is ever drawn; a few bytes that would unfold to a wall of pixels are not.

export interface PictureHeader {
  readonly type: "image/png" | "image/jpeg" | "image/webp" | "image/gif" | "image/avif" | "image/heic";
  readonly width: number;
  readonly height: number;
  readonly moves: boolean;
}

/** So many first bytes are enough, also of a photo with much written before the picture. */
const headerBytes = 512 * 1024;
const maxPixels = 120_000_000;

export async function readPictureHeader(blob: Blob): Promise<PictureHeader | null> {
  return pictureHeader(new Uint8Array(await blob.slice(0, headerBytes).arrayBuffer()));
}

export function pictureHeader(bytes: Uint8Array): PictureHeader | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const found = png(view) ?? jpeg(view) ?? gif(view) ?? webp(view) ?? heif(view);
    return found && found.width > 0 && found.height > 0 && found.width * found.height <= maxPixels ? found : null;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

const text = (view: DataView, at: number, length: number) =>
  String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, Math.max(0, Math.min(length, view.byteLength - at))));

function png(view: DataView): PictureHeader | null {
  if (text(view, 0, 8) !== "\x89PNG\r\n\x1a\n" || text(view, 12, 4) !== "IHDR") return null;
  let moves = false;
  for (let at = 8; at + 8 <= view.byteLength; at += 12 + view.getUint32(at)) {
    const chunk = text(view, at + 4, 4);
    if (chunk === "acTL") moves = true;
    if (chunk === "IDAT") break;
  }
  return { type: "image/png", width: view.getUint32(16), height: view.getUint32(20), moves };
}

function jpeg(view: DataView): PictureHeader | null {
  if (text(view, 0, 3) !== "\xff\xd8\xff") return null;
  for (let at = 2; ; ) {
    if (view.getUint8(at) !== 0xff) return null;
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    // A frame header, of any kind: all of C0 to CF but tables and arithmetic conditioning.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker))
      return { type: "image/jpeg", height: view.getUint16(at + 5), width: view.getUint16(at + 7), moves: false };
    if (marker === 0xda || marker === 0xd9) return null;
    at += 2 + view.getUint16(at + 2);
  }
}

function gif(view: DataView): PictureHeader | null {
  if (!/^GIF8[79]a$/.test(text(view, 0, 6))) return null;
  return { type: "image/gif", width: view.getUint16(6, true), height: view.getUint16(8, true), moves: true };
}

function webp(view: DataView): PictureHeader | null {
  if (text(view, 0, 4) !== "RIFF" || text(view, 8, 4) !== "WEBP") return null;
  const small = (at: number) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
  const type = "image/webp";
  switch (text(view, 12, 4)) {
    case "VP8X":
      return { type, width: small(24) + 1, height: small(27) + 1, moves: (view.getUint8(20) & 2) !== 0 };
    case "VP8L": {
      const bits = view.getUint32(21, true);
      return { type, width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1, moves: false };
    }
    case "VP8 ":
      return { type, width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff, moves: false };
    default:
      return null;
  }
}

function heif(view: DataView): PictureHeader | null {
  if (text(view, 4, 4) !== "ftyp") return null;
  const brands = text(view, 8, Math.min(view.getUint32(0) - 8, 64));
  const type = /av(if|is)/.test(brands) ? "image/avif" : /hei[cx]|mif1/.test(brands) ? "image/heic" : null;
  if (type === null) return null;
  // The sizes of all its parts stand among its properties; the whole is the largest.
  const head = text(view, 0, 16 * 1024);
  let width = 0;
  let height = 0;
  for (let at = head.indexOf("ispe"); at >= 0; at = head.indexOf("ispe", at + 4)) {
    width = Math.max(width, view.getUint32(at + 8));
    height = Math.max(height, view.getUint32(at + 12));
  }
  return { type, width, height, moves: /avis|msf1|hevc/.test(brands) };
}

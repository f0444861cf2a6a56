// Tells PNG, JPEG and WebP apart by their bytes and reads their size; the declared content type is never believed.

export interface PictureFormat {
  readonly type: "image/png" | "image/jpeg" | "image/webp";
  readonly width: number;
  readonly height: number;
}

/** Larger ones would make a browser that shows them allocate hundreds of megabytes. */
const longestSide = 4096;

/** `null` for whatever is no such picture, or none of a sane size. */
export function recognisePicture(bytes: Uint8Array): PictureFormat | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = readPng(bytes, view) ?? readJpeg(bytes, view) ?? readWebp(bytes, view);
  if (!found || found.width < 1 || found.height < 1 || found.width > longestSide || found.height > longestSide) return null;
  return found;
}

const pngSignature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

function readPng(bytes: Uint8Array, view: DataView): PictureFormat | null {
  if (bytes.length < 33 || !pngSignature.every((byte, index) => bytes[index] === byte)) return null;
  if (ascii(bytes, 12, 4) !== "IHDR") return null;
  return { type: "image/png", width: view.getUint32(16), height: view.getUint32(20) };
}

/** Walks the segments (ITU T.81 annex B) up to the first frame header, which names the size. */
function readJpeg(bytes: Uint8Array, view: DataView): PictureFormat | null {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8 || bytes[2] !== 0xff) return null;
  let at = 2;
  while (at + 9 < bytes.length) {
    if (bytes[at] !== 0xff) return null;
    const marker = bytes[at + 1] as number;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) return { type: "image/jpeg", height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    // Neither the scan nor the end may come before the frame header.
    if (marker === 0xda || marker === 0xd9) return null;
    const length = view.getUint16(at + 2);
    if (length < 2) return null;
    at += 2 + length;
  }
  return null;
}

/** The three layouts of RFC 9649. */
function readWebp(bytes: Uint8Array, view: DataView): PictureFormat | null {
  if (bytes.length < 30 || ascii(bytes, 0, 4) !== "RIFF" || ascii(bytes, 8, 4) !== "WEBP") return null;
  const type = "image/webp";
  switch (ascii(bytes, 12, 4)) {
    case "VP8X":
      return { type, width: 1 + uint24(bytes, 24), height: 1 + uint24(bytes, 27) };
    case "VP8L": {
      if (bytes[20] !== 0x2f) return null;
      const packed = view.getUint32(21, true);
      return { type, width: 1 + (packed & 0x3fff), height: 1 + ((packed >>> 14) & 0x3fff) };
    }
    case "VP8 ":
      if (bytes[23] !== 0x9d || bytes[24] !== 0x01 || bytes[25] !== 0x2a) return null;
      return { type, width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
    default:
      return null;
  }
}

function ascii(bytes: Uint8Array, start: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(start, start + length));
}

function uint24(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
}

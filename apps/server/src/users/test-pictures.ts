// The smallest bytes that say "a picture of this type and size"; no decoder needed to tell them.

export function png(width: number, height: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(64);
  bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]);
  bytes.set(new TextEncoder().encode("IHDR"), 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(16, width);
  view.setUint32(20, height);
  return bytes;
}

/** JFIF segment, a fill byte, a quantisation table, then the frame header. */
export function jpeg(width: number, height: number): Uint8Array<ArrayBuffer> {
  const app0 = [0xff, 0xe0, 0, 16, ...new TextEncoder().encode("JFIF\0"), 1, 1, 0, 0, 1, 0, 1, 0, 0];
  const table = [0xff, 0xff, 0xdb, 0, 67, ...Array(65).fill(1)];
  const frame = [0xff, 0xc0, 0, 17, 8, height >> 8, height & 255, width >> 8, width & 255, 3, 1, 34, 0, 2, 17, 1, 3, 17, 1];
  return new Uint8Array([0xff, 0xd8, ...app0, ...table, ...frame, 0xff, 0xd9]);
}

function webp(kind: string, fill: (view: DataView) => void): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(40);
  bytes.set(new TextEncoder().encode("RIFF"));
  bytes.set(new TextEncoder().encode("WEBP"), 8);
  bytes.set(new TextEncoder().encode(kind), 12);
  fill(new DataView(bytes.buffer));
  return bytes;
}

export function webpLossy(width: number, height: number): Uint8Array<ArrayBuffer> {
  return webp("VP8 ", (view) => {
    view.setUint8(23, 0x9d);
    view.setUint8(24, 0x01);
    view.setUint8(25, 0x2a);
    view.setUint16(26, width, true);
    view.setUint16(28, height, true);
  });
}

export function webpLossless(width: number, height: number): Uint8Array<ArrayBuffer> {
  return webp("VP8L", (view) => {
    view.setUint8(20, 0x2f);
    view.setUint32(21, (width - 1) | ((height - 1) << 14), true);
  });
}

export function webpExtended(width: number, height: number): Uint8Array<ArrayBuffer> {
  return webp("VP8X", (view) => {
    view.setUint16(24, width - 1, true);
    view.setUint16(27, height - 1, true);
  });
}

// Addresses of pictures that may be drawn: the bytes say what they are, and they have opened once.
import { pictureHeader, readPictureHeader } from "./picture-header.ts";

const largestThumbnailPx = 1024;

/** null for what is no picture after all. Whoever asks lets go of the address. */
export async function drawableUrl(blob: Blob): Promise<string | null> {
  const header = await readPictureHeader(blob);
  if (!header || header.type === "image/heic") return null;
  const url = URL.createObjectURL(blob.slice(0, blob.size, header.type));
  const picture = new Image();
  picture.src = url;
  try {
    await picture.decode();
    return url;
  } catch {
    URL.revokeObjectURL(url);
    return null;
  }
}

export function thumbnailUrl(bytes: Uint8Array<ArrayBuffer> | null): string | null {
  const header = bytes && pictureHeader(bytes);
  if (!header || !/^image\/(?:jpeg|png|webp)$/.test(header.type)) return null;
  if (Math.max(header.width, header.height) > largestThumbnailPx) return null;
  return URL.createObjectURL(new Blob([bytes], { type: header.type }));
}

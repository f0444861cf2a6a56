export interface SquarePicture {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
}

/**
 * The middle square of a picture, drawn anew: what a camera wrote into the file (place, time, model) stays behind.
 * Rejects where the file is no picture that this browser can open. `sidePx`: at most so many.
 */
export async function squarePicture(
  file: Blob,
  { sidePx, maxBytes }: { sidePx: number; maxBytes: number },
): Promise<SquarePicture> {
  const source = await createImageBitmap(file, { imageOrientation: "from-image" });
  const side = Math.min(source.width, source.height);
  const size = Math.min(sidePx, side);
  const canvas = document.createElement("canvas");
  canvas.width = size;
  canvas.height = size;
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser has no canvas.");
  context.imageSmoothingQuality = "high";
  context.drawImage(source, (source.width - side) / 2, (source.height - side) / 2, side, side, 0, 0, size, size);
  source.close();
  // Where a browser cannot write WebP it silently writes PNG, which is large: then JPEG is better.
  const webp = await encoded(canvas, "image/webp", 0.86);
  const chosen = webp?.type === "image/webp" ? webp : await encoded(canvas, "image/jpeg", 0.88);
  if (!chosen || chosen.size > maxBytes) throw new Error("The picture could not be written.");
  return { bytes: new Uint8Array(await chosen.arrayBuffer()), type: chosen.type };
}

const encoded = (canvas: HTMLCanvasElement, type: string, quality: number) =>
  new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, type, quality));

// Makes of what somebody picked what is sent. Pictures are drawn anew: what a camera wrote into the file (place, time,
// model) stays behind, and the long side gets no longer than a large screen. What moves loses it without being made anew.
import type { FileToSend } from "@cychat/sdk";
import { thumbnailBytes } from "../limits.ts";
import { playedAs } from "./kinds.ts";
import { shed, type Telling, tellingOf } from "./metadata/shed.ts";
import { fitting, withEnding } from "./names.ts";
import { type PictureHeader, readPictureHeader } from "./picture-header.ts";

const longSidePx = 2560;
const previewPx = 256;
/** A drawing or a screenshot stays as sharp as it was where that costs little. */
const cheapPngBytes = 1024 * 1024;
const videoTimeoutMs = 4000;
const endings: Readonly<Record<string, string>> = { "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp" };

export interface Look {
  /** A small picture of it. */
  readonly preview: Blob | null;
  /** Whether it would be drawn anew, or something taken out of it. */
  readonly treated: "drawn" | "cleaned" | null;
  /** What it may tell about its sender: as it would be sent, and as the original. */
  readonly tells: Telling | null;
  readonly originalTells: Telling | null;
}

export async function look(file: File): Promise<Look> {
  const picture = await decoded(file);
  const header = picture?.header ?? null;
  const source = picture?.source ?? (await videoFrame(file));
  const preview = source && (await encoded(drawn(source, previewPx), "image/webp", 0.8));
  source?.close();
  const originalTells = tellingOf(file, header);
  if (header && !header.moves) return { preview, treated: "drawn", tells: null, originalTells };
  const { removed, tells } = await shed(file, header);
  return { preview, treated: removed ? "cleaned" : null, tells, originalTells: removed ? originalTells : tells };
}

export async function prepare(file: File, { original }: { original: boolean }): Promise<FileToSend> {
  const name = fitting(file.name);
  const picture = await decoded(file);
  const { header = null } = picture ?? {};
  if (!picture || !header || original || header.moves) {
    const { blob } = original ? { blob: file } : await shed(file, header);
    const type = header?.type ?? file.type.slice(0, 127);
    return { name, type, blob, ...(await described(picture?.source ?? (await videoFrame(file)))) };
  }
  const { source } = picture;
  const canvas = drawn(source, longSidePx);
  const blob = await drawnAnew(canvas, header);
  const { thumbnail } = await described(source);
  return {
    name: header.type === blob.type ? name : withEnding(name, endings[blob.type] ?? "png"),
    type: blob.type,
    blob,
    width: canvas.width,
    height: canvas.height,
    ...(thumbnail && { thumbnail }),
  };
}

/** What is no picture that this browser can open is sent as it is. */
async function decoded(file: Blob): Promise<{ readonly header: PictureHeader; readonly source: ImageBitmap } | null> {
  const header = await readPictureHeader(file);
  const source = header && (await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null));
  return header && source && { header, source };
}

async function drawnAnew(canvas: HTMLCanvasElement, header: PictureHeader): Promise<Blob> {
  if (header.type === "image/png") {
    const png = await encoded(canvas, "image/png");
    if (png.size <= cheapPngBytes) return png;
  }
  // Where a browser cannot write WebP it writes PNG, which keeps what is transparent as well.
  return header.type !== "image/jpeg" && isTransparent(canvas)
    ? encoded(canvas, "image/webp", 0.88)
    : encoded(canvas, "image/jpeg", 0.88);
}

/** Size and a small picture; what it was read from is let go of. */
async function described(source: ImageBitmap | null): Promise<Pick<FileToSend, "width" | "height" | "thumbnail">> {
  if (!source) return {};
  const { width, height } = source;
  const thumbnail = await thumbnailOf(source);
  source.close();
  return { width, height, ...(thumbnail && { thumbnail }) };
}

async function thumbnailOf(source: ImageBitmap): Promise<Uint8Array<ArrayBuffer> | null> {
  for (const side of [384, 256, 160, 96]) {
    const canvas = drawn(source, side);
    for (const quality of [0.75, 0.5]) {
      const webp = await encoded(canvas, "image/webp", quality);
      const blob = webp.type === "image/webp" || isTransparent(canvas) ? webp : await encoded(canvas, "image/jpeg", quality);
      if (blob.size <= thumbnailBytes) return new Uint8Array(await blob.arrayBuffer());
    }
  }
  return null;
}

function drawn(source: ImageBitmap, longSide: number): HTMLCanvasElement {
  const scale = Math.min(1, longSide / Math.max(source.width, source.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(source.width * scale));
  canvas.height = Math.max(1, Math.round(source.height * scale));
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser has no canvas.");
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function isTransparent(canvas: HTMLCanvasElement): boolean {
  const { data } = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
  for (let at = 3; at < data.length; at += 4) if (data[at] !== 255) return true;
  return false;
}

async function encoded(canvas: HTMLCanvasElement, type: string, quality?: number): Promise<Blob> {
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, type, quality));
  if (!blob) throw new Error("The picture could not be written.");
  return blob;
}

/** A picture from the start of a video, where this browser plays it and is quick about it. */
async function videoFrame(file: File): Promise<ImageBitmap | null> {
  const type = playedAs(file);
  if (!type?.startsWith("video/")) return null;
  const video = document.createElement("video");
  const url = URL.createObjectURL(new Blob([file], { type }));
  try {
    return await new Promise<ImageBitmap | null>((resolve) => {
      const give = () => createImageBitmap(video).then(resolve, () => resolve(null));
      video.onseeked = give;
      video.onloadeddata = () => {
        video.currentTime = Math.min(0.5, (video.duration || 0) / 2);
      };
      video.onerror = () => resolve(null);
      setTimeout(() => resolve(null), videoTimeoutMs);
      video.muted = true;
      video.preload = "auto";
      video.src = url;
    });
  } finally {
    video.removeAttribute("src");
    URL.revokeObjectURL(url);
  }
}

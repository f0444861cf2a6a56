import type { FileView, SharedFileKind } from "@cychat/sdk";

/** Where a file stands in the gallery: the same as the client sorts them. */
export function sharedKind({ type, waveform }: Pick<FileView, "type" | "waveform">): SharedFileKind {
  if (waveform !== null) return "voice";
  return /^(?:image|video)\//.test(type) ? "media" : "other";
}

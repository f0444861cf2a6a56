// Takes out of a PNG what is not drawn: EXIF, texts, the time, and whatever else programs wrote into it.
import { type Cleaned, Cutting, letters, strictly, viewOf } from "./cleaned.ts";

/** Beside those that every PNG needs: how it moves, and its colours. */
const drawn: ReadonlySet<string> = new Set(
  "acTL fcTL fdAT tRNS gAMA cHRM sRGB iCCP cICP mDCV mDCv cLLI cLLi sBIT bKGD hIST pHYs sPLT".split(" "),
);

/** null for what is no whole PNG. */
export function cleanPng(bytes: Uint8Array<ArrayBuffer>): Cleaned | null {
  return strictly(() => {
    const view = viewOf(bytes);
    if (letters(bytes, 0, 8) !== "\x89PNG\r\n\x1a\n" || letters(bytes, 12, 4) !== "IHDR") return null;
    const cutting = new Cutting(bytes);
    let hasImage = false;
    for (let at = 8; ; ) {
      const end = at + 12 + view.getUint32(at);
      const type = letters(bytes, at + 4, 4);
      if (end > bytes.length || !/^[A-Za-z]{4}$/.test(type)) return null;
      if (type === "IDAT") hasImage = true;
      if (type === "IEND") return hasImage ? cutting.endAt(end) : null;
      const isNeeded = /^[A-Z]/.test(type);
      if (!isNeeded && !drawn.has(type)) cutting.cut(at, end);
      at = end;
    }
  });
}

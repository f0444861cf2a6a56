// Bytes to text: UTF-8, or UTF-16 where it begins with its mark. What is none of these is no text.
export interface Decoded {
  readonly text: string;
  readonly encoding: "UTF-8" | "UTF-16";
}

/** `isWhole`: the bytes are all of the file; else its last character may be cut. */
export function decoded(bytes: Uint8Array<ArrayBuffer>, isWhole: boolean): Decoded | null {
  const [first, second] = bytes;
  const isLittle = first === 0xff && second === 0xfe;
  const isBig = first === 0xfe && second === 0xff;
  try {
    const label = isLittle ? "utf-16le" : isBig ? "utf-16be" : "utf-8";
    const text = new TextDecoder(label, { fatal: true }).decode(bytes, { stream: !isWhole });
    // No text has this character, and most other files do.
    return text.includes("\0") ? null : { text, encoding: label === "utf-8" ? "UTF-8" : "UTF-16" };
  } catch {
    return null;
  }
}

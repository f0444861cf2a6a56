/** A file without what it tells about whoever made it, in parts to be put together. */
export interface Cleaned {
  readonly parts: readonly Uint8Array<ArrayBuffer>[];
  /** Whether there was something to take out. */
  readonly removed: boolean;
}

/** Cuts stretches out of bytes that are walked through from their start. */
export class Cutting {
  readonly #parts: Uint8Array<ArrayBuffer>[] = [];
  #from = 0;
  #removed = false;

  constructor(readonly bytes: Uint8Array<ArrayBuffer>) {}

  cut(from: number, to: number): void {
    if (from > this.#from) this.#parts.push(this.bytes.subarray(this.#from, from));
    this.#from = to;
    this.#removed = true;
  }

  /** Whatever stands behind the end is no part of the picture. */
  endAt(end: number): Cleaned {
    if (end < this.bytes.length) this.cut(end, this.bytes.length);
    else if (end > this.#from) this.#parts.push(this.bytes.subarray(this.#from, end));
    return { parts: this.#parts, removed: this.#removed };
  }
}

export const letters = (bytes: Uint8Array, at: number, length: number) => String.fromCharCode(...bytes.subarray(at, at + length));

export const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** null for what ends too early. */
export function strictly(walk: () => Cleaned | null): Cleaned | null {
  try {
    return walk();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

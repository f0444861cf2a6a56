// A blob that is still being encrypted, for whoever reads it already: waits for what is not there yet.
import { fileSegmentBytes, type ReadBytes } from "@cychat/crypto";

/** As many segments are kept at hand; what is older is read from where it was stored. */
const segmentsAtHand = 12;

export class GrowingFile {
  readonly #recent = new Map<number, Uint8Array>();
  #length = 0;
  #isWhole = false;
  #failure: { readonly error: unknown } | null = null;
  #grown = Promise.withResolvers<void>();

  /** `stored` reads what was added and is no longer at hand. */
  constructor(readonly stored: ReadBytes) {}

  /** Of `fileSegmentBytes`, the last one fewer or as many. */
  add(segment: Uint8Array): void {
    const number = this.#length / fileSegmentBytes;
    this.#recent.set(number, segment);
    this.#recent.delete(number - segmentsAtHand);
    this.#length += segment.length;
    this.#wake();
  }

  end(): void {
    this.#isWhole = true;
    this.#wake();
  }

  /** Whoever reads, now or later, is told. */
  fail(error: unknown): void {
    this.#failure = { error };
    this.#wake();
  }

  readonly read: ReadBytes = async (from, to) => {
    while (this.#length < to && !this.#isWhole && this.#failure === null) await this.#grown.promise;
    if (this.#failure !== null) throw this.#failure.error;
    const bytes = new Uint8Array(Math.max(0, Math.min(to, this.#length) - from));
    for (let at = from; at < from + bytes.length; ) {
      const number = Math.floor(at / fileSegmentBytes);
      const start = number * fileSegmentBytes;
      const end = Math.min(start + fileSegmentBytes, from + bytes.length);
      const piece = this.#recent.get(number)?.subarray(at - start, end - start) ?? (await this.stored(at, end));
      if (piece.length === 0) return bytes.subarray(0, at - from);
      bytes.set(piece, at - from);
      at += piece.length;
    }
    return bytes;
  };

  #wake(): void {
    this.#grown.resolve();
    this.#grown = Promise.withResolvers<void>();
  }
}

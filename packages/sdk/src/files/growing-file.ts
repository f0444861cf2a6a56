// A blob that is still being encrypted, for whoever reads it already: waits for what is not there yet.
import { fileSegmentBytes } from "@cychat/crypto";

/** As many segments are kept at hand; what is older is read from where it was stored. */
const segmentsAtHand = 6;

export type ReadBlob = (from: number, to: number) => Promise<Blob>;

export class GrowingFile {
  readonly #recent = new Map<number, Blob>();
  #length = 0;
  #isWhole = false;
  #failure: { readonly error: unknown } | null = null;
  #grown = Promise.withResolvers<void>();

  /** `stored` reads what was added and is no longer at hand. */
  constructor(readonly stored: ReadBlob) {}

  /** Of `fileSegmentBytes`, the last one fewer or as many; stored already. */
  add(segment: Blob): void {
    const number = this.#length / fileSegmentBytes;
    this.#recent.set(number, segment);
    this.#recent.delete(number - segmentsAtHand);
    this.#length += segment.size;
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

  readonly read: ReadBlob = async (from, to) => {
    while (this.#length < to && !this.#isWhole && this.#failure === null) await this.#grown.promise;
    if (this.#failure !== null) throw this.#failure.error;
    const end = Math.min(to, this.#length);
    return piecedTogether(from, end, async (number) => {
      const start = number * fileSegmentBytes;
      return this.#recent.get(number) ?? this.stored(start, Math.min(start + fileSegmentBytes, this.#length));
    });
  };

  #wake(): void {
    this.#grown.resolve();
    this.#grown = Promise.withResolvers<void>();
  }
}

/** Bytes of a blob that lies in segments; fewer than asked for from where a segment is gone. */
export async function piecedTogether(
  from: number,
  to: number,
  segmentAt: (number: number) => Promise<Blob | undefined>,
): Promise<Blob> {
  const pieces: Blob[] = [];
  for (let at = from; at < to; ) {
    const number = Math.floor(at / fileSegmentBytes);
    const start = at - number * fileSegmentBytes;
    const piece = (await segmentAt(number))?.slice(start, start + to - at);
    if (piece === undefined || piece.size === 0) break;
    pieces.push(piece);
    at += piece.size;
  }
  return new Blob(pieces);
}

/** How loud it is right now. While the browser lets no audio context run it is silent, and recording goes on all the same. */
export class Loudness {
  readonly #context = new AudioContext();
  readonly #analyser = this.#context.createAnalyser();
  readonly #samples = new Float32Array(2048);

  constructor(stream: MediaStream) {
    this.#analyser.fftSize = this.#samples.length;
    this.#context.createMediaStreamSource(stream).connect(this.#analyser);
    void this.#context.resume();
  }

  /** The highest of the last moments, from 0 to 1. */
  level(): number {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return Math.min(
      1,
      this.#samples.reduce((highest, sample) => Math.max(highest, Math.abs(sample)), 0),
    );
  }

  end(): void {
    void this.#context.close();
  }
}

// How loud a recording is, in bars: written by who records, drawn by who listens.

/** Below this it is the room that is heard: a silent recording is not drawn as a loud one. */
const quiet = 0.08;

/** `levels`: peaks from 0 to 1 at equal distances in time. Gives as many bars as there is something to tell, `most` at most. */
export function waveformOf(levels: readonly number[], most: number): Uint8Array<ArrayBuffer> {
  if (levels.length === 0) return new Uint8Array(1);
  const loudest = Math.max(
    quiet,
    levels.reduce((a, b) => Math.max(a, b), 0),
  );
  const bars = peaks(levels, Math.min(most, levels.length));
  // The ear tells soft from softer: the root brings out what is soft.
  return Uint8Array.from(bars, (level) => Math.round(255 * Math.sqrt(Math.min(1, Math.max(0, level) / loudest))));
}

/** The highest of each of `count` equal stretches; some are drawn twice where there are more stretches than levels. */
export function peaks(levels: ArrayLike<number>, count: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    const from = Math.floor((index * levels.length) / count);
    const to = Math.max(from + 1, Math.floor(((index + 1) * levels.length) / count));
    let highest = 0;
    for (let at = from; at < to; at++) highest = Math.max(highest, levels[at] ?? 0);
    return highest;
  });
}

/** Longer ones are somebody's fancy. */
const longestMs = 24 * 3600 * 1000;

/** How long a recording plays is its sender's word, until it is here. */
export const plausible = (durationMs: number | null) =>
  Math.min(longestMs, Math.max(0, Number.isFinite(durationMs) ? (durationMs ?? 0) : 0));

/** "0:07", "12:30", "1:02:03". */
export function clockTime(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  const padded = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${padded(minutes)}:${padded(seconds % 60)}` : `${minutes}:${padded(seconds % 60)}`;
}

/** Of a whole recording: the shortest is a second long. */
export const wholeTime = (ms: number) => clockTime(Math.max(1000, Math.round(ms / 1000) * 1000));

// Which part of the loaded messages is in the document. Places are stable under loading history (see Timeline.origin):
// `from` and `to` are places, `to` is Infinity while the end is followed.
export interface Window {
  readonly from: number;
  readonly to: number;
}

const firstRows = 36;
const step = 40;
const maxRows = 220;
const keptRows = 140;

export const atEnd = (end: number, origin: number): Window => ({
  from: Math.max(-origin, end - firstRows),
  to: Number.POSITIVE_INFINITY,
});

export const around = (place: number, end: number, origin: number): Window => ({
  from: Math.max(-origin, place - firstRows / 2),
  to: Math.min(end, place + firstRows),
});

export const widerUp = (window: Window, origin: number): Window => ({ ...window, from: Math.max(-origin, window.from - step) });

export const widerDown = (window: Window, end: number): Window => ({ ...window, to: Math.min(end, window.to + step) });

/** `null` where nothing is to be taken away. `lowest` is the place of the lowest row in sight. */
export function trimmed(window: Window, end: number, lowest: number): Window | null {
  const to = Math.min(window.to, end);
  if (to - window.from <= maxRows) return null;
  // Reading at the end keeps the newest, reading above keeps what is around the eyes.
  if (lowest >= to - step) return { from: to - keptRows, to: window.to };
  const kept = Math.max(window.from + keptRows, lowest + step);
  return kept < to ? { from: window.from, to: kept } : null;
}

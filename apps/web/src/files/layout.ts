// How pictures share their space, told by what the message says alone: nothing moves when they come.
const shortestSide = 128;
const widest = 352;
const highest = 384;

/** The box of a single picture, in CSS pixels; its proportions are the sender's word, within reason. */
export function boxOf(width: number | null, height: number | null): { readonly width: number; readonly height: number } {
  if (!width || !height) return { width: 256, height: 192 };
  const scale = Math.min(1, widest / width, highest / height);
  const clamp = (size: number, max: number) => Math.round(Math.min(max, Math.max(shortestSide, size * scale)));
  return { width: clamp(width, widest), height: clamp(height, highest) };
}

/** How many pictures stand in the row of each of `count`: three, and two where three would leave one alone. */
export function sharedBy(count: number): readonly (2 | 3)[] {
  const pairs = [0, 2, 1][count % 3] ?? 0;
  return Array.from({ length: count }, (_, index) => (index < pairs * 2 ? 2 : 3));
}

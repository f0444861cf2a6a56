// What stands for a picture where there is none: one or two letters on a colour of one's own.
function firstLetter(word: string): string {
  const [first] = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(word);
  return first?.segment.toLocaleUpperCase() ?? "?";
}

export function initialsOf(name: string): string {
  const words = name.split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => firstLetter(word ?? "")).join("");
}

// FNV-1a, which spreads also ids that differ in one place.
const hash = (text: string) =>
  [...text].reduce((sum, letter) => Math.imul(sum ^ letter.charCodeAt(0), 0x01000193) >>> 0, 0x811c9dc5) >>> 7;

/** The same person or room has the same colour everywhere; in degrees. */
export const hueOf = (id: string) => (hash(id) % 24) * 15;

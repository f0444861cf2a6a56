// Where a search is found in a name. Case, and the ways to write the same letter, make no difference: the client searches so.
const letters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

const folded = (text: string) => text.normalize("NFKC").toLowerCase();

/** The parts of a name, in order: what was found, and what stands around it. */
export interface NamePart {
  readonly text: string;
  readonly isFound: boolean;
}

export const isFoundIn = (name: string, search: string) => folded(name).includes(folded(search.trim()));

export function partsOf(name: string, search: string): readonly NamePart[] {
  const whole = [{ text: name, isFound: false }];
  const sought = folded(search.trim());
  if (sought === "") return whole;
  let plain = "";
  /** For each unit of `plain`, where the letter it came from begins in `name`. */
  const origin: number[] = [];
  for (const { segment, index } of letters.segment(name)) {
    const part = folded(segment);
    plain += part;
    for (let unit = 0; unit < part.length; unit++) origin.push(index);
  }
  origin.push(name.length);
  const parts: NamePart[] = [];
  let at = 0;
  for (let from = plain.indexOf(sought); from >= 0; from = plain.indexOf(sought, from + sought.length)) {
    const start = Math.max(at, origin[from] ?? name.length);
    const last = origin[from + sought.length - 1] ?? 0;
    const end = origin.find((index) => index > last) ?? name.length;
    if (start > at) parts.push({ text: name.slice(at, start), isFound: false });
    if (end > start) parts.push({ text: name.slice(start, end), isFound: true });
    at = Math.max(at, end);
  }
  if (at < name.length) parts.push({ text: name.slice(at), isFound: false });
  return parts.length > 0 ? parts : whole;
}

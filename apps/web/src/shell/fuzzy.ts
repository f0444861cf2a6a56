// A small fuzzy match for names: every letter in order, with a better score for starts of words and runs.
const plain = (text: string) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** 0 where it does not match; more is better. */
export function fuzzyScore(query: string, text: string): number {
  const wanted = plain(query).replace(/\s+/g, "");
  const given = plain(text);
  if (wanted === "") return 1;
  const whole = given.indexOf(plain(query).trim());
  if (whole >= 0) return 1000 - whole * 2 - given.length / 10 + (whole === 0 || given[whole - 1] === " " ? 200 : 0);
  let score = 0;
  let at = 0;
  let run = 0;
  for (const letter of wanted) {
    const found = given.indexOf(letter, at);
    if (found < 0) return 0;
    run = found === at ? run + 1 : 0;
    score += 10 + run * 6 + (found === 0 || /[\s._@-]/.test(given[found - 1] ?? "") ? 18 : 0) - Math.min(found - at, 8);
    at = found + 1;
  }
  return Math.max(1, score);
}

export interface MentionStart {
  /** Where the `@` stands. */
  readonly from: number;
  readonly query: string;
}

const longestName = 40;

/** The `@` and what was typed after it up to the caret; null where the caret is not behind one. */
export function mentionAt(text: string, caret: number): MentionStart | null {
  const from = text.lastIndexOf("@", caret - 1);
  if (from < 0 || caret - from - 1 > longestName) return null;
  // An e-mail address is no mention.
  if (from > 0 && !/[\s([{"'“‘«]/u.test(text[from - 1] ?? "")) return null;
  const query = text.slice(from + 1, caret);
  return /^\s|\n/.test(query) ? null : { from, query };
}

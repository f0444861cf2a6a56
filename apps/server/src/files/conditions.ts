// Conditional requests, as RFC 9110 section 13 has them, for something that never changes and has a strong entity tag.

/** `range`: a `Range`, if there is one, is to be answered; `whole`: it is to be ignored. */
export type Outcome = "failed" | "unchanged" | "range" | "whole";

/** In the order of section 13.2.2. Dates are never compared: there is no `Last-Modified`. */
export function evaluate(asked: Headers, etag: string): Outcome {
  const [match, noneMatch, ifRange] = ["if-match", "if-none-match", "if-range"].map((name) => asked.get(name));
  if (match && !names(match, etag, isSame)) return "failed";
  if (noneMatch && names(noneMatch, etag, isSameWeakly)) return "unchanged";
  return ifRange && !isSame(ifRange.trim(), etag) ? "whole" : "range";
}

type Compare = (tag: string, etag: string) => boolean;
const isSame: Compare = (tag, etag) => tag === etag;
const isSameWeakly: Compare = (tag, etag) => tag.replace(/^W\//, "") === etag;

/** Our own tag has no comma in it, so that cutting other people's in two does no harm. */
function names(list: string, etag: string, compare: Compare): boolean {
  return list.trim() === "*" || list.split(",").some((tag) => compare(tag.trim(), etag));
}

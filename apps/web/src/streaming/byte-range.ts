// One range of bytes, as RFC 9110 section 14 has it.

/** `to` is not included. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** null: the whole is meant, also where it is no range that we understand; `unsatisfiable`: nothing of it is in the file. */
export function parseRange(header: string | null, size: number): ByteRange | null | "unsatisfiable" {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return null;
  if (first === "")
    return Number(last) === 0 || size === 0 ? "unsatisfiable" : { from: Math.max(0, size - Number(last)), to: size };
  const from = Number(first);
  const to = last === "" ? size : Math.min(size, Number(last) + 1);
  if (last !== "" && Number(last) < from) return null;
  return from >= size ? "unsatisfiable" : { from, to };
}

/** What is read at once: up to the next multiple, where chunks end, too. */
const pieceBytes = 1024 * 1024;

export const firstPiece = ({ from, to }: ByteRange): ByteRange => ({
  from,
  to: Math.min(to, (Math.floor(from / pieceBytes) + 1) * pieceBytes),
});

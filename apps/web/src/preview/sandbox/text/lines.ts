// A text as lines of runs, each with the part of speech it has in its language.
export interface Run {
  readonly text: string;
  /** Like `keyword`; empty for plain text. */
  readonly scope: string;
}

export type Line = readonly Run[];

/** More are not drawn; what is left out is said. */
const mostLines = 50_000;
const mostChars = 10_000;

export interface Lines {
  readonly lines: readonly Line[];
  readonly isCut: boolean;
}

export function linesOf(runs: readonly Run[]): Lines {
  const lines: Run[][] = [[]];
  let chars = 0;
  let isCut = false;
  for (const { text, scope } of runs) {
    for (const [index, part] of text.split("\n").entries()) {
      if (index > 0) {
        if (lines.length >= mostLines) return { lines, isCut: true };
        lines.push([]);
        chars = 0;
      }
      const room = mostChars - chars;
      if (part.length > room) isCut = true;
      if (part === "" || room <= 0) continue;
      lines.at(-1)?.push({ text: part.slice(0, room), scope });
      chars += part.length;
    }
  }
  // The end of the last line begins no new one.
  if (lines.length > 1 && lines.at(-1)?.length === 0) lines.pop();
  return { lines, isCut };
}

/** Lines end in one way, whatever they end in. */
export const withPlainEnds = (text: string) => text.replaceAll(/\r\n?/g, "\n");

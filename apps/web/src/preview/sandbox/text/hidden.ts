// Characters that cannot be seen and change what one reads: they make code look like other code ("Trojan Source"). They are
// named where they stand, and do nothing.

export interface Piece {
  readonly text: string;
  /** It names a character that is not drawn. */
  readonly isHidden: boolean;
}

// Turn the direction of writing, join or part nothing, or come from a keyboard's past; tab and line ends are text.
const always = "\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069\\u{e0000}-\\u{e007f}\\ufff9-\\ufffb";
/** Have their place in languages and emoji, and none in code. */
const inCode = "\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2060-\\u2064\\ufeff\\u115f\\u1160\\u3164\\uffa0";

const hidden = { code: new RegExp(`[${always}${inCode}]`, "u"), prose: new RegExp(`[${always}]`, "u") } as const;

export function pieces(text: string, as: keyof typeof hidden): readonly Piece[] {
  if (!hidden[as].test(text)) return [{ text, isHidden: false }];
  const parts = text.split(new RegExp(`(${hidden[as].source})`, "u"));
  return parts.flatMap((part, index) => {
    if (part === "") return [];
    return [index % 2 === 1 ? { text: nameOf(part), isHidden: true } : { text: part, isHidden: false }];
  });
}

const nameOf = (character: string) => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;

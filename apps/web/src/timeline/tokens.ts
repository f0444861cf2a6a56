// A message's text as blocks and pieces: code between fences, `code`, links, names with `@`. Everything else is shown as it was typed.
export type Inline =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "link"; readonly text: string; readonly href: string }
  | { readonly kind: "mention"; readonly text: string; readonly me: boolean };

/** A name that the text may say with `@`. */
export interface MentionName {
  readonly name: string;
  readonly me: boolean;
}

export type Block =
  | { readonly kind: "text"; readonly pieces: readonly Inline[] }
  | { readonly kind: "code"; readonly text: string; readonly language: string };

const fence = /^[ \t]*```[ \t]*([\w+#.-]*)[ \t]*$/;

export function blocksOf(text: string, mentions: readonly MentionName[] = []): readonly Block[] {
  if (!text.includes("```")) return [{ kind: "text", pieces: inlineOf(text, mentions) }];
  const blocks: Block[] = [];
  let plain: string[] = [];
  let code: string[] | null = null;
  let language = "";
  const endPlain = () => {
    const joined = plain.join("\n").replace(/^\n+|\n+$/g, "");
    if (joined !== "") blocks.push({ kind: "text", pieces: inlineOf(joined, mentions) });
    plain = [];
  };
  for (const line of onOwnLines(text).split("\n")) {
    const found = fence.exec(line);
    if (code) {
      if (found && found[1] === "") {
        blocks.push({ kind: "code", text: code.join("\n"), language });
        code = null;
      } else code.push(line);
    } else if (found) {
      endPlain();
      code = [];
      language = found[1] ?? "";
    } else plain.push(line);
  }
  // A fence that nobody closed runs to the end.
  if (code) blocks.push({ kind: "code", text: code.join("\n"), language });
  endPlain();
  return blocks;
}

// ```code``` written in one line is a block as well.
const onOwnLines = (text: string) => text.replace(/```([^`\n]+)```/g, "\n```\n$1\n```\n");

const piece = /`([^`\n]+)`|\bhttps?:\/\/[^\s<>"'`]+/giu;

function inlineOf(text: string, mentions: readonly MentionName[]): readonly Inline[] {
  const pieces: Inline[] = [];
  let from = 0;
  const addText = (to: number) => {
    if (to > from) pieces.push(...withMentions(text.slice(from, to), mentions));
  };
  for (const match of text.matchAll(piece)) {
    const at = match.index;
    if (match[1] !== undefined) {
      addText(at);
      pieces.push({ kind: "code", text: match[1] });
      from = at + match[0].length;
      continue;
    }
    const shown = withoutTrailingMarks(match[0]);
    const href = safeAddress(shown);
    if (href === null) continue;
    addText(at);
    pieces.push({ kind: "link", text: shown, href });
    from = at + shown.length;
  }
  addText(text.length);
  return pieces;
}

/** `@` and a name of these, where no letter or digit goes on after it; the longest name that fits. */
export function findMentions<Named extends { readonly name: string }>(
  text: string,
  mentions: readonly Named[],
): readonly { readonly at: number; readonly end: number; readonly who: Named }[] {
  const found: { at: number; end: number; who: Named }[] = [];
  if (mentions.length === 0 || !text.includes("@")) return found;
  const longestFirst = mentions.toSorted((a, b) => b.name.length - a.name.length);
  let at = text.indexOf("@");
  while (at >= 0) {
    const start = at + 1;
    const startsWord = at === 0 || !letterOrDigit.test(text[at - 1] ?? "");
    const who = startsWord ? longestFirst.find(({ name }) => name !== "" && says(text, start, name)) : undefined;
    const end = who ? start + who.name.length : start;
    if (who) found.push({ at, end, who });
    at = text.indexOf("@", end);
  }
  return found;
}

const letterOrDigit = /[\p{L}\p{N}_]/u;
const says = (text: string, at: number, name: string) =>
  text.slice(at, at + name.length).toLowerCase() === name.toLowerCase() && !letterOrDigit.test(text[at + name.length] ?? "");

function withMentions(text: string, mentions: readonly MentionName[]): readonly Inline[] {
  const pieces: Inline[] = [];
  let from = 0;
  for (const { at, end, who } of findMentions(text, mentions)) {
    if (at > from) pieces.push({ kind: "text", text: text.slice(from, at) });
    pieces.push({ kind: "mention", text: text.slice(at, end), me: who.me });
    from = end;
  }
  if (from < text.length) pieces.push({ kind: "text", text: text.slice(from) });
  return pieces;
}

// The full stop or bracket after an address belongs to the sentence.
function withoutTrailingMarks(address: string): string {
  let shown = address;
  for (;;) {
    const last = shown.at(-1) ?? "";
    const opens = shown.split("(").length;
    const closes = shown.split(")").length;
    if (/[.,;:!?…»”’\]}*_]/u.test(last) || (last === ")" && closes > opens)) shown = shown.slice(0, -1);
    else return shown;
  }
}

function safeAddress(text: string): string | null {
  const url = URL.parse(text);
  return url && (url.protocol === "http:" || url.protocol === "https:") && url.hostname !== "" ? url.href : null;
}

const onlyEmoji = /^(?:\p{RGI_Emoji}\s*){1,3}$/v;
/** One to three emoji and nothing else are shown large. */
export const isJumbo = (text: string) => text.length <= 40 && onlyEmoji.test(text);

const firstStrong = /[\p{L}\p{Nl}]/u;
const rightToLeft = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

/** How the last paragraph runs, by its first letter, as `dir="auto"` has it. */
export function isRightToLeft(text: string): boolean {
  const paragraph = text.slice(text.lastIndexOf("\n", text.trimEnd().length - 1) + 1);
  const letter = firstStrong.exec(paragraph)?.[0];
  return letter !== undefined && rightToLeft.test(letter);
}

const collapsedChars = 1400;
const collapsedLines = 22;

/** What is shown of a long text before "Show more"; null where the whole is short enough. */
export function collapsed(text: string): string | null {
  let end = text.length > collapsedChars * 1.25 ? collapsedChars : text.length;
  let lines = 0;
  let cut = -1;
  for (let index = 0; index < end; index++) {
    if (text.charCodeAt(index) !== 10) continue;
    lines += 1;
    if (lines === collapsedLines) cut = index;
  }
  if (lines > collapsedLines * 1.25) end = Math.min(end, cut);
  if (end === text.length) return null;
  // Not in the middle of a word, nor of a character.
  const space = text.lastIndexOf(" ", end);
  if (space > end - 60) end = space;
  else if (/[\uDC00-\uDFFF]/.test(text[end] ?? "")) end -= 1;
  return text.slice(0, end).trimEnd();
}

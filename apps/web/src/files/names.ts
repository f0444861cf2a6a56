// Names of files are somebody's word: they are shown and kept without what would make them look like another one.
import { fileNameChars } from "../limits.ts";

// Control characters, what turns the direction of writing, and what parts the folders of a path.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const misleading = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

export function plainName(name: string): string {
  return name.replace(misleading, "").replaceAll(/[/\\]/g, "_").trim() || "file";
}

/** How long the end of a name is that is always shown, with what says its kind. */
const tailChars = 9;

/** A long name gives way in its middle: `head` may be cut, `tail` not. */
export function parted(name: string): { readonly head: string; readonly tail: string } {
  const letters = [...plainName(name)];
  if (letters.length <= tailChars * 2) return { head: letters.join(""), tail: "" };
  return { head: letters.slice(0, -tailChars).join(""), tail: letters.slice(-tailChars).join("") };
}

/** Cut in its middle to what a message may carry. */
export function fitting(name: string): string {
  const plain = plainName(name);
  if (plain.length <= fileNameChars) return plain;
  const tail = plain.slice(-32).replace(/^[\udc00-\udfff]/, "");
  const head = plain.slice(0, fileNameChars - tail.length - 1).replace(/[\ud800-\udbff]$/, "");
  return `${head}…${tail}`;
}

/** With the ending that belongs to the type, where another one stood. */
export function withEnding(name: string, ending: string): string {
  const base = name.replace(/\.[\p{L}\p{N}]{1,10}$/u, "");
  return `${base || name}.${ending}`;
}

// Which files can be looked at before they are downloaded. Name and type are the sender's word: what they lead to is drawn by a
// page that can do no harm, and says so itself when it is something else.
import { endingOf } from "../files/kinds.ts";

export type PreviewKind = "pdf" | "text";

interface Described {
  readonly name: string;
  readonly type: string;
  readonly size: number;
}

/** Larger ones are downloaded and opened by a program for them. */
const mostBytes: Readonly<Record<PreviewKind, number>> = { pdf: 50 * 1000 * 1000, text: 20 * 1000 * 1000 };

const words = (list: string): ReadonlySet<string> => new Set(list.split(" "));
const textEndings = words(
  "txt text log md markdown rst adoc tex csv tsv ics vcf srt vtt " +
    "js mjs cjs jsx ts mts cts tsx svelte vue html htm xhtml css scss less json jsonc json5 ndjson geojson xml svg xsd xsl plist " +
    "yaml yml toml ini cfg conf properties env sh bash zsh fish ps1 psm1 bat cmd py pyi ipynb rb pl php go rs c h cc cpp cxx hh hpp " +
    "m mm cs java kt kts swift scala groovy gradle dart lua r jl hs ml ex exs erl clj sql graphql proto diff patch asm s cmake tf " +
    "nix pem crt pub asc",
);
/** Files that are text and have no ending. */
const textNames = words(
  "dockerfile containerfile makefile readme license licence copying changelog authors notice gemfile rakefile procfile " +
    ".gitignore .gitattributes .editorconfig .env .npmrc .dockerignore .bashrc .zshrc .profile .vimrc",
);
const textTypes = /^(?:text\/|application\/(?:json|xml|javascript|x-sh|sql|toml|yaml|x-yaml|[\w.-]+\+(?:json|xml))$)/;

export function previewOf({ name, type, size }: Described): PreviewKind | null {
  const kind = kindOf(name, type.toLowerCase());
  return kind !== null && size > 0 && size <= mostBytes[kind] ? kind : null;
}

function kindOf(name: string, type: string): PreviewKind | null {
  const ending = endingOf(name);
  if (ending === "pdf") return "pdf";
  if (textEndings.has(ending) || textNames.has(name.toLowerCase())) return "text";
  // A known ending says more than a type; without one the type is all there is.
  if (ending !== "") return null;
  if (type === "application/pdf") return "pdf";
  return textTypes.test(type) ? "text" : null;
}

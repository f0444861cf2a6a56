// The languages that get colours, and the endings that say which.
import bash from "highlight.js/lib/languages/bash";
import c from "highlight.js/lib/languages/c";
import cpp from "highlight.js/lib/languages/cpp";
import csharp from "highlight.js/lib/languages/csharp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import dockerfile from "highlight.js/lib/languages/dockerfile";
import go from "highlight.js/lib/languages/go";
import ini from "highlight.js/lib/languages/ini";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import kotlin from "highlight.js/lib/languages/kotlin";
import lua from "highlight.js/lib/languages/lua";
import makefile from "highlight.js/lib/languages/makefile";
import markdown from "highlight.js/lib/languages/markdown";
import php from "highlight.js/lib/languages/php";
import powershell from "highlight.js/lib/languages/powershell";
import python from "highlight.js/lib/languages/python";
import r from "highlight.js/lib/languages/r";
import ruby from "highlight.js/lib/languages/ruby";
import rust from "highlight.js/lib/languages/rust";
import scss from "highlight.js/lib/languages/scss";
import sql from "highlight.js/lib/languages/sql";
import swift from "highlight.js/lib/languages/swift";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import { endingOf } from "../../../files/kinds.ts";

export const languages = {
  bash,
  c,
  cpp,
  csharp,
  css,
  diff,
  dockerfile,
  go,
  ini,
  java,
  javascript,
  json,
  kotlin,
  lua,
  makefile,
  markdown,
  php,
  powershell,
  python,
  r,
  ruby,
  rust,
  scss,
  sql,
  swift,
  typescript,
  xml,
  yaml,
} as const;

type Language = keyof typeof languages;

const endings: Readonly<Record<Language, string>> = {
  bash: "sh bash zsh fish",
  c: "c h",
  cpp: "cc cpp cxx hh hpp",
  csharp: "cs",
  css: "css less",
  diff: "diff patch",
  dockerfile: "dockerfile containerfile",
  go: "go",
  ini: "ini cfg conf properties env toml",
  java: "java groovy gradle",
  javascript: "js mjs cjs jsx",
  json: "json jsonc json5 ndjson geojson ipynb",
  kotlin: "kt kts",
  lua: "lua",
  makefile: "makefile",
  markdown: "md markdown",
  php: "php",
  powershell: "ps1 psm1",
  python: "py pyi",
  r: "r",
  ruby: "rb gemfile rakefile",
  rust: "rs",
  scss: "scss",
  sql: "sql",
  swift: "swift",
  typescript: "ts mts cts tsx",
  xml: "xml html htm xhtml svg xsd xsl plist svelte vue",
  yaml: "yaml yml",
};

/** What is written to be read by people. */
const prose = new Set("txt text log md markdown rst adoc tex csv tsv ics vcf srt vtt".split(" "));

export const isProse = (name: string) => prose.has(endingOf(name)) || languageOf(name) === null;

export function languageOf(name: string): Language | null {
  const wanted = endingOf(name) || name.toLowerCase().replace(/^\./, "");
  const found = Object.entries(endings).find(([, all]) => all.split(" ").includes(wanted));
  return (found?.[0] as Language | undefined) ?? null;
}

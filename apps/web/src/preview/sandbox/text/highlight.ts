// Which parts of a text are keywords, strings and the like, by highlight.js; its HTML is never made.
import hljs from "highlight.js/lib/core";
import { languageOf, languages } from "./languages.ts";
import type { Run } from "./lines.ts";

/** In larger files only lines are drawn. */
const mostChars = 300_000;

/** Takes what highlight.js finds as runs of text. */
class Runs {
  readonly runs: Run[] = [];
  readonly #scopes: string[] = [];

  addText(text: string): void {
    if (text !== "") this.runs.push({ text, scope: this.#scopes.at(-1) ?? "" });
  }

  startScope(name: string): void {
    this.openNode(name);
  }

  endScope(): void {
    this.closeNode();
  }

  // It calls the two above by these names, too.
  openNode(name: string): void {
    this.#scopes.push(/^[a-z]+/.exec(name)?.[0] ?? "");
  }

  closeNode(): void {
    this.#scopes.pop();
  }

  __addSublanguage(emitter: Runs): void {
    this.runs.push(...emitter.runs);
  }

  finalize(): void {}

  toHTML(): string {
    return "";
  }
}

hljs.configure({ __emitter: Runs as never });
for (const [name, language] of Object.entries(languages)) hljs.registerLanguage(name, language);

/** `language`: how it is called, or null where it has no colours. */
export function highlighted(text: string, name: string): { readonly runs: readonly Run[]; readonly language: string | null } {
  const language = languageOf(name);
  const plain = { runs: [{ text, scope: "" }], language: null };
  if (language === null || text.length > mostChars) return plain;
  try {
    const { runs } = hljs.highlight(text, { language, ignoreIllegals: true })._emitter as unknown as Runs;
    // What is shown is the file, whatever was found in it.
    if (runs.map((run) => run.text).join("") !== text) return plain;
    return { runs, language: hljs.getLanguage(language)?.name ?? language };
  } catch {
    return plain;
  }
}

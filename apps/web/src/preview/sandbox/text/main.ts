// Draws a text file: numbered lines, plain text in every place, colours where the language is known.
import { preview as text } from "../../../strings/preview.ts";
import { element, focusQuietly, receive } from "../receive.ts";
import { decoded } from "./decode.ts";
import { pieces } from "./hidden.ts";
import { highlighted } from "./highlight.ts";
import { isProse } from "./languages.ts";
import { type Line, linesOf, withPlainEnds } from "./lines.ts";
import "./text.css";

/** Lines that are drawn together. */
const chunkLines = 100;

receive(({ bytes, name, size }, answer) => {
  const isWhole = bytes.byteLength >= size;
  const found = decoded(new Uint8Array(bytes), isWhole);
  if (!found) return answer({ state: "failed", problem: "not-text" });
  const { runs, language } = highlighted(withPlainEnds(found.text), name);
  const { lines, isCut } = linesOf(runs);
  const kind = isProse(name) ? "prose" : "code";

  const page = element("main", `file is-${kind}`);
  page.tabIndex = 0;
  page.setAttribute("aria-label", name);
  page.classList.toggle("wrapped", kind === "prose");
  page.style.setProperty("--digits", String(String(lines.length).length));
  const about = [language, text.lines(lines.length), found.encoding === "UTF-8" ? null : found.encoding];
  document.body.append(bar(about.filter((part) => part !== null).join(" · "), page), page);
  if (!isWhole || isCut) page.before(element("p", "cut", text.cut(bytes.byteLength, size)));
  for (let at = 0; at < lines.length; at += chunkLines) page.append(chunk(lines, at, kind));
  focusQuietly(page);
  answer({ state: "shown", pages: null });
});

function bar(about: string, page: HTMLElement): HTMLElement {
  const wrap = element("button", "wrap", text.wrap);
  const show = () => wrap.setAttribute("aria-pressed", String(page.classList.contains("wrapped")));
  wrap.type = "button";
  wrap.addEventListener("click", () => {
    page.classList.toggle("wrapped");
    show();
  });
  show();
  const made = element("header", "bar");
  made.append(element("span", "about", about), wrap);
  return made;
}

function chunk(lines: readonly Line[], from: number, kind: "code" | "prose"): HTMLElement {
  const made = element("div", "chunk");
  const some = lines.slice(from, from + chunkLines);
  made.style.setProperty("--lines", String(some.length));
  for (const [index, line] of some.entries()) {
    const row = element("div", "line");
    row.dataset.line = String(from + index + 1);
    const content = element("span", "content");
    for (const run of line) content.append(...drawn(run, kind));
    row.append(content);
    made.append(row);
  }
  return made;
}

function drawn({ text: words, scope }: Line[number], kind: "code" | "prose"): Node[] {
  return pieces(words, kind).map((piece) => {
    if (piece.isHidden) {
      const named = element("span", "hidden", piece.text);
      named.title = text.hidden;
      return named;
    }
    return scope === "" && kind === "prose" ? document.createTextNode(piece.text) : element("span", scope, piece.text);
  });
}
